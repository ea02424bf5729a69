"""The tables of docs/scale.md, by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from endcap.cost.estimate import estimate
from endcap.cost.month import MONTH_S, Assumptions, Deployment, Usage
from endcap_local.scale import counters, quotas, serving
from endcap_local.scale.batches import TIMEOUT_S, batch_s
from endcap_local.scale.parameters import BEFORE, DYNAMODB_MS, FOLD_MS, FOLD_NOTE_MS, NOW, PAGE_MS
from endcap_local.scale.queue import wait

DAY_S: Final = 86_400
EVENTS_A_DAY: Final = (100_000, 1_000_000, 10_000_000, 100_000_000)
ITEMS: Final = (10_000, 100_000, 1_000_000, 5_000_000)
MEASURED_F3_S, MEASURED_F4_S = 30.0, 69.0
"""As 25628eb was measured, before this simulation was written."""
SHOPPERS_OF_F4: Final = 10 * 500
WINDOW_S: Final = 15.0
"""The stack's `LiveCountsSeconds`."""
LONGEST_SIMULATED_S: Final = 120.0
STORAGE_MB: Final = 10_240
MESSAGES: Final = 10  # EventBatchSize


def tables(deployment: Deployment) -> Mapping[str, str]:
    """Every table of docs/scale.md in Markdown, by the name that it has there."""
    return {
        "before": _before(),
        "trending": _trending(),
        "queue": _queue(),
        "serving": _serving(),
        "quotas": _quotas(),
        "parameters": _parameters(),
        "money": _money(deployment),
        "items": _items(deployment),
    }


def filled(page: str, made: Mapping[str, str]) -> str:
    """The page with its tables replaced; each stands between `<!-- table NAME -->` and `<!-- end -->`."""
    for name, table in made.items():
        begin, end = f"<!-- table {name} -->\n", "<!-- end -->"
        head, _, rest = page.partition(begin)
        if not rest:
            raise ValueError(f"the page has no table {name}")
        page = head + begin + table + end + rest.partition(end)[2]
    return page


def page_path(root: Path) -> Path:
    """Where the page lies."""
    return root / "docs" / "scale.md"


def _table(heading: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [heading, ["---", *["---:"] * (len(heading) - 1)], *rows]
    return "".join("| " + " | ".join(str(cell) for cell in row) + " |\n" for row in lines)


def _before() -> str:
    rows = counters.bucket_of_before(1_000_000 * counters.BUCKET_S // DAY_S)
    pages, read_s = counters.read_of_before_s(rows)
    full = counters.bucket_of_before(200_000)
    rate = full.counted / counters.BUCKET_S
    old_s, new_s = batch_s(SHOPPERS_OF_F4, BEFORE), batch_s(SHOPPERS_OF_F4, NOW)
    trend = counters.trending(1_000_000 / DAY_S, MESSAGES, WINDOW_S, 3_600)
    return _table(
        ("", "measured of 25628eb", "simulated of it", "simulated of today's"),
        (
            ("pages that `/trending` reads at a million events a day", "146", pages, "1 object"),
            ("seconds for which it reads them", f"{MEASURED_F3_S:.0f}", f"{read_s:.1f}", "0, beside requests"),
            ("events a second that fit into the rows", "19", f"{rate:.1f}", "see below"),
            ("seconds from a view to `/trending`, median", "", "", f"{trend.median_s:.0f}"),
            (
                f"seconds for 10 messages of 500 shoppers each, of {TIMEOUT_S}",
                f"{MEASURED_F4_S:.0f}",
                f"{old_s:.1f}",
                f"{new_s:.1f}",
            ),
        ),
    )


def _trending() -> str:
    rows = []
    for daily in EVENTS_A_DAY:
        seconds = 3_600.0 if daily <= 1_000_000 else 600.0
        found = counters.trending(daily / DAY_S, MESSAGES, WINDOW_S, seconds)
        rows.append(
            (
                f"{daily:,}",
                f"{daily / DAY_S:,.1f}",
                f"{found.median_s:.0f} s",
                f"{found.longest_s:.0f} s",
                f"{found.folds_per_hour:,.0f}",
                f"{100 * found.busy:.0f} %",
            )
        )
    heading = ("events a day", "a second", "median", "longest", "folds an hour", "of their time")
    return _table(heading, rows)


def _queue() -> str:
    rows = []
    took_s = batch_s(MESSAGES, NOW)
    for daily in EVENTS_A_DAY:
        for most in (50, 1_000):
            found = wait(daily / DAY_S, MESSAGES, took_s, most, LONGEST_SIMULATED_S)
            rows.append(
                (f"{daily:,}", most, found.copies, f"{found.median_s:.2f} s", f"{found.longest_s:.2f} s", found.left)
            )
    capacity = 50 * MESSAGES / took_s
    heading = ("events a day, one a message", "`UpdateConcurrency`", "copies", "median wait", "longest", "left")
    note = f"\nA batch of ten takes {1000 * took_s:.0f} ms: 50 copies take {capacity:,.0f} messages a second.\n"
    return _table(heading, rows) + note


def _serving() -> str:
    assumed = Assumptions()
    serve = partial(
        serving.serve, answer_s=assumed.recommend_ms / 1000, start_s=assumed.cold_ms / 1000, most=1_000, seconds=60
    )
    rows = []
    for rate in serving.RATES:
        sudden = serve(rate)
        warm = serve(rate, warm=max(1, round(1.5 * rate * assumed.recommend_ms / 1000)))
        rows.append(
            (
                f"{rate:,}",
                sudden.copies,
                f"{100 * sudden.cold:.1f} %",
                f"{100 * sudden.refused:.1f} %",
                warm.copies,
                f"{100 * warm.cold:.1f} %",
            )
        )
    heading = ("lists a second", "copies, from nothing", "cold", "refused", "copies, with half again warm", "cold")
    return _table(heading, rows)


def _quotas() -> str:
    rows = []
    for quota in quotas.QUOTAS:
        lists = quotas.full_at(quota, quotas.Traffic(1, 0))
        events = quotas.full_at(quota, quotas.Traffic(0, 1))
        told = ["" if found > 1e6 else f"{found:,.0f}" for found in (lists, events)]
        limit = f"{quota.limit:,.0f}"
        rows.append((f"{quota.service}: {quota.what}", f"[{limit}]({quota.source})", *told, quota.raised_by))
    heading = ("limit", "by default", "full at lists a second", "full at events a second", "raised by")
    return _table(heading, rows)


def _usage(requests_per_s: float, events_a_day: float, items: int) -> Usage:
    return Usage(
        events=round(events_a_day * 30),
        requests=round(requests_per_s * MONTH_S),
        items=items,
        users=round(max(10_000, events_a_day / 10)),
        rebuilds=30,
        item_changes=items,
    )


def _money(deployment: Deployment) -> str:
    rows = []
    for rate in serving.RATES:
        for daily in EVENTS_A_DAY:
            found = estimate(_usage(rate, daily, 100_000), deployment)
            dearest = sorted(found.by_service().items(), key=lambda pair: -pair[1])[:2]
            rows.append(
                (
                    f"{rate:,} lists a second, {daily:,} events a day",
                    f"{found.usd:,.0f}",
                    *(f"{name} {usd:,.0f}" for name, usd in dearest),
                )
            )
    return _table(("all day long, 100,000 items", "US dollars a month", "dearest", "then"), rows)


def _items(deployment: Deployment) -> str:
    assumed = Assumptions()
    rows = []
    for items in ITEMS:
        snapshot = assumed.snapshot_bytes + items * assumed.snapshot_item_bytes
        two_mb = 2 * snapshot / (1 << 20)
        kept = estimate(_usage(0, 100_000, items), deployment).usd - estimate(_usage(0, 100_000, 0), deployment).usd
        fits = f"{max(512, -(-round(two_mb) // 64) * 64):,}" if two_mb <= STORAGE_MB else f"more than {STORAGE_MB:,}"
        rows.append((f"{items:,}", f"{snapshot / 1e6:,.0f} MB", fits, f"{kept:,.0f}"))
    most = (STORAGE_MB * (1 << 20) / 2 - assumed.snapshot_bytes) / assumed.snapshot_item_bytes
    note = f"\nTwo versions fit into {STORAGE_MB:,} MB up to some {most / 1000:,.0f},000 items.\n"
    heading = ("items", "snapshot", "`SnapshotStorageMb`", "US dollars a month more than none, all changed once")
    return _table(heading, rows) + note


def _parameters() -> str:
    named = {
        "a shopper's profile read, changed and written, 25628eb": BEFORE.shopper_ms,
        "the same of today's": NOW.shopper_ms,
        "a page of counts, 25628eb": PAGE_MS,
        "a fold": FOLD_MS,
        "a note of it": FOLD_NOTE_MS,
        "a call of DynamoDB, assumed": DYNAMODB_MS,
    }
    return _table(("milliseconds", ""), ((what, f"{ms:g}") for what, ms in named.items()))
