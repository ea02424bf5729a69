"""What returns, refunds and emptied carts take back: one rule for profiles, live counts and the rebuild.

A return takes the newest purchase of its thing that was not taken before, and a refund of a whole order all purchases
of that order, whichever comes first. With a purchase goes what led up to it: looks at the thing and putting it into the
cart, back to the last purchase that was kept. Taking something out of the cart takes what put it there since that
purchase. What was said outright (ratings, reviews, likes) stays, and so does the return itself, which speaks against
the thing.

What is taken at one moment never depends on what happens later, so a history cut anywhere tells the same story up to
there.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from endcap.events.types import BOUGHT, EMPTIES_CART, FILLS_CART, GIVES_BACK, LEADS

_NEVER: Final = -1


class Act(NamedTuple):
    """One event of one shopper.

    thing : what counts as the same when it is bought and given back; None for a refund that names its order alone
    order : the order that it belongs to, falsy where that is unknown
    """

    at_ms: int
    event_type: str
    thing: Hashable
    order: Hashable = None


@dataclass(slots=True)
class _Thing:
    """What is open of one thing: purchases that nobody gave back, and what leads up to the next one."""

    bought: list[tuple[int, int, Hashable]] = field(default_factory=list)
    leads: list[tuple[int, int, bool]] = field(default_factory=list)
    awaited: list[Hashable] = field(default_factory=list)


def taken_back(acts: Sequence[Act]) -> dict[int, int]:
    """Which of one shopper's `acts` were taken back: number of the act -> when, in ms since 1970.

    The order in which they are given says nothing; of one moment, what gives comes before what takes.
    """
    taken: dict[int, int] = {}
    things: dict[Hashable, _Thing] = {}
    refunded: set[Hashable] = set()
    for number in sorted(range(len(acts)), key=lambda k: _place(acts[k])):
        at_ms, event_type, thing, order = acts[number]
        if thing is None:
            if event_type in GIVES_BACK and order:
                refunded.add(order)
                for of_one in things.values():
                    _give_back([each for each in of_one.bought if each[2] == order], of_one, at_ms, taken)
            continue
        of_one = things.setdefault(thing, _Thing())
        if event_type in BOUGHT:
            of_one.bought.append((at_ms, number, order))
            if order and (order in refunded or order in of_one.awaited):
                if order not in refunded:
                    of_one.awaited.remove(order)
                _give_back([of_one.bought[-1]], of_one, at_ms, taken)
        elif event_type in GIVES_BACK:
            given = _given_back(of_one, order)
            if given is None and order:
                of_one.awaited.append(order)
            _give_back([] if given is None else [given], of_one, at_ms, taken)
        elif event_type in EMPTIES_CART:
            _take_leads(of_one, at_ms, taken, carts_only=True)
        elif event_type in LEADS:
            of_one.leads.append((at_ms, number, event_type in FILLS_CART))
    return taken


def _place(act: Act) -> tuple[int, int, str]:
    rank = 0
    if act.event_type in EMPTIES_CART:
        rank = 1
    elif act.event_type in GIVES_BACK:
        rank = 2 if act.order else 3  # who names an order is the choosier
    return act.at_ms, rank, str(act.order or "")


def _given_back(of_one: _Thing, order: Hashable) -> tuple[int, int, Hashable] | None:
    """The purchase that a return gives back: of its order, else of an unknown one; any where it names none."""
    if not order:
        return of_one.bought[-1] if of_one.bought else None
    newest_first = of_one.bought[::-1]
    own = (each for each in newest_first if each[2] == order)
    return next(own, next((each for each in newest_first if not each[2]), None))


def _give_back(
    purchases: Sequence[tuple[int, int, Hashable]], of_one: _Thing, at_ms: int, taken: dict[int, int]
) -> None:
    for purchase in purchases:
        of_one.bought.remove(purchase)
        taken[purchase[1]] = at_ms
    _take_leads(of_one, at_ms, taken, carts_only=False)


def _take_leads(of_one: _Thing, at_ms: int, taken: dict[int, int], *, carts_only: bool) -> None:
    """Take what led up to the next purchase; what led to one that was kept stays."""
    since_ms = of_one.bought[-1][0] if of_one.bought else _NEVER
    kept = []
    for lead in of_one.leads:
        lead_ms, number, is_cart = lead
        if lead_ms > since_ms and (is_cart or not carts_only):
            taken[number] = at_ms
        else:
            kept.append(lead)
    of_one.leads = kept
