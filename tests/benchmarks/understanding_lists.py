"""What the lists of understood requests hold: `python -m tests.benchmarks.understanding_lists --snapshots DIR`.

`DIR/<shop>` is a snapshot of each shop as `endcap rebuild` writes it (zh-catalog, online-retail, amazon-beauty; those
that are not there are left out). Four figures, each against what a person would have asked for by hand:

- places of the requests in `tests/data/understanding` (or FILE...) that keep to the right limits and exclusions
- lists that are as long as the catalogue allows: ten, or all items that meet what is right
- targets: an item's own words with a limit or an exclusion that it meets; whether it is among the first ten, by the
  grammar, and by a filter and a query that were written by hand
- plain queries: probes whose item comes first, as they are and with `understand`
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from endcap.filters.evaluate import FilterContext, mask_of
from endcap.filters.parser import expression
from endcap.index.index import ItemIndex, index_of
from endcap.profiles.profile import EMPTY_PROFILE
from endcap.recommend.pipeline import recommend
from endcap.recommend.request import RankedItem, RecommendationRequest
from endcap.snapshot.snapshot import Snapshot, load_snapshot
from endcap.text.mentions import mentions
from endcap.understanding.conditions import meeting
from endcap.understanding.facets import Facet, NoVocabulary
from endcap.understanding.grammar import understood
from endcap.understanding.kinds import Kind
from endcap.understanding.shop import ShopVocabulary, quoted
from endcap.understanding.wish import Understood
from tests.benchmarks.probes import PARTS, load_probes

DATA = Path(__file__).parents[1] / "data" / "understanding"
FILES = (DATA / "requests.jsonl", DATA / "kept_requests.jsonl")
PLACES = 10
TARGETS = 100
NOW_MS = 1_800_000_000_000
KINDS: tuple[Kind, ...] = ("colour", "size", "material", "brand")
COLOURS = {"en": ("red", "blue", "green", "purple"), "zh": ("红色", "蓝色", "绿色", "紫色")}


class Target(NamedTuple):
    """An item, a request in words that it meets, and the same by hand."""

    item_id: str
    text: str
    words: str
    filter: str


def listed(snapshot: Snapshot, **asked: Any) -> tuple[RankedItem, ...]:
    request = RecommendationRequest(limit=PLACES, explain=False, fields=("title", "price", "brand"), **asked)
    return recommend(snapshot, EMPTY_PROFILE, request, NOW_MS).items


def keeps(given: Mapping[str, Any], fields: Mapping[str, Any]) -> bool:
    """Whether an item is within the limits, and mentions nothing that is not wanted."""
    price = fields.get("price")
    if given["min_price"] is not None and (price is None or price < given["min_price"]):
        return False
    if given["max_price"] is not None and (price is None or price > given["max_price"]):
        return False
    said = [str(fields.get("title") or ""), str(fields.get("brand") or "")]
    return not any(mentions(text, word) for text in said for word in given["exclude"])


def by_hand(index: ItemIndex, given: Mapping[str, Any]) -> Understood:
    """What is right about a request, as conditions."""
    vocabulary = ShopVocabulary(index)
    tests = [f"price >= {given['min_price']:.10g}"] if given["min_price"] is not None else []
    tests += [f"price <= {given['max_price']:.10g}"] if given["max_price"] is not None else []
    named = []
    for value in given["facets"]:
        found = [test for kind in KINDS if (test := vocabulary.condition(Facet(kind, value, 0, 0))) is not None]
        named += [f"({' OR '.join(dict.fromkeys(found))})"] if found else []
    either = re.search(r"\bor\b|或", given["text"]) is not None
    tests += [f"({' OR '.join(named)})"] if either and named else named
    return Understood("", " AND ".join(tests) or None, tuple(given["exclude"]))


def targets(index: ItemIndex, n: int, seed: int = 7) -> Iterator[Target]:
    """Items drawn by chance, each with one request."""
    chance = random.Random(seed)
    rows = [row for row in range(index.n_items) if index.document(row).get("price")]
    chance.shuffle(rows)
    made = 0
    for row in rows:
        document = index.document(row)
        title, price = str(document.get("title") or ""), float(document["price"])
        chinese = re.search("[\u4e00-\u9fff]{4,}", title)
        words = chinese[0][-6:] if chinese else " ".join(re.findall(r"[A-Za-z]{3,}", title)[:3]).lower()
        if not words or understood(words, NoVocabulary()).words or made == n:
            continue
        made += 1
        high, low = float(f"{price * 1.25:.3g}"), float(f"{price * 0.8:.2g}")
        language = "zh" if chinese else "en"
        colour = chance.choice([one for one in COLOURS[language] if not mentions(title, one)])
        most, within = f"price <= {high:g}", f"price >= {low:g} AND price <= {high:g}"
        without = f"NOT title MENTIONS {quoted(colour)}"
        forms = {
            "en": (
                (f"{words} under {high:g}", most),
                (f"{words}, no more than £{high:g}", most),
                (f"{words} between {low:g} and {high:g}", within),
                (f"{words}, not {colour}", without),
            ),
            "zh": (
                (f"{high:g}元以内的{words}", most),
                (f"{words},不超过{high:g}块", most),
                (f"{low:g}到{high:g}元的{words}", within),
                (f"{words},不要{colour}的", without),
            ),
        }[language]
        text, test = forms[made % len(forms)]
        yield Target(index.item_id(row), text, words, test)


def share(right: int, of: int) -> str:
    return f"{right} of {of} ({right / of:.1%})" if of else "none"


def measured(shop: str, snapshot: Snapshot, requests: Sequence[Mapping[str, Any]]) -> dict[str, tuple[int, int]]:
    """What was right, and of how many."""
    index = index_of(snapshot)
    found = {name: [0, 0] for name in ("places", "lists", "targets", "by hand")}

    def count(name: str, right: int, of: int = 1) -> None:
        found[name][0] += right
        found[name][1] += of

    for given in requests:
        items = listed(snapshot, query=given["text"], understand=True)
        if given["exclude"] or given["min_price"] is not None or given["max_price"] is not None:
            count("places", sum(keeps(given, one.fields) for one in items), len(items))
        allowed = int(meeting(index, by_hand(index, given), FilterContext(NOW_MS)).sum())
        count("lists", len(items) >= min(PLACES, allowed))
    for one in targets(index, TARGETS):
        assert mask_of(expression(one.filter), index, FilterContext(NOW_MS))[index.position(one.item_id)]
        count("targets", one.item_id in [i.item_id for i in listed(snapshot, query=one.text, understand=True)])
        hand = listed(snapshot, query=one.words, filter=expression(one.filter))
        count("by hand", one.item_id in [i.item_id for i in hand])
    return {name: (right, of) for name, (right, of) in found.items()}


def plain(snapshot: Snapshot) -> tuple[int, int, int]:
    """Probes whose item comes first by meaning, as they are and understood, and how many there are."""
    encoder = snapshot.encoder
    assert encoder is not None
    first = [0, 0]
    total = 0
    for part in PARTS:
        probes = load_probes(part)
        for language in ("en", "zh"):
            titles = encoder.encode_many([getattr(one, language) for one in probes])
            for k, one in enumerate(probes):
                query = getattr(one, f"query_{language}")
                for n, text in enumerate((query, understood(query, NoVocabulary()).search or query)):
                    first[n] += int(np.argmax(titles @ encoder.encode(text)) == k)
                total += 1
    return first[0], first[1], total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="requests")
    parser.add_argument("--snapshots", type=Path, required=True)
    options = parser.parse_args()
    lines = [line for file in options.files or FILES for line in file.read_text(encoding="utf-8").splitlines()]
    requests = [json.loads(line) for line in lines]
    sums: dict[str, list[int]] = {}
    snapshot = None
    for folder in sorted(path for path in options.snapshots.iterdir() if path.is_dir()):
        snapshot = load_snapshot(folder)
        found = measured(folder.name, snapshot, [one for one in requests if one["shop"] == folder.name])
        print(folder.name, *(f"{name}: {share(*figures)}" for name, figures in found.items()), sep="\n  ")
        for name, (right, of) in found.items():
            sums.setdefault(name, [0, 0])
            sums[name][0] += right
            sums[name][1] += of
    print("all", *(f"{name}: {share(*figures)}" for name, figures in sums.items()), sep="\n  ")
    if snapshot is not None:
        as_they_are, read, total = plain(snapshot)
        print(f"plain probes, first by meaning: {share(as_they_are, total)}; understood {share(read, total)}")


if __name__ == "__main__":
    main()
