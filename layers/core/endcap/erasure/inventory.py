"""Every place where the stack keeps anything, what of it tells of people, and how that comes to an end.

A table, queue, stream or prefix of the bucket that the template has and this does not, or the other way round, fails
a test, so that nobody adds one without saying which it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

End = Literal["purged", "expires", "nobody"]
"""How an erasure reaches a store: its records are removed, they go by themselves, or it tells of nobody."""


@dataclass(frozen=True, slots=True)
class Store:
    """One place.

    Attributes
    ----------
    resource : its logical id in the template; with a prefix where it is a part of the bucket
    expires_days : after how many days at most anything that is in it has gone by itself, None for never
    why : what it holds
    """

    name: str
    resource: str
    end: End
    why: str
    prefix: str = ""
    expires_days: int | None = None

    @property
    def personal(self) -> bool:
        """Whether it may hold something of a person."""
        return self.end != "nobody"


STORES: Final = (
    Store("profiles", "ProfilesTable", "purged", "what is kept of each shopper"),
    Store("archive", "DataBucket", "purged", "events, as they were applied", prefix="events/"),
    Store("exposures", "DataBucket", "purged", "what was shown to whom", prefix="exposures/"),
    Store("quarantine", "DataBucket", "purged", "events that could not be used", prefix="quarantine/"),
    Store("delivery_errors", "DataBucket", "purged", "records that Firehose could not deliver", prefix="errors/"),
    Store("results", "DataBucket", "purged", "lists and purchases that are still joined", prefix="results/book/"),
    Store("queue", "EventsQueue", "expires", "events on their way", expires_days=14),
    Store("dead_letters", "EventsDeadLetterQueue", "expires", "events that were given up", expires_days=14),
    Store("archive_stream", "ArchiveStream", "expires", "events on their way to the archive", expires_days=1),
    Store("exposures_stream", "ExposuresStream", "expires", "exposures on their way", expires_days=1),
    Store("exports", "DataBucket", "expires", "tables as a rebuild reads them", prefix="exports/", expires_days=4),
    Store("checkpoints", "DataBucket", "expires", "steps of a rebuild", prefix="rebuild/checkpoints/", expires_days=8),
    Store("files", "DataBucket", "expires", "files of events, and rows of them", prefix="inbox/", expires_days=14),
    Store("stream_batches", "DataBucket", "expires", "given up of a stream", prefix="aws/lambda/", expires_days=14),
    Store(
        "invoke_failures",
        "InvokeFailuresQueue",
        "expires",
        "calls that failed: promotions, rebuilds, and messages of commercetools as they came",
        expires_days=14,
    ),
    Store("erasures", "ErasuresTable", "nobody", "the ledger: hashes of ids, and times"),
    Store("ledger_copy", "DataBucket", "nobody", "the same", prefix="erasures/"),
    Store("items", "ItemsTable", "nobody", "the catalogue"),
    Store("counters", "CountersTable", "nobody", "how often items were shown and chosen, batch by batch"),
    Store("counts", "DataBucket", "nobody", "the same, folded by time", prefix="counts/"),
    Store(
        "snapshots",
        "DataBucket",
        "nobody",
        "vectors, lists and weights, learned from all together",
        prefix="snapshots/",
    ),
    Store("config", "DataBucket", "nobody", "scenarios and experiments", prefix="config/"),
    Store("results_open", "DataBucket", "nobody", "lists that are still open, not whose", prefix="results/open/"),
    Store("results_by_day", "DataBucket", "nobody", "what lists have brought, added up", prefix="results/days/"),
    Store("results_in_parquet", "DataBucket", "nobody", "the same, for Athena", prefix="results/parquet/"),
    Store("audit", "DataBucket", "nobody", "what operators have changed, by the names of theirs", prefix="audit/"),
    Store("archive_order", "DataBucket", "nobody", "which days of the archive are in large files", prefix="archive/"),
    Store(
        "rebuild", "DataBucket", "nobody", "results of rebuilds, vectors of texts of the catalogue", prefix="rebuild/"
    ),
    Store("encoders", "DataBucket", "nobody", "text encoders that rebuilds begin with", prefix="encoders/"),
    Store("enrichment", "DataBucket", "nobody", "what was written about the items", prefix="enrichment/"),
    Store("enrichment_batches", "DataBucket", "nobody", "the same, asked and answered", prefix="enrichment-batch/"),
    Store("enrichment_new", "DataBucket", "nobody", "the same of items as they come in", prefix="enrichment-new/"),
    Store("description_failures", "DescriptionFailuresQueue", "nobody", "which items could not be described"),
    Store("stream_failures", "StreamFailuresQueue", "nobody", "where in a stream something was given up"),
    Store("inbox", "InboxQueue", "nobody", "which files there are"),
    Store("inbox_failures", "InboxDeadLetterQueue", "nobody", "files that were given up"),
)
PURGED: Final = tuple(store for store in STORES if store.end == "purged")
EXPIRING: Final = tuple(store for store in STORES if store.end == "expires")

SETTLED_DAYS: Final = 15
"""By then whatever can't be taken out of a store has gone by itself, or has come out of a queue and met the ledger."""
PURGING_DAYS: Final = 10
"""How long before the day that was promised a purge begins, at the latest."""
LATE_DAYS: Final = 3
"""How long before that day what is not purged yet is worth an alarm."""
BACKUP_DAYS: Final = 35
"""How far back DynamoDB's point-in-time recovery of the profiles table reaches."""


def elsewhere() -> list[dict[str, str]]:
    """Where else something of a person may lie than in the profile, for their export."""
    return [
        {"store": store.name, "holds": store.why} for store in STORES if store.personal and store.name != "profiles"
    ]
