"""What a writer is asked and answers, what that costs, and who may be asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

from endcap.errors import EndcapError, InvalidInputError

CHARS_PER_TOKEN: Final = 1.5
"""Fewest characters that a token of a prompt stands for, Chinese among them; so an estimate is rather too high."""


class WriterError(EndcapError):
    """A writer can't be asked, or refuses what it is asked."""


class Request(NamedTuple):
    """One text that is to be written.

    Attributes
    ----------
    key : names it among others
    system : the instructions
    data : what it is about: words of the shop's, never instructions
    """

    key: str
    system: str
    data: str


class Usage(NamedTuple):
    """Tokens read and written."""

    read: int = 0
    written: int = 0

    def plus(self, other: Usage) -> Usage:
        """Both together."""
        return Usage(self.read + other.read, self.written + other.written)


class Written(NamedTuple):
    """The answer to a request: a JSON object, which nobody has checked yet, or why there is none."""

    key: str
    value: Any = None
    usage: Usage = Usage()
    failed: str = ""


class Writer(Protocol):
    """Somebody who writes."""

    @property
    def name(self) -> str:
        """What tells its texts from those of others: kind and model."""

    @property
    def at_once(self) -> int:
        """How many requests it is best given at a time."""

    def write(self, requests: Sequence[Request], schema: Mapping[str, Any], most_tokens: int) -> Iterator[Written]:
        """An answer to each of the requests, in their order, as they come: what is there is not lost with the next.

        Parameters
        ----------
        schema : JSON schema of the answers
        most_tokens : of one answer

        Raises
        ------
        WriterError : it can't be asked at all, now or ever
        """


@dataclass(frozen=True)
class Price:
    """US dollars for a million tokens."""

    read: float = 0.0
    written: float = 0.0

    def of(self, usage: Usage) -> float:
        """What so many tokens cost, US dollars."""
        return (usage.read * self.read + usage.written * self.written) / 1e6

    @property
    def is_free(self) -> bool:
        """Whether nothing is to be paid."""
        return self.read == 0 and self.written == 0


FREE: Final = Price()


def price_of(text: str) -> Price:
    """A price as `READ,WRITTEN`.

    Raises
    ------
    InvalidInputError : it is none
    """
    try:
        read, written = (float(part) for part in text.split(","))
    except ValueError:
        raise InvalidInputError(f"{text}: no price; two numbers, as in 0.035,0.14") from None
    if not (0 <= read < 1e6 and 0 <= written < 1e6):
        raise InvalidInputError(f"{text}: no price")
    return Price(read, written)


def most_of(requests: Sequence[Request], price: Price, most_tokens: int) -> float:
    """What requests can cost at most, US dollars: every answer as long as it may be."""
    chars = sum(len(request.system) + len(request.data) for request in requests)
    return price.of(Usage(round(chars / CHARS_PER_TOKEN), most_tokens * len(requests)))


Sleep = Callable[[float], None]
"""Waits so many seconds."""
