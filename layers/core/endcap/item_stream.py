"""Records of the items' stream, each worked on for itself by one of its readers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord

from endcap.batch import Breaker, retryable
from endcap.observability import fault, metrics
from endcap.runtime import Runtime

Loaded = TypeVar("Loaded")


class ItemRecords(Generic[Loaded]):
    """The records of one invocation; each finds its own end, and none waits for what has failed its neighbours.

    Parameters
    ----------
    function : the reader's name, for the queue of stream failures
    loading : around `load`, which gives what all records are worked on with
    working : around `work`, which is given a record and what was loaded
    given_up : the metric of records that no other try can mend
    """

    def __init__(
        self,
        runtime: Runtime,
        function: str,
        loading: tuple[Breaker, Callable[[], Loaded]],
        working: tuple[Breaker, Callable[[DynamoDBRecord, Loaded], None]],
        given_up: str,
    ) -> None:
        self._runtime, self._function, self._given_up = runtime, function, given_up
        self._loading, self._load = loading
        self._working, self._work = working

    def read(self, record: DynamoDBRecord) -> None:
        """Work on a record; one that fails for good is named in the queue of stream failures.

        Raises
        ------
        EndcapError, OSError : it failed for now, and is to be delivered again
        """
        self._runtime.deadline.check()
        with self._loading.watch():
            loaded = self._load()
        try:
            with self._working.watch():
                self._work(record, loaded)
        except Exception as exc:
            if retryable(exc):
                raise
            fault(f"{self._function}: item given up", exc)
            keys = record.raw_event.get("dynamodb", {}).get("Keys")
            self._runtime.stream_failures.put({"function": self._function, "keys": keys, "reason": type(exc).__name__})
            metrics.add_metric(self._given_up, MetricUnit.Count, 1)
