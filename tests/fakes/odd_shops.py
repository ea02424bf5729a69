"""Shops at the edges: hardly any data, or data of one kind only; and what must hold of every answer they give."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from endcap.events.interaction import Interaction
from endcap.profiles.profile import EMPTY_PROFILE, profile_of
from endcap.recommend.pipeline import recommend
from endcap.recommend.prepared import encode_with
from endcap.recommend.request import Recommendation, RecommendationRequest
from endcap.snapshot.snapshot import Snapshot, load_snapshot
from tests.fakes.toy_shop import NOW_MS, chain_events, toy_item_rows, write_events, write_items

Rows = list[dict[str, Any]]
_PAUSE_S: Final = 600
_TITLES: Final = (
    "刺绣四件套",
    "纯棉 Bed Linen 套装",
    "steel mug",
    "羊毛被 wool",
    "garden lamp",
    "旅行 travel 勺 spoon",
)


def _events(n: int, user: Callable[[int], int], item: Callable[[int], int], **more: Any) -> Rows:
    first = NOW_MS // 1000 - (n + 1) * _PAUSE_S
    return [
        {
            "user_id": f"user-{user(k)}",
            "item_id": f"item-{item(k)}",
            "event_type": ("view", "purchase", "add_to_cart")[k % 3],
            "timestamp": first + k * _PAUSE_S,
            **more,
        }
        for k in range(n)
    ]


def _items(n: int = 50, **changes: Any) -> Rows:
    return [{**row, **changes} for row in toy_item_rows(n)]


def odd_shops(n_events: int) -> dict[str, tuple[Rows, Rows]]:
    """Items and events of each shop by name; those that are odd by the kind of their events have `n_events` of them."""
    n = n_events
    walks = chain_events(n_users=max(1, n // 6), n_items=50)
    mixed = [{**row, "title": f"{_TITLES[k % 6]} {k}"} for k, row in enumerate(_items())]
    reviews = [
        {**row, "event_type": "review", "text": ("很好，质量不错", "terrible, broke at once", "好用 nice")[k % 3]}
        for k, row in enumerate(walks)
    ]
    return {
        "50 items and no events": (_items(), []),
        "5 events": (_items(), _events(5, lambda k: k % 2, lambda k: k)),
        "ids that come twice": ([*_items(), *_items(title="the same id again")[10:20]], [*walks, *walks[:50]]),
        "empty titles": ([{**row, "title": "" if k % 2 else row["title"]} for k, row in enumerate(_items())], walks),
        "no text at all": ([{"id": row["id"]} for row in _items()], walks),
        "Chinese and English": (mixed, [*walks, *reviews[: n // 4]]),
        "one category": (_items(categories=["all"], brand="one", price=1.0), walks),
        "huge descriptions": (_items(description="very long words, 很长的描述, " * 700), walks),
        "one group of variants": (_items(group_id="shirt"), walks),
        "a group with all that is touched": (
            [{**row, "group_id": "shirt" if k < 25 else None} for k, row in enumerate(_items())],
            _events(n, lambda k: k // 4, lambda k: k % 25),
        ),
        "one user": (_items(), _events(n, lambda _: 0, lambda k: (k * k) % 45)),
        "one item": (_items(), _events(n, lambda k: k // 4, lambda _: 7)),
        "a single event each": (_items(), _events(n, lambda k: k, lambda k: k % 50)),
        "one moment": (_items(), [{**row, "timestamp": NOW_MS // 1000 - 60} for row in walks]),
        "nothing but returns": (_items(), [{**row, "event_type": "return"} for row in walks]),
        "one item in all": (_items(1), [{**row, "item_id": "item-0"} for row in walks]),
        "nothing for sale": (_items(available=False), walks),
        "mostly sold out": ([{**row, "available": k % 10 == 0} for k, row in enumerate(_items())], walks),
        "two items": (_items(2), [{**row, "item_id": f"item-{k % 2}"} for k, row in enumerate(walks)]),
        "nothing has a price": ([{"id": r["id"], "title": r["title"]} for r in _items()], walks),
        "prices of millions": (
            [{**row, "price": 1e6 * k, "expires_at": "2099-01-01"} for k, row in enumerate(_items())],
            walks,
        ),
        "ids of any script": (
            [{**row, "id": _odd_id(k)} for k, row in enumerate(_items())],
            [{**row, "item_id": _odd_id(int(row["item_id"][5:]))} for row in walks],
        ),
        "a brand and forty categories each": (
            [{**r, "brand": f"b{k}", "categories": [f"c{k}-{n}" for n in range(40)]} for k, r in enumerate(_items())],
            walks,
        ),
        "attributes of every kind": (
            [
                {**r, "attributes": {"size": k, "new": k % 2 == 0, "red": ["a", "b"], "x.y": "z"}}
                for k, r in enumerate(_items())
            ],
            walks,
        ),
    }


UNFIT: Final = {"one group of variants": "groups", "nothing for sale": "for_sale"}
"""Shops whose lists would be empty, or of one item, and the gate that keeps them back."""


def _odd_id(number: int) -> str:
    return ('"quoted" {}', "商品 {}", "a/b?c={}", "é{}", "item,{}", "😀{}")[number % 6].format(number)


def write_shop(folder: Path, items: Rows, events: Rows) -> Path:
    """The shop in the import format; without events there is no file of them."""
    write_items(folder, items)
    if events:
        write_events(folder, events)
    return folder


def check_answers(folder: Path, items: Rows, events: Rows) -> None:
    """Ask a snapshot what a storefront asks; every answer has to be whole.

    Raises
    ------
    AssertionError : places missing, items twice, seen or not for sale, scores out of order or not finite
    """
    snapshot = load_snapshot(folder)
    sellable = {row.get("group_id") or row["id"] for row in items if row.get("available", True)}
    user = events[-1]["user_id"] if events else "nobody"
    own = [row for row in events if row["user_id"] == user]
    encode = encode_with(snapshot)
    profile = profile_of(
        [
            Interaction(f"e{k}", user, row["event_type"], int(row["timestamp"]) * 1000, row["item_id"])
            for k, row in enumerate(own)
        ],
        encode,
    )
    group_of = {row["id"]: row.get("group_id") or row["id"] for row in items}
    seen = {group_of[entry.item_id] for entry in profile.interactions}
    some = str(items[0]["id"])
    few = RecommendationRequest(limit=20)
    _check(recommend(snapshot, EMPTY_PROFILE, few, NOW_MS), snapshot, min(20, len(sellable)), group_of)
    known = recommend(snapshot, profile, RecommendationRequest(limit=20, counterfactual=True), NOW_MS)
    _check(known, snapshot, min(20, len(sellable - seen)), group_of)
    assert not seen & {group_of[item.item_id] for item in known.items}
    everything = recommend(snapshot, profile, RecommendationRequest(limit=500, exclude_seen="none"), NOW_MS)
    _check(everything, snapshot, len(sellable), group_of)
    for request in (
        RecommendationRequest(limit=5, query="steel 套装"),
        RecommendationRequest(limit=5, relation="similar", items=(some,)),
        RecommendationRequest(limit=5, relation="together", items=(some,)),
        RecommendationRequest(limit=5, diversity=0.5, rotation=0.5, exploration=0.5, recommendation_id="r"),
        RecommendationRequest(limit=5, candidates=(some, "gone"), complete=True, exclude_seen="none"),
    ):
        answer = recommend(snapshot, profile, request, NOW_MS)
        assert len(answer.items) <= 5
        assert all(math.isfinite(item.score) for item in answer.items)


def _check(answer: Recommendation, snapshot: Snapshot, expected: int, group_of: dict[str, str]) -> None:
    scores = [item.score for item in answer.items]
    assert len(answer.items) == expected
    assert all(math.isfinite(score) for score in scores)
    assert scores == sorted(scores, reverse=True)
    assert len({group_of[item.item_id] for item in answer.items}) == expected
    assert [item.rank for item in answer.items] == list(range(1, expected + 1))
    for item in answer.items:
        assert math.isclose(sum(reason.weight for reason in item.reasons), item.score, abs_tol=1e-4)
