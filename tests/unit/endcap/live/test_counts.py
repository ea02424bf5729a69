import dataclasses
import math

import pytest

from endcap.catalog.item import Item
from endcap.errors import InvalidRequestError, ThrottledError
from endcap.events.counts import COARSE, FINE, HOUR_MS, WINDOWS, Demand, Live, demand_of
from endcap.filters.parser import expression
from endcap.index.index import index_of
from endcap.index.overlay import ChangedItem, Overlay
from endcap.live.counts import LiveCounts
from endcap.profiles.profile import EMPTY_PROFILE
from endcap.ranking.terms.live_trend import live_scores
from endcap.recommend.pipeline import recommend
from endcap.recommend.request import RecommendationRequest
from endcap.recommend.trending import windows_of
from endcap.snapshot.parts import TermWeight, Weights
from tests.fakes.toy_snapshot import build_toy_snapshot

NOW_MS = 1_768_471_200_000  # at the start of a 10-minute and of a 2-hour bucket
ASKED = RecommendationRequest(window="1h", personalization="off", exclude_seen="none")


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    return build_toy_snapshot(tmp_path_factory.mktemp("snapshot"))


def live(window="1h", **times):
    named = {name.replace("_", "-"): n for name, n in times.items()}
    return Live({window: Demand(WINDOWS[window], named, named)})


def ids(answer):
    return [item.item_id for item in answer.items]


class Counters:
    """Counts by level and bucket, and the reads of them."""

    def __init__(self):
        self.rows, self.reads, self.down = [], [], False

    def read(self, level, since_ms):
        if self.down:
            raise ThrottledError("slow down")
        self.reads.append((level, since_ms))
        yield from ((start, counts) for of, start, counts in self.rows if of is level and start >= since_ms)


class Clock:
    def __init__(self):
        self.now_s = 0.0

    def __call__(self):
        return self.now_s


class TestDemand:
    def test_halves_with_every_quarter_of_the_window(self):
        found = demand_of({NOW_MS - HOUR_MS // 6: {"da": 4}}, WINDOWS["1h"], NOW_MS)
        assert found.times == {"a": 4}
        assert found.decayed["a"] == pytest.approx(4 * 0.5 ** (5 / 15))

    def test_of_the_running_bucket_has_the_age_of_its_running_middle(self):
        found = demand_of({NOW_MS: {"da": 1}}, WINDOWS["1h"], NOW_MS + 4 * 60_000)
        assert found.decayed["a"] == pytest.approx(0.5 ** (2 / 15))

    def test_ends_with_the_window(self):
        buckets = {NOW_MS - hours * HOUR_MS: {"da": 1} for hours in range(8)}
        assert demand_of(buckets, WINDOWS["1h"], NOW_MS).times == {"a": 2}
        assert demand_of(buckets, WINDOWS["6h"], NOW_MS).times == {"a": 7}

    def test_keeps_clicks_and_impressions_apart(self):
        found = demand_of({NOW_MS: {"da": 1, "ca": 2, "ia": 3}}, WINDOWS["24h"], NOW_MS)
        assert (found.times, found.clicked, found.shown) == ({"a": 1}, {"a": 2}, {"a": 3})


class TestReading:
    def test_is_seen_after_ten_seconds_and_not_read_before(self):
        counters, clock = Counters(), Clock()
        counts = LiveCounts(counters, clock)
        assert counts.demand("1h", NOW_MS).times == {}
        counters.rows.append((FINE, NOW_MS, {"da": 1}))
        clock.now_s = 9.9
        assert counts.demand("1h", NOW_MS + 9_900).times == {}
        clock.now_s = 10.0
        assert counts.demand("1h", NOW_MS + 10_000).times == {"a": 1}
        assert counts.demand("6h", NOW_MS + 10_000).times == {"a": 1}
        assert len(counters.reads) == 2

    def test_is_of_everything_at_first_and_of_the_newest_later(self):
        counters, clock = Counters(), Clock()
        counters.rows = [(COARSE, NOW_MS - 96 * HOUR_MS, {"da": 5})]
        counts = LiveCounts(counters, clock)
        assert counts.demand("7d", NOW_MS).times == {"a": 5}
        clock.now_s = 60
        assert counts.demand("7d", NOW_MS + 60_000).times == {"a": 5}
        assert counters.reads == [(COARSE, NOW_MS - 168 * HOUR_MS), (COARSE, NOW_MS - 2 * HOUR_MS)]
        counters.rows.append((COARSE, NOW_MS - 48 * HOUR_MS, {"db": 1}))  # late events
        clock.now_s = 300
        assert counts.demand("7d", NOW_MS + 300_000).times == {"a": 5, "b": 1}

    def test_that_fails_leaves_what_is_known(self):
        counters, clock = Counters(), Clock()
        counters.rows = [(FINE, NOW_MS, {"da": 1})]
        counts = LiveCounts(counters, clock)
        counts.demand("1h", NOW_MS)
        counters.down, clock.now_s = True, 30
        assert counts.demand("1h", NOW_MS + 30_000).times == {"a": 1}

    def test_that_fails_at_once_says_that_nothing_is_in_demand(self):
        counters = Counters()
        counters.down = True
        assert LiveCounts(counters, Clock()).at(NOW_MS, ["1h"]).trend("1h").times == {}


class TestTrending:
    def test_ranks_by_demand_and_says_how_often(self, snapshot):
        answer = recommend(snapshot, EMPTY_PROFILE, ASKED, NOW_MS, live=live(item_4=2, item_7=9, gone=50))
        assert ids(answer) == ["item-7", "item-4"]
        (reason,) = answer.items[0].reasons
        assert (reason.kind, reason.text) == ("live_trend", "Chosen about 9 times in the last hour.")
        assert answer.items[0].score == pytest.approx(reason.weight) == pytest.approx(math.log1p(9))
        assert (answer.source, answer.items[0].source) == ("popular", "popular")

    def test_speaks_chinese(self, snapshot):
        asked = dataclasses.replace(ASKED, language="zh", window="7d")
        answer = recommend(snapshot, EMPTY_PROFILE, asked, NOW_MS, live=live("7d", item_4=2))
        assert answer.items[0].reasons[0].text == "过去7天内约被选择2次。"

    def test_leaves_out_what_the_filter_does_and_what_is_not_for_sale(self, snapshot):
        sold_out = Item("item-7", "Sold out", available=False)
        overlay = Overlay(snapshot).with_rows([ChangedItem("item-7", NOW_MS, sold_out, None, None)])
        price = snapshot.document(4)["price"]
        asked = dataclasses.replace(ASKED, filter=expression(f"price <= {price}"))
        found = recommend(snapshot, EMPTY_PROFILE, asked, NOW_MS, overlay, live=live(item_4=1, item_7=9, item_30=9))
        assert ids(found) == ["item-4"]

    def test_includes_items_newer_than_the_snapshot(self, snapshot):
        overlay = Overlay(snapshot).with_rows([ChangedItem("new", NOW_MS, Item("new", "New"), None, None)])
        assert ids(recommend(snapshot, EMPTY_PROFILE, ASKED, NOW_MS, overlay, live=live(new=1))) == ["new"]

    def test_is_empty_without_counts(self, snapshot):
        assert ids(recommend(snapshot, EMPTY_PROFILE, ASKED, NOW_MS)) == []

    @pytest.mark.parametrize("asked", [{"window": "2h"}, {"window": "1h", "as_of_ms": NOW_MS}])
    def test_has_its_windows_which_end_now(self, snapshot, asked):
        with pytest.raises(InvalidRequestError, match="window"):
            recommend(snapshot, EMPTY_PROFILE, RecommendationRequest(**asked), NOW_MS)


class TestTerm:
    weighted = Weights(terms={"live_trend": TermWeight(5.0), "popularity": TermWeight(0.1)}, settings={})

    def test_is_off_by_default(self, snapshot):
        plain = recommend(snapshot, EMPTY_PROFILE, RecommendationRequest(), NOW_MS)
        counted = recommend(snapshot, EMPTY_PROFILE, RecommendationRequest(), NOW_MS, live=live("24h", item_30=99))
        assert counted == plain
        assert windows_of(snapshot, [RecommendationRequest()]) == set()

    def test_has_the_weight_of_the_snapshot_also_for_someone_unknown(self, snapshot):
        weighted = dataclasses.replace(snapshot, weights=self.weighted)
        found = recommend(weighted, EMPTY_PROFILE, RecommendationRequest(), NOW_MS, live=live("24h", item_30=99))
        assert ids(found)[0] == "item-30"
        assert sum(r.weight for r in found.items[0].reasons) == pytest.approx(found.items[0].score)
        assert windows_of(weighted, [RecommendationRequest()]) == {"24h"}

    def test_is_off_as_of_a_moment(self, snapshot):
        weighted = dataclasses.replace(snapshot, weights=self.weighted)
        asked = RecommendationRequest(as_of_ms=NOW_MS)
        found = recommend(weighted, EMPTY_PROFILE, asked, NOW_MS, live=live("24h", item_30=99))
        assert found == recommend(weighted, EMPTY_PROFILE, asked, NOW_MS)
        assert windows_of(weighted, [asked]) == set()

    def test_is_zero_for_what_nobody_chose(self, snapshot):
        scores = live_scores(index_of(snapshot), Demand(WINDOWS["1h"], {"item-3": 1}, {"item-3": 1.0}))
        assert scores.nonzero()[0].tolist() == [3]
