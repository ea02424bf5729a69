"""When which service fails how during a soak, and when another snapshot becomes current."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

FULL_S: Final = 600.0
"""The length that faults are written down for; a shorter soak has them in proportion, a longer one no longer ones."""
HEALTHY: Final = "healthy"


class Mode(StrEnum):
    """What a proxy does with requests: lets them through, never answers, breaks off, refuses, or waits first."""

    PASS = "pass"  # nosec B105 # the name of a mode
    HANG = "hang"
    RESET = "reset"
    THROTTLE = "throttle"
    SLOW = "slow"


@dataclass(frozen=True, slots=True)
class Fault:
    """One service failing in one way for a while, in seconds since the soak began; `delay_s` is of each slow call."""

    service: str
    mode: Mode
    from_s: float
    to_s: float
    delay_s: float = 0.0

    @property
    def name(self) -> str:
        """Such as `s3 hang`."""
        return f"{self.service} {self.mode}"


@dataclass(frozen=True, slots=True)
class Swap:
    """Another snapshot becomes current: by the function `promote`, or by a flip of the pointer as a rollback does."""

    at_s: float
    by: str


# Begin as a share of the whole and, in a soak of FULL_S, seconds after that and length; delay of a call.
_FAULTS: Final = (
    ("s3", Mode.SLOW, 0.12, 0.0, 18.0, 1.0),
    ("s3", Mode.HANG, 0.12, 18.0, 60.0, 0.0),
    ("s3", Mode.RESET, 0.30, 0.0, 20.0, 0.0),
    ("s3", Mode.THROTTLE, 0.38, 0.0, 20.0, 0.0),
    ("dynamodb", Mode.HANG, 0.50, 0.0, 15.0, 0.0),
    ("dynamodb", Mode.RESET, 0.50, 15.0, 15.0, 0.0),
    ("dynamodb", Mode.THROTTLE, 0.62, 0.0, 20.0, 0.0),
    ("dynamodb", Mode.SLOW, 0.70, 0.0, 30.0, 0.9),
)
# The second one is being fetched, slowly, when S3 stops answering: the hardest moment for it.
_SWAPS: Final = ((0.06, "promote"), (0.12, "flip"), (0.85, "promote"))


@dataclass(frozen=True, slots=True)
class Schedule:
    """The faults and swaps of a soak of `seconds`; without faults there are swaps only."""

    seconds: float
    faults: tuple[Fault, ...]
    swaps: tuple[Swap, ...]

    @classmethod
    def of(cls, seconds: float, faults: bool) -> Schedule:
        """The usual one."""
        scale = min(1.0, seconds / FULL_S)
        planned = []
        for service, mode, share, after_s, length_s, delay_s in _FAULTS:
            from_s, to_s = (share * seconds + s * scale for s in (after_s, after_s + length_s))
            # Rounded, so that one's end is exactly another's begin.
            planned.append(Fault(service, mode, round(from_s, 6), round(to_s, 6), delay_s))
        return cls(seconds, tuple(planned) if faults else (), tuple(Swap(share * seconds, by) for share, by in _SWAPS))

    def phase_at(self, at_s: float) -> str:
        """The name of the fault at this time, or `HEALTHY`."""
        return next((fault.name for fault in self.faults if fault.from_s <= at_s < fault.to_s), HEALTHY)

    def is_down(self, service: str, from_s: float, to_s: float) -> bool:
        """Whether a service fails in some way at some time between."""
        return any(fault.service == service and fault.from_s < to_s and from_s < fault.to_s for fault in self.faults)

    @property
    def longest_s(self) -> float:
        """Of what a service does not answer rightly, in one go; 0 without faults."""
        spans = sorted((fault.from_s, fault.to_s, fault.service) for fault in self.faults)
        longest, run = 0.0, ("", 0.0, 0.0)
        for from_s, to_s, service in spans:
            run = (service, run[1], to_s) if (service, from_s) == (run[0], run[2]) else (service, from_s, to_s)
            longest = max(longest, run[2] - run[1])
        return longest

    def changes(self) -> Iterator[tuple[float, Fault | None, str]]:
        """When each service's proxy is to be set to what: a fault, or None for its end; in order."""
        ends = [(fault.to_s, None, fault.service) for fault in self.faults]
        begins = [(fault.from_s, fault, fault.service) for fault in self.faults]
        yield from sorted([*ends, *begins], key=lambda change: (change[0], change[1] is not None))
