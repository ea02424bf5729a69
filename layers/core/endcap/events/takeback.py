"""What returns, refunds and emptied carts take back: one rule for profiles, live counts and the rebuild.

A return takes the newest purchase of its item that was not taken before, or else of another variant of it, and a refund
of a whole order all purchases of that order, whichever comes first. With a purchase goes what led up to it: looks at
the thing and putting it into the cart, back to the last purchase that was kept. Taking something out of the cart takes
what put it there since that purchase, and where nothing put this very item there, what put a variant of it. What was
said outright (ratings, reviews, likes) stays, and so does the return itself, which speaks against the thing.

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
    item : which of the thing's variants it is about
    """

    at_ms: int
    event_type: str
    thing: Hashable
    order: Hashable = None
    item: Hashable = None


class _Bought(NamedTuple):
    """A purchase that nobody gave back."""

    at_ms: int
    number: int
    order: Hashable
    item: Hashable


class _Lead(NamedTuple):
    """What leads up to a purchase."""

    at_ms: int
    number: int
    is_cart: bool
    item: Hashable


@dataclass(slots=True)
class _Thing:
    """What is open of one thing: purchases that nobody gave back, and what leads up to the next one."""

    bought: list[_Bought] = field(default_factory=list)
    leads: list[_Lead] = field(default_factory=list)
    awaited: list[Hashable] = field(default_factory=list)


def taken_back(acts: Sequence[Act]) -> dict[int, int]:
    """Which of one shopper's `acts` were taken back: number of the act -> when, in ms since 1970.

    The order in which they are given says nothing; of one moment, what gives comes before what takes.
    """
    taken: dict[int, int] = {}
    things: dict[Hashable, _Thing] = {}
    refunded: set[Hashable] = set()
    for number in sorted(range(len(acts)), key=lambda k: _place(acts[k])):
        at_ms, event_type, thing, order, item = acts[number]
        if thing is None:
            if event_type in GIVES_BACK and order:
                refunded.add(order)
                for of_one in things.values():
                    _give_back([each for each in of_one.bought if each.order == order], of_one, at_ms, taken)
            continue
        of_one = things.setdefault(thing, _Thing())
        if event_type in BOUGHT:
            of_one.bought.append(_Bought(at_ms, number, order, item))
            if order and (order in refunded or order in of_one.awaited):
                if order not in refunded:
                    of_one.awaited.remove(order)
                _give_back([of_one.bought[-1]], of_one, at_ms, taken)
        elif event_type in GIVES_BACK:
            given = _given_back(of_one, order, item)
            if given is None and order:
                of_one.awaited.append(order)
            _give_back([] if given is None else [given], of_one, at_ms, taken)
        elif event_type in EMPTIES_CART:
            _take_carts(of_one, item, at_ms, taken)
        elif event_type in LEADS:
            of_one.leads.append(_Lead(at_ms, number, event_type in FILLS_CART, item))
    return taken


def _place(act: Act) -> tuple[int, int, str, str]:
    rank = 0
    if act.event_type in EMPTIES_CART:
        rank = 1
    elif act.event_type in GIVES_BACK:
        rank = 2 if act.order else 3  # who names an order is the choosier
    return act.at_ms, rank, str(act.order or ""), str(act.item)


def _given_back(of_one: _Thing, order: Hashable, item: Hashable) -> _Bought | None:
    """The purchase that a return gives back: of its order, else of an unknown one; any where it names none.

    Of those the newest of the item itself, else the newest.
    """
    fits = of_one.bought
    if order:
        own = [each for each in fits if each.order == order]
        fits = own or [each for each in fits if not each.order]
    itself = [each for each in fits if each.item == item] or fits
    return itself[-1] if itself else None


def _give_back(purchases: Sequence[_Bought], of_one: _Thing, at_ms: int, taken: dict[int, int]) -> None:
    for purchase in purchases:
        of_one.bought.remove(purchase)
        taken[purchase.number] = at_ms
    _take(of_one, [lead for lead in of_one.leads if lead.at_ms > _last_kept_ms(of_one)], at_ms, taken)


def _take_carts(of_one: _Thing, item: Hashable, at_ms: int, taken: dict[int, int]) -> None:
    """Take what put an item into the cart, or a variant of it where nothing put that there."""
    carts = [lead for lead in of_one.leads if lead.is_cart and lead.at_ms > _last_kept_ms(of_one)]
    _take(of_one, [lead for lead in carts if lead.item == item] or carts, at_ms, taken)


def _take(of_one: _Thing, leads: Sequence[_Lead], at_ms: int, taken: dict[int, int]) -> None:
    """Take what leads up to the next purchase; what led to one that was kept stays."""
    taken.update((lead.number, at_ms) for lead in leads)
    of_one.leads = [lead for lead in of_one.leads if lead.number not in taken]


def _last_kept_ms(of_one: _Thing) -> int:
    return of_one.bought[-1].at_ms if of_one.bought else _NEVER
