"""What holds in a conversation; it lies with the client, which sends it back with the next turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple, get_args

from endcap.understanding.kinds import Kind
from endcap.understanding.wish import Condition, Reading, Sorting, Understood

FACETS: Final = (*get_args(Kind), "category")
"""What a question may ask about, beside the price."""
LIMITS: Final = ("price_from", "price_to")
NOT: Final = "not_"
"""What the name of a facet begins with whose values are not wanted."""
ABOUT: Final = (*LIMITS, *FACETS, *(NOT + name for name in FACETS))
PRICE: Final = "price"
DROP: Final = "drop"
ASKED: Final = (*FACETS, PRICE, DROP)
"""What a question may be about; `DROP` asks which condition may go."""
MAX_CONDITIONS: Final = 20
MAX_EXCLUDED: Final = 20
MAX_ITEMS: Final = 200
POOL: Final = 100
"""Best candidates by which a question is chosen."""


class Turn(NamedTuple):
    """Something that the shopper has said, and the items that it is about; none for what was shown last."""

    text: str
    items: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Constraints:
    """What has been asked for so far.

    Attributes
    ----------
    search : words that are searched for
    conditions : at most one for each limit and each facet, and any number of those that begin with `NOT`
    exclude : words that no item may mention
    without_items : items that are not wanted
    shown : what the last answer has shown, best first: what "cheaper" and "that brand" are about
    asked : what was asked already, the last one last
    """

    search: str = ""
    conditions: tuple[Condition, ...] = ()
    exclude: tuple[str, ...] = ()
    sort: Sorting | None = None
    without_items: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()

    @property
    def wish(self) -> Understood:
        """The same as one query that was understood."""
        tests = (f"({one.filter})" if len(self.conditions) > 1 else one.filter for one in self.conditions)
        return Understood(self.search, " AND ".join(tests) or None, self.exclude, self.sort)


class Option(NamedTuple):
    """One answer to a question; `text` as the next turn chooses it.

    Attributes
    ----------
    items : of those asked about that it leaves, or that there are again
    filter : the condition that it adds, or that goes
    """

    text: str
    items: int
    filter: str | None


class Question(NamedTuple):
    """What would be good to know: `about` is one of `ASKED`."""

    about: str
    text: str
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class Conversation:
    """What a client sends: what holds, and what was said since."""

    turns: tuple[Turn, ...]
    constraints: Constraints = Constraints()


@dataclass(frozen=True, slots=True)
class Followed:
    """What a conversation has come to: what holds now, what the turns were taken for, and what is asked."""

    constraints: Constraints
    words: tuple[Reading, ...] = ()
    question: Question | None = None
