"""What a shopper notices, measured over HTTP on a running stack.

    endcap local --data DIR            # in another terminal
    python -m tests.benchmarks.live --data DIR [--url http://127.0.0.1:8787] [--shoppers 100] [--items 5]

1. event to answer: three events of a new shopper go to POST /events; from the moment of sending until a
   GET of the recommendations is made from a profile that has them all;
2. new item to answer: a copy of an item that the catalogue holds, under a new id, is PUT; until it ranks among the
   first ten for a shopper who has just viewed the original;
3. reviews: a shopper's own words about an item, in English and in Chinese, and the rank of its nearest neighbour.
"""

from __future__ import annotations

import argparse
import platform
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from endcap_local.http_client import HttpClient
from endcap_rebuild.data.reading import ReadReport, read_items

LIMIT_S = 30.0
PAUSE_S = 0.01
REVIEWS = {"good": ("Excellent, I love it", "非常好，很喜欢"), "bad": ("Terrible, it broke", "很差，坏了")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--url", default="http://127.0.0.1:8787")
    parser.add_argument("--shoppers", type=int, default=100)
    parser.add_argument("--items", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    api, rng = HttpClient(arguments.url), np.random.default_rng(arguments.seed)
    items = {item.item_id: item for item in read_items(arguments.data, ReadReport())}
    print(f"{arguments.data.name}: {len(items)} items; {platform.machine()}, Python {platform.python_version()}")

    seconds = [event_to_answer(api, list(items), rng) for _ in range(arguments.shoppers)]
    _print_distribution(f"event to answer, {arguments.shoppers} new shoppers with 3 events each", seconds)
    chosen = rng.choice(list(items), arguments.items, replace=False)
    _print_distribution(
        f"new item to a matching shopper's first ten, {arguments.items} items",
        [item_to_answer(api, items[i].title, str(i)) for i in chosen],
    )
    for item_id in chosen:
        print(f"reviews of {items[item_id].title[:60]!r}: rank of its neighbour {review_ranks(api, str(item_id))}")


def event_to_answer(api: HttpClient, item_ids: list[str], rng: np.random.Generator) -> float:
    """Seconds from sending a new shopper's three events to an answer made from them."""
    user_id = f"live-{uuid.uuid4().hex}"
    events = [event(user_id, "view", item_id) for item_id in rng.choice(item_ids, 3, replace=False).tolist()]
    before = _ids(api.get(f"/users/{user_id}/recommendations"))
    start = time.perf_counter()
    api.post("/events", {"events": events})
    took = _until(lambda: int(_recommend(api, user_id)["profile_version"]) > 0, start)
    after = _ids(_recommend(api, user_id))
    assert after != before, "three events changed nothing"
    return took


def item_to_answer(api: HttpClient, title: str, like: str) -> float:
    """Seconds from the PUT of an item to its place among the first ten of a shopper who viewed one like it."""
    user_id, item_id = f"live-{uuid.uuid4().hex}", f"new-{uuid.uuid4().hex[:8]}"
    original = api.get(f"/items/{quote(like, safe='')}")
    api.post("/events", {"events": [event(user_id, "view", like)]})
    start = time.perf_counter()
    api.put(f"/items/{item_id}", {**original, "item_id": item_id, "title": title + " (new edition)"})
    return _until(lambda: item_id in _ids(_recommend(api, user_id)), start)


def review_ranks(api: HttpClient, item_id: str) -> dict[str, int]:
    """Rank of the item's nearest neighbour for shoppers who say nothing, good or bad things about the item."""
    neighbour = _ids(_session(api, [event("anyone", "view", item_id)], limit=2))[0]
    ranks = {"unknown shopper": _rank(_session(api, [], limit=500), neighbour)}
    for verdict, texts in REVIEWS.items():
        for language, text in zip(("en", "zh"), texts, strict=True):
            said = [event("anyone", "review", item_id, text=text)]
            ranks[f"{verdict} {language}"] = _rank(_session(api, said, limit=500), neighbour)
    return ranks


def event(user_id: str, event_type: str, item_id: str, **more: Any) -> dict[str, Any]:
    """One event as a client sends it."""
    return {"user_id": user_id, "event_type": event_type, "item_id": item_id, **more}


def _recommend(api: HttpClient, user_id: str) -> dict[str, Any]:
    answer: dict[str, Any] = api.get(f"/users/{quote(user_id, safe='')}/recommendations", explain="false")
    return answer


def _session(api: HttpClient, interactions: list[dict[str, Any]], limit: int) -> dict[str, Any]:
    answer: dict[str, Any] = api.post("/recommendations", {"interactions": interactions, "limit": limit})
    return answer


def _ids(answer: dict[str, Any]) -> list[str]:
    return [item["item_id"] for item in answer["items"]]


def _rank(answer: dict[str, Any], item_id: str) -> int:
    """From 1; 501 stands for beyond the first 500."""
    ids = _ids(answer)
    return ids.index(item_id) + 1 if item_id in ids else 501


def _until(done: Callable[[], bool], start: float) -> float:
    while time.perf_counter() - start < LIMIT_S:
        if done():
            return time.perf_counter() - start
        time.sleep(PAUSE_S)  # a stack in one process would otherwise be busy with nothing but our questions
    raise SystemExit(f"nothing happened within {LIMIT_S:.0f} s")


def _print_distribution(what: str, seconds: list[float]) -> None:
    p50, p90, p99 = np.percentile(seconds, [50, 90, 99])
    print(f"{what}: p50 {p50:.3f} s, p90 {p90:.3f} s, p99 {p99:.3f} s, max {max(seconds):.3f} s")


if __name__ == "__main__":
    main()
