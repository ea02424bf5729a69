"""What a month of a storefront is worked out from: its numbers, its stack, and what has to be assumed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

MONTH_S: Final = 30 * 86_400


@dataclass(frozen=True, slots=True)
class Usage:
    """A storefront's month.

    Attributes
    ----------
    webhooks : messages of shop systems
    file_rows : rows of files and catalogue feeds; what they change is among `item_changes`, and events among `events`
    """

    events: int
    requests: int
    items: int
    users: int
    rebuilds: int
    item_changes: int
    webhooks: int = 0
    file_rows: int = 0

    @property
    def idle(self) -> Usage:
        """The same shop with nobody in it: what is stored, and nothing that happens."""
        return replace(self, events=0, requests=0, rebuilds=0, item_changes=0, webhooks=0, file_rows=0)


@dataclass(frozen=True, slots=True)
class Deployment:
    """What the template says.

    Attributes
    ----------
    architecture : x86_64 or arm64
    memory_mb : by function
    alarms : metrics that alarms look at, as they are billed
    traces : whether functions begin traces by themselves
    routes : of the API that report metrics of their own
    live_counts_s : that counts wait to be folded together, and requests from one look at them to the next
    secrets : in Secrets Manager
    rebuild_mb : memory of the function that rebuilds
    rebuild_image : whether rebuilds run on an image of the shop's own, with all that the full budget trains
    keys : in KMS
    archive_buffer_s : of events in one file of the archive
    """

    architecture: str
    memory_mb: Mapping[str, int]
    alarms: int
    dashboards: int
    traces: bool = False
    routes: int = 0
    live_counts_s: float = 15.0
    secrets: int = 0
    rebuild_mb: int = 3_008
    rebuild_image: bool = False
    keys: int = 1
    archive_buffer_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What is not known before a stack has run; each can be set by an option.

    Attributes
    ----------
    events_per_call : events in one POST /events; 1 is the dearest
    recommend_ms, update_ms, collect_ms, other_ms : billed time of a call: `endcap bench` plus some 10 ms for each of
        its AWS calls, which were not measured
    cold_share, cold_ms : share of calls that start an environment, and what that adds; starts are billed since 2025
    profile_bytes : the most that a profile with 64 interactions takes in the format
    item_bytes : a row with one vector of 192 numbers
    answer_bytes, log_bytes : of one answer, and of what a call logs and counts
    report_bytes : of Lambda's own start and REPORT lines of a call, where they are kept
    event_bytes : of one archived event, gzipped; exposure_bytes : of one record of an answer, gzipped
    snapshot_item_bytes, snapshot_bytes : of one item in a snapshot, and of its encoders: a snapshot of 12,086 items has
        98 MB, 24 MB of them the encoders
    text_share : of events, with words to encode
    metrics : CloudWatch metrics of Endcap's own that a month with traffic reports
    fold_ms : billed time of a fold, not measured either; summary_ms : of a count of results, nor that; purge_ms : of a
        run of the purge that finds nothing to do; purge_runs : every six hours; compacted_bytes_s : of the archive,
        gzipped, that are put together in a second
    row_ms : of a row of a file: 0.4 ms of processor time were measured here, and the rest is its share of the calls
    trend_share : of requests that live counts can change
    idle_polls : ReceiveMessage calls of Lambda's five pollers on an idle queue, 20 s each:
        https://github.com/getlift/lift/issues/132 saw the same 15 a minute
    rebuild_hours : of one rebuild on the shop's own image; how long others take says `rebuilds` by the size of the shop
    months : that archive and snapshots have gathered; the archive expires after 24 by default
    trainings : of Personalize in a month at most, however often Endcap rebuilds; by itself it trains every seven days:
        https://docs.aws.amazon.com/personalize/latest/dg/solution-config-auto-training.html
    """

    events_per_call: float = 1.0
    recommend_ms: float = 60.0
    update_ms: float = 60.0
    collect_ms: float = 20.0
    other_ms: float = 60.0
    cold_share: float = 0.01
    cold_ms: float = 2_500.0
    profile_bytes: int = 2_048
    item_bytes: int = 2_048
    answer_bytes: int = 2_000
    log_bytes: int = 1_000
    report_bytes: int = 700
    event_bytes: int = 80
    exposure_bytes: int = 400
    snapshot_item_bytes: int = 6_100
    snapshot_bytes: int = 24_000_000
    text_share: float = 0.05
    metrics: int = 25
    fold_ms: float = 150.0
    row_ms: float = 1.0
    summary_ms: float = 2_000.0
    purge_ms: float = 2_000.0
    purge_runs: float = 4 * 30
    compacted_bytes_s: float = 5_000_000.0
    trend_share: float = 0.1
    idle_polls: float = 5 * MONTH_S / 20
    rebuild_hours: float = 0.5
    months: int = 12
    trainings: float = 30 / 7
