"""What a stream or queue brings, whatever is in it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a stream or queue.

    Attributes
    ----------
    data : its payload
    arrival_ms : when the source took it
    first_seen_ms : when it came for the first time, where it is sent again
    """

    record_id: str
    data: bytes
    arrival_ms: int
    first_seen_ms: int | None = None

    @property
    def seen_ms(self) -> int:
        """When any source first took it: one that is sent again out of quarantine was seen before it arrived."""
        return self.arrival_ms if self.first_seen_ms is None else min(self.arrival_ms, self.first_seen_ms)
