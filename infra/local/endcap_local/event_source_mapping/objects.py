"""Rules that tell a function of objects that were written, as far as delivery streams write them.

Here every record makes an object, so what was written within some seconds is told of at once, by its last object.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from endcap_local.engine.engine import Engine
from endcap_local.event_source_mapping.pollers import Invoke, Poller
from endcap_local.template.template import EventMapping, StackPlan

EVERY_S: Final = 2.0
_STREAMS: Final = "firehose"


class ObjectPoller(Poller):
    """Invokes a function when a delivery stream has written, at most every two seconds."""

    def __init__(
        self, mapping: EventMapping, engine: Engine, invoke: Invoke, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(mapping, engine, invoke)
        self._clock, self._seen, self._next_s = clock, 0, 0.0

    def is_idle(self) -> bool:
        """Always: what it starts tells of what others have done, and nobody waits for it."""
        return True

    def _poll(self) -> float | None:
        count = self._engine.activity.count(_STREAMS)
        wait_s = self._next_s - self._clock()
        if count == self._seen:
            return None
        if wait_s > 0:
            return wait_s
        self._seen = count
        self._invoke(self._mapping.function, _written(self._mapping.source_name))
        self._next_s = self._clock() + EVERY_S
        return None


def _written(bucket: str) -> dict[str, Any]:
    """What EventBridge says of an object: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html"""
    return {
        "version": "0",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "detail": {"bucket": {"name": bucket}, "reason": "PutObject"},
    }


def object_pollers(plan: StackPlan, engine: Engine, invoke: Invoke) -> list[Poller]:
    """A poller for each function that a rule about objects of S3 leads to."""
    pollers: list[Poller] = []
    for name, rule in plan.rules.items():
        pattern: Mapping[str, Any] = rule.get("EventPattern", {})
        if "aws.s3" not in pattern.get("source", ()):
            continue
        bucket = str(pattern["detail"]["bucket"]["name"][0])
        for target in rule.get("Targets", ()):
            function = str(target["Arn"]).rpartition(":function:")[2].partition(":")[0]  # without version or alias
            if function in plan.functions:
                mapping = EventMapping(name, function, _STREAMS, bucket, {})
                pollers.append(ObjectPoller(mapping, engine, invoke))
    return pollers
