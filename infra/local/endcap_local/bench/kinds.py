"""The kinds of requests that `endcap bench serve` measures, as events for the recommend function."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from endcap.aws.profiles import ProfileTable
from endcap.snapshot.snapshot import Snapshot
from endcap_local.bench.functions import BenchError, Functions, http_event
from endcap_local.bench.memory_aws import MemoryAws
from endcap_local.bench.shops import shoppers

SHOPPERS: Final = 50
LIMIT: Final = 10
CANDIDATES: Final = 100
LIST, RANKINGS = "/users/{user_id}/recommendations", "/users/{user_id}/rankings"

Event = Callable[[int], dict[str, Any]]
"""The number of a turn -> what is asked then."""


class Asker:
    """Asks the recommend handler, each turn for another shopper, other candidates and other words.

    Parameters
    ----------
    functions : the project's `functions`

    Attributes
    ----------
    profiles : of the shoppers whose profiles are stored, 64 interactions each
    events : kind -> event of a turn
    """

    def __init__(self, snapshot: Snapshot, functions: Path, aws: MemoryAws) -> None:
        self._snapshot, self._functions = snapshot, Functions(functions, snapshot)
        self.profiles = shoppers(snapshot, SHOPPERS)
        table = ProfileTable(aws, "profiles")
        for user_id, profile in self.profiles.items():
            aws.put_item(Item=table.row(user_id, profile, 1))
        self.events: Mapping[str, Event] = {
            "handler_known": lambda turn: self._list(turn),
            "handler_unknown": lambda turn: self._list(turn, "no-"),
            "handler_unexplained": lambda turn: self._list(turn, explain="false"),
            "rerank_100": lambda turn: self._rankings(turn, explain=False),
            "rerank_100_explained": lambda turn: self._rankings(turn, explain=True),
            "filtered": lambda turn: self._list(turn, filter=self._filter(turn)),
            "search": lambda turn: http_event(
                "GET", "/search", {}, {"q": self._words(turn), "user_id": self.user(turn), "limit": str(LIMIT)}
            ),
        }

    def user(self, turn: int) -> str:
        """Whose turn it is."""
        return f"user-{turn % SHOPPERS}"

    def call(self, kind: str) -> Callable[[dict[str, Any]], None]:
        """Asks with an event of this kind.

        The call raises BenchError for anything but an answer: its time would say nothing.
        """

        def ask(event: dict[str, Any]) -> None:
            answer = self._functions.invoke("recommend", event)
            if answer["statusCode"] != 200:
                raise BenchError(f"{kind}: recommend answered {answer['statusCode']}: {answer['body'][:200]}")

        return ask

    def check(self, kind: str) -> None:
        """Ask once, and look into the answer.

        Raises
        ------
        BenchError : it is not what this kind measures
        """
        answer = self._functions.invoke("recommend", self.events[kind](0))
        items = json.loads(answer["body"]).get("items", []) if answer["statusCode"] == 200 else None
        fewest = min(CANDIDATES, self._snapshot.n_items) if kind.startswith("rerank") else 0
        explained = kind not in ("handler_unexplained", "rerank_100")
        reasoned = [bool(item["reasons"]) for item in items or ()]
        if items is None or len(items) < fewest or (items and any(reasoned) != explained):
            raise BenchError(f"{kind}: recommend answered {answer['statusCode']}: {answer['body'][:200]}")

    def _list(self, turn: int, whose: str = "", **query: str) -> dict[str, Any]:
        ids = {"user_id": whose + self.user(turn)}
        return dict(http_event("GET", LIST, ids, {"limit": str(LIMIT), **query}))

    def _rankings(self, turn: int, *, explain: bool) -> dict[str, Any]:
        n = self._snapshot.n_items
        rows = np.random.default_rng(turn).choice(n, min(CANDIDATES, n), replace=False)
        body = {"item_ids": [self._snapshot.item_ids[row] for row in rows], "explain": explain}
        return dict(http_event("POST", RANKINGS, {"user_id": self.user(turn)}, {}, body))

    @cached_property
    def _price(self) -> float | None:
        """What three of four items with a price cost less than."""
        price = np.asarray(self._snapshot.columns.price)
        known = price[~np.isnan(price)]
        return float(np.quantile(known, 0.75)) if len(known) else None

    def _filter(self, turn: int) -> str:
        """At most so expensive, and in a category: one of a random item's, be it a department or a single leaf."""
        columns, parts = self._snapshot.columns, []
        if self._price is not None:
            parts.append(f"price < {self._price:.2f}")
        if len(columns.category_indices):
            place = np.random.default_rng(turn).integers(len(columns.category_indices))
            name = columns.categories[columns.category_indices[place]]
            parts.append(f"categories CONTAINS {json.dumps(name, ensure_ascii=False)}")
        return " AND ".join(parts) or "available"

    def _words(self, turn: int) -> str:
        """Two words of some item's title."""
        row = int(np.random.default_rng(turn).integers(self._snapshot.n_items))
        return " ".join(str(self._snapshot.document(row).get("title", "")).split()[:2]) or "something"
