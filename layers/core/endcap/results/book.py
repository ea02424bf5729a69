"""The book of results: what is still open of lists and purchases, and the figures that they have added up to.

Records may come in any order, once or several times: what names a list that is not known yet waits for it, and what has
been counted is known by its event. So the figures are the same whatever the borders of files and runs, as long as a
record comes within the time that things stay open.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from typing import Final

from endcap.identifiers import short_hash
from endcap.results.facts import Act, Cell, ShownList
from endcap.results.money import UNNAMED
from endcap.results.open_lists import EARLY_MS, OpenList, OpenLists

DAY_MS: Final = 86_400_000
WINDOW_MS: Final = 7 * DAY_MS
"""How long after a list something still counts for it."""
LATENESS_MS: Final = 2 * DAY_MS
"""How long a record may take to get into the archive: deliveries are tried again for a day."""
RETURN_MS: Final = 60 * DAY_MS
"""How long after a purchase a return is still taken off it."""
MARK_BYTES: Final = 8
UNIT_MS: Final = 120 * DAY_MS
"""How long a shopper of an experiment is kept after the last list."""


@dataclass(slots=True)
class Figures:
    """What the lists of a cell have brought; money in hundredths.

    Attributes
    ----------
    lists : those that held an item
    visible, clicked, converted : lists of which something was seen, clicked, bought
    impressions, clicks, carts : items of lists, each counted once for its list
    """

    lists: int = 0
    visible: int = 0
    clicked: int = 0
    converted: int = 0
    impressions: int = 0
    clicks: int = 0
    carts: int = 0
    purchases: int = 0
    returns: int = 0
    cents: int = 0

    def add(self, other: Figures) -> None:
        """Add others to these."""
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))


@dataclass(slots=True)
class Purchase:
    """A purchase that was counted; `returned_by` is the event that took it back, "" for none."""

    act: Act
    cell: Cell
    unit: tuple[str, str] | None
    cents: int
    returned_by: str = ""


@dataclass(slots=True)
class Unit:
    """What a shopper of an experiment has been shown and done; `person` as the records have it.

    Attributes
    ----------
    cents : currency -> what was paid less what came back
    mark : a random name, by which open lists name the shopper
    """

    variant: str
    last_ms: int
    lists: int = 0
    clicked: int = 0
    purchases: int = 0
    cents: dict[str, int] = field(default_factory=dict)
    person: dict[str, object] = field(default_factory=dict)
    mark: str = field(default_factory=lambda: secrets.token_hex(6))


@dataclass
class Book:
    """Open lists, purchases and waiting acts, and the figures.

    Attributes
    ----------
    lists : what is open of them
    waiting : acts whose list or purchase is not known yet, by who and event, so that each waits once
    purchases : (who, item) -> those that may come back
    cells : the figures
    units : (experiment, unit) -> shopper
    touched : days whose figures have changed since the book was opened
    """

    lists: OpenLists = field(default_factory=OpenLists)
    waiting: dict[tuple[str, str], Act] = field(default_factory=dict)
    purchases: dict[tuple[str, str], list[Purchase]] = field(default_factory=dict)
    cells: dict[Cell, Figures] = field(default_factory=dict)
    units: dict[tuple[str, str], Unit] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)

    def enter(self, lists: Iterable[ShownList], acts: Iterable[Act]) -> None:
        """Count some records."""
        for shown in lists:
            self._open(shown)
        for act in sorted([*self.waiting.values(), *acts], key=lambda act: (act.at_ms, act.kind == "return")):
            settled = self._take_back(act) if act.kind == "return" else self._count(act)
            if settled:
                self.waiting.pop((act.who, act.event_id), None)
            else:
                self.waiting[act.who, act.event_id] = act

    def close(self, now_ms: int) -> None:
        """Let go of what nothing can come of any more."""
        last_ms = now_ms - WINDOW_MS - LATENESS_MS
        self.lists.close(last_ms)
        self.waiting = {key: act for key, act in self.waiting.items() if act.at_ms >= now_ms - LATENESS_MS}
        kept = {
            key: [one for one in bought if one.act.at_ms >= now_ms - RETURN_MS - LATENESS_MS]
            for key, bought in self.purchases.items()
        }
        self.purchases = {key: bought for key, bought in kept.items() if bought}
        self.units = {key: unit for key, unit in self.units.items() if unit.last_ms >= now_ms - UNIT_MS}

    def _open(self, shown: ShownList) -> None:
        if self.lists.get(shown.list_id) is not None:
            return
        self.lists.add(OpenList(shown))
        if shown.items:  # without any there was nothing on the page
            self._figures(shown.cell).lists += 1
        key = unit_key(shown)
        if key is not None:
            variant = shown.cell.variant.split("/", 1)[1]
            unit = self.units.setdefault(key, Unit(variant, shown.at_ms, person=dict(shown.person)))
            unit.variant = variant if unit.variant == variant else ""  # who got several is nobody's
            unit.lists += 1
            unit.last_ms = max(unit.last_ms, shown.at_ms)

    def _count(self, act: Act) -> bool:
        """Count an act for its list; False where that is not known yet."""
        known = self.lists.get(act.list_id or "")
        if known is None:
            return False
        shown, item_id = known.shown, _item_of(known.shown, act)
        if item_id is None or not -EARLY_MS <= act.at_ms - shown.at_ms <= WINDOW_MS:
            return True
        # Of a purchase a hash: who has bought is not always whose list it is, by whom a purge would find it.
        bought = short_hash(f"{act.who}:{act.event_id}", MARK_BYTES).hex() if act.kind == "purchase" else ""
        mark = f"p:{bought}" if bought else f"{act.kind[:2]}:{item_id}"
        if mark in known.done:
            return True
        first = not any(done.startswith(mark[:2]) for done in known.done)
        known.done.add(mark)
        self.lists.note(shown.list_id)
        figures, unit = self._figures(shown.cell), self.units.get(unit_key(shown) or ("", ""))
        if act.kind == "impression":
            figures.impressions += 1
            figures.visible += first
        elif act.kind == "click":
            figures.clicks += 1
            figures.clicked += first
            if unit is not None:
                unit.clicked += first
        elif act.kind == "cart":
            figures.carts += 1
        else:
            self._buy(known, act, item_id, first=first)
        return True

    def _buy(self, known: OpenList, act: Act, item_id: str, *, first: bool) -> None:
        shown, cents = known.shown, act.cents or 0
        paid, key = replace(shown.cell, currency=act.currency), unit_key(shown)
        self._figures(shown.cell).converted += first
        figures = self._figures(paid)
        figures.purchases += 1
        figures.cents += cents
        unit = self.units.get(key) if key is not None else None
        if unit is not None:  # purged, maybe: it names the person of its first list, who may be another than this one's
            unit.purchases += 1
            unit.cents[act.currency] = unit.cents.get(act.currency, 0) + cents
        self.purchases.setdefault((act.who, item_id), []).append(Purchase(act, paid, key, cents))

    def _take_back(self, act: Act) -> bool:
        """Take a return off the latest purchase that it can be of; False where there is none yet."""
        bought = self.purchases.get((act.who, act.item_id or ""), [])
        if any(one.returned_by == act.event_id for one in bought):
            return True
        for one in sorted(bought, key=lambda one: -one.act.at_ms):
            of_order = act.order is None or one.act.order is None or act.order == one.act.order
            in_time = -EARLY_MS <= act.at_ms - one.act.at_ms <= RETURN_MS
            if one.returned_by or not of_order or not in_time:
                continue
            one.returned_by = act.event_id
            # An amount in another currency than what was paid says nothing of how much of that comes back.
            told = act.cents is not None and act.currency in (UNNAMED, one.cell.currency)
            cents = min(abs(act.cents or 0), one.cents) if told else one.cents
            figures = self._figures(one.cell)
            figures.returns += 1
            figures.cents -= cents
            if one.unit is not None and one.unit in self.units:
                paid = self.units[one.unit].cents
                paid[one.cell.currency] = paid.get(one.cell.currency, 0) - cents
            return True
        return False

    def _figures(self, cell: Cell) -> Figures:
        self.touched.add(cell.day)
        return self.cells.setdefault(cell, Figures())


def _item_of(shown: ShownList, act: Act) -> str | None:
    """The item of a list that an act is about: the one that it names, or the one at the position that it names."""
    if act.item_id is not None:
        return act.item_id if act.item_id in shown.items else None
    place = -1 if act.position is None else act.position - shown.first
    return shown.items[place] if 0 <= place < len(shown.items) else None


def unit_key(shown: ShownList) -> tuple[str, str] | None:
    """Under which a list counts for the shopper of an experiment."""
    if shown.unit is None or "/" not in shown.cell.variant:
        return None
    return shown.cell.variant.split("/", 1)[0], shown.unit
