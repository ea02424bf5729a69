"""How much of the shoppers' requests in words the grammar of `understand` reads right.

Run it as `python -m tests.benchmarks.understanding [REQUESTS TRAPS] [--shops DIR] [--wrong]`: two files of JSON lines,
by default those of `tests/data/understanding`, which the grammar was written with; figures of others are told apart in
docs/language.md. Requests say what is right: `min_price`, `max_price`, `exclude`, `facets`, `sort`; traps ask for
nothing but their words. `--shops` holds `<shop>/items.jsonl.gz`, for the brands of each shop; without it none is known.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from endcap.text.mentions import mentions
from endcap.understanding.brands import BrandNames
from endcap.understanding.facets import Facet
from endcap.understanding.grammar import Parsed, parse
from endcap.understanding.kinds import ATTRIBUTES
from endcap.understanding.values import MEASURED, Values

DATA = Path(__file__).parents[1] / "data" / "understanding"


class Shop:
    """What a shop calls its things; whether an item has what a query names is not asked."""

    def __init__(self, items: Sequence[Mapping[str, Any]]) -> None:
        self._titles = [(item["title"], item.get("brand") or "") for item in items]
        self._names = BrandNames(brand for _, brand in self._titles if brand)
        told = [pair for item in items for pair in (item.get("attrs") or {}).items()]
        self._values = Values(
            (kind, str(value))
            for kind in ("colour", "material")
            for name, value in told
            if ATTRIBUTES[kind].search(name) and not MEASURED.search(name)
        )

    def named_in(self, text: str) -> list[Facet]:
        return [*self._names.within(text, self._counts), *self._values.within(text)]

    def condition(self, facet: Facet) -> str | None:
        return f"title MENTIONS '{facet.value}'"

    def _counts(self, brand: str) -> tuple[int, int]:
        telling = [own for title, own in self._titles if mentions(title, brand)]
        return len(telling), sum(mentions(own, brand) for own in telling)


def findings(given: Mapping[str, Any], parsed: Parsed) -> dict[str, bool]:
    """What of one request is right."""
    folded = [[word.casefold() for word in words] for words in (parsed.excluded, given["exclude"])]
    facets = [sorted(map(_bare, words)) for words in ([f.value for f in parsed.facets], given["facets"])]
    found = {
        "limits": (parsed.lowest, parsed.highest) == (given["min_price"], given["max_price"]),
        "exclusions": sorted(folded[0]) == sorted(folded[1]),
        "sort": (parsed.order.sort if parsed.order else None) == given["sort"],
        "facets": facets[0] == facets[1],
    }
    return {"whole": all(found.values()), **found}


def _bare(value: str) -> str:
    """A value without the unit of its size (1.8米 is 1.8) and without the signs of a brand (e.l.f. is elf)."""
    return re.sub(r"(?<=\d)\s?(?:米|m|码|号)$|[.'’](?!\d)", "", value.casefold())


def constrained(parsed: Parsed) -> bool:
    """Whether a limit, an exclusion or an order was read."""
    return bool(parsed.limits or parsed.excluded or parsed.order)


def _items(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="requests and traps")
    parser.add_argument("--shops", type=Path)
    parser.add_argument("--wrong", action="store_true", help="print what was read wrong")
    options = parser.parse_args()
    requests, traps = options.files or (DATA / "requests.jsonl", DATA / "traps.jsonl")
    shops: dict[str, Shop] = {}

    def read(given: Mapping[str, Any]) -> Parsed:
        shop = given["shop"]
        if shop not in shops:
            shops[shop] = Shop([] if options.shops is None else _items(options.shops / shop / "items.jsonl.gz"))
        return parse(given["text"], shops[shop])

    results = []
    for given in map(json.loads, requests.read_text(encoding="utf-8").splitlines()):
        parsed = read(given)
        results.append(findings(given, parsed))
        if options.wrong and not results[-1]["whole"]:
            bad = [name for name, right in results[-1].items() if not right]
            told = (parsed.lowest, parsed.highest, parsed.excluded, [f.value for f in parsed.facets], parsed.order)
            print(given["text"], "|", *bad, "|", told)
    for name in ("whole", "limits", "exclusions", "sort", "facets"):
        right = sum(result[name] for result in results)
        print(f"{name:<11} right in {right} of {len(results)} ({right / len(results):.1%})")
    lines = [json.loads(line) for line in traps.read_text(encoding="utf-8").splitlines()]
    parsed_traps = [read(line) for line in lines]
    caught = [parsed for parsed in parsed_traps if constrained(parsed)]
    if options.wrong:
        print(*(f"trap: {parsed.text} {parsed}" for parsed in caught), sep="\n")
    print(
        f"traps with a limit, an exclusion or an order: {len(caught)} of {len(lines)} ({len(caught) / len(lines):.1%})"
    )
    print(f"traps with a colour, size, material or brand: {sum(bool(p.facets) for p in parsed_traps)} of {len(lines)}")


if __name__ == "__main__":
    main()
