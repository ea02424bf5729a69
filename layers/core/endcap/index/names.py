"""Numbers of brands, categories and groups: those of a snapshot, and new ones for names that changed items bring."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from itertools import count

from endcap.snapshot.snapshot import Snapshot


class Names:
    """What number each name of a brand, a category or a group has, in a snapshot and what is laid over it."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        columns = snapshot.columns
        self._brands = {name: k for k, name in enumerate(columns.brands)}
        self._categories = {name: k for k, name in enumerate(columns.categories)}
        # next() on a counter is atomic: two threads that fold changes never give two names one id
        self._next_brand, self._next_category = count(len(columns.brands)), count(len(columns.categories))

    @cached_property
    def _named_groups(self) -> tuple[dict[str, int], set[int]]:
        """Group name -> its number, of the items that name one, and the rows of these."""
        s = self._snapshot
        # Only the documents that can hold one are parsed: a catalogue without variants is not parsed at all.
        named = {row: name for row in s.rows_naming(b'"group_id":') if (name := s.document(row).get("group_id"))}
        return {str(name): int(s.groups[row]) for row, name in named.items()}, set(named)

    @cached_property
    def _next_group(self) -> Iterator[int]:
        return count(int(self._snapshot.groups.max(initial=-1)) + 1)

    def group_number(self, name: str) -> int:
        """The number of a group, a new one where the snapshot has no such group."""
        groups, rows = self._named_groups
        known, row = groups.get(name), self._snapshot.item_ids.row(name)
        if known is None and row is not None and row not in rows:  # an item without `group_id` is a group of its own id
            known = int(self._snapshot.groups[row])
        return groups.setdefault(name, next(self._next_group)) if known is None else known

    def brand_number(self, name: str) -> int:
        """Vocabulary id of a brand, new where needed; -1 for ""."""
        if not name:
            return -1
        known = self._brands.get(name)
        return self._brands.setdefault(name, next(self._next_brand)) if known is None else known

    def category_number(self, name: str) -> int:
        """Vocabulary id of a category, new where needed."""
        known = self._categories.get(name)
        return self._categories.setdefault(name, next(self._next_category)) if known is None else known

    @property
    def n_brands(self) -> int:
        """Numbers of brands that are given out."""
        return len(self._brands)

    @property
    def n_categories(self) -> int:
        """Numbers of categories that are given out."""
        return len(self._categories)

    def find_brand(self, name: str) -> int | None:
        """Vocabulary id of a brand that some item has or had."""
        return self._brands.get(name)

    def find_category(self, name: str) -> int | None:
        """Vocabulary id of a category that some item has or had."""
        return self._categories.get(name)
