"""The simulation behind docs/scale.md: it finds what was measured, and what stands on the page comes out of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from endcap.events.counts import NOTE_SHARDS
from endcap_local.cli.cost import deployment_of
from endcap_local.scale import counters, quotas, serving
from endcap_local.scale.batches import TIMEOUT_S, batch_s
from endcap_local.scale.parameters import BEFORE, NOW
from endcap_local.scale.queue import wait
from endcap_local.scale.report import (
    MEASURED_F3_S,
    MEASURED_F4_S,
    SHOPPERS_OF_F4,
    WINDOW_S,
    filled,
    page_path,
    tables,
)

ROOT = Path(__file__).parents[4]
WITHIN = 0.15
MILLION_A_DAY = 1_000_000 / 86_400


def is_near(found: float, measured: float) -> bool:
    return abs(found - measured) <= WITHIN * measured


class TestItFindsWhatWasMeasured:
    def test_half_a_minute_of_reading_counts(self) -> None:
        rows = counters.bucket_of_before(round(MILLION_A_DAY * counters.BUCKET_S))
        pages, read_s = counters.read_of_before_s(rows)
        assert pages > 100
        assert is_near(read_s, MEASURED_F3_S)
        assert rows.lost == 0

    def test_counts_that_no_row_took_beyond_nineteen_a_second(self) -> None:
        rows = counters.bucket_of_before(160_000)
        assert rows.lost > 0
        assert is_near(rows.counted / counters.BUCKET_S, 19)

    def test_a_batch_that_takes_longer_than_its_minute(self) -> None:
        assert is_near(batch_s(SHOPPERS_OF_F4, BEFORE), MEASURED_F4_S)
        assert batch_s(SHOPPERS_OF_F4, BEFORE) > TIMEOUT_S


class TestTheyAreGone:
    def test_a_large_batch_is_done_in_its_minute(self) -> None:
        assert batch_s(SHOPPERS_OF_F4, NOW) < TIMEOUT_S * 0.6

    @pytest.mark.parametrize("events_per_s", [1, MILLION_A_DAY, 1_000])
    def test_a_view_is_trending_within_a_minute(self, events_per_s: float) -> None:
        found = counters.trending(events_per_s, 10, WINDOW_S, 600)
        assert 0 < found.median_s < found.longest_s < 60
        assert found.busy < 0.5

    def test_nothing_is_folded_while_nothing_happens(self) -> None:
        assert counters.trending(0, 10, WINDOW_S, 3_600).folds_per_hour == 0

    def test_folds_are_no_more_often_than_their_wait(self) -> None:
        busy = counters.trending(1_000, 10, WINDOW_S, 600)
        assert busy.folds_per_hour <= NOTE_SHARDS * 3_600 / WINDOW_S + NOTE_SHARDS


class TestQueue:
    def test_a_queue_that_is_fast_enough_stays_empty(self) -> None:
        found = wait(per_s=20, batch=10, took_s=0.05, most=50, seconds=60)
        assert (found.left, found.longest_s < 0.2) == (0, True)

    def test_one_that_is_not_grows(self) -> None:
        found = wait(per_s=400, batch=1, took_s=0.5, most=50, seconds=60)
        assert found.copies == 50
        assert found.left == pytest.approx((400 - 100) * 60, rel=0.15)

    def test_the_same_comes_out_again(self) -> None:
        assert wait(50, 10, 0.1, 50, 20) == wait(50, 10, 0.1, 50, 20)


class TestServing:
    def test_little_traffic_has_a_start_or_two(self) -> None:
        found = serving.serve(per_s=1, answer_s=0.06, start_s=2.5, most=1_000, seconds=600)
        assert 0 < found.cold < 0.05
        assert found.refused == 0

    def test_warm_copies_leave_nobody_waiting(self) -> None:
        found = serving.serve(per_s=200, answer_s=0.06, start_s=2.5, most=1_000, seconds=60, warm=40)
        assert (found.cold, found.refused) == (0, 0)

    def test_more_at_once_than_the_account_allows_is_refused(self) -> None:
        found = serving.serve(per_s=2_000, answer_s=0.06, start_s=2.5, most=1_000, seconds=10)
        assert found.copies == 1_000
        assert found.refused > 0


def test_a_limit_is_full_where_its_use_reaches_it() -> None:
    for quota in quotas.QUOTAS:
        most = quotas.full_at(quota, quotas.Traffic(1, 1))
        assert quota.takes(quotas.Traffic(most, most)) == pytest.approx(quota.limit)
        assert quota.source.startswith("https://docs.aws.amazon.com/")


@pytest.mark.parametrize(("parameter", "limit"), [("ApiRateLimit", 500), ("UpdateConcurrency", 50)])
def test_limits_of_the_stack_are_those_of_its_template(parameter: str, limit: int) -> None:
    template = (ROOT / "template.yaml").read_text()
    (default,) = re.findall(rf"^  {parameter}:\n    Type: Number\n    Default: (\d+)", template, re.MULTILINE)
    assert int(default) == limit
    assert limit in [quota.limit for quota in quotas.QUOTAS if parameter in quota.what]


def test_the_page_says_what_comes_out() -> None:
    page = page_path(ROOT).read_text(encoding="utf-8")
    assert filled(page, tables(deployment_of(ROOT / "template.yaml", {}))) == page, "python -m endcap_local.scale"


def test_a_page_without_a_table_is_told_of() -> None:
    with pytest.raises(ValueError, match="no table"):
        filled("nothing", {"before": ""})
