"""From which cosine on an item means what a search does: chosen on some searches, judged on others.

    python -m infra.checks.search_floor retail=SNAPSHOT chinese=SNAPSHOT …

Each name is a set of `search_probes.json`: searches that the catalogue has something for, and searches for what it
certainly lacks. The floor of an encoder, for searches in one script, is the one that tells most of the first half of
its set apart rightly; what it does with the other half is what to expect.
"""

from __future__ import annotations

import json
import sys
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from endcap.index.index import index_of
from endcap.ranking.terms.query import meaning_floor, nearness
from endcap.snapshot.snapshot import Snapshot, load_snapshot

PROBES: Final = Path(__file__).with_name("search_probes.json")
Found = list[tuple[float, bool]]
"""Of each search how near the nearest item is, and whether there is something for it."""


def found_in(snapshot: Snapshot, probes: dict[str, list[str]]) -> Found:
    """What a catalogue has for the searches of a set, those that it has something for and others in turn."""
    encoder, index = snapshot.encoder, index_of(snapshot)
    if encoder is None:
        raise SystemExit(f"{snapshot.version} carries no encoder")
    everything = np.arange(index.n_items)
    return [
        (float(nearness(index, encoder.encode(query), everything).max()), kind == "related")
        for pair in zip(probes["related"], probes["unrelated"], strict=True)
        for kind, query in zip(("related", "unrelated"), pair, strict=True)
    ]


def halves(found: Found) -> tuple[Found, Found]:
    """Every second pair of searches, to choose by, and the others, to judge by."""
    pairs = [found[k : k + 2] for k in range(0, len(found), 2)]
    return [one for pair in pairs[::2] for one in pair], [one for pair in pairs[1::2] for one in pair]


def rates(found: Found, floor: float) -> tuple[float, float]:
    """The share of searches that are said to match, of those that do and of those that don't."""
    of = {kind: [near >= floor for near, related in found if related is kind] for kind in (True, False)}
    return float(np.mean(of[True])), float(np.mean(of[False]))


def best_floor(found: Found) -> float:
    """The floor that tells most searches apart; halfway between the nearest that it parts."""
    values = sorted(near for near, _ in found)
    floors = [(a + b) / 2 for a, b in pairwise(values)]
    return max(floors, key=lambda floor: rates(found, floor)[0] - rates(found, floor)[1])


def main(arguments: list[str]) -> None:
    sets = json.loads(PROBES.read_text(encoding="utf-8"))
    for name, _, folder in (argument.partition("=") for argument in arguments):
        snapshot = load_snapshot(Path(folder))
        chosen_by, held = halves(found_in(snapshot, sets[name]))
        print(f"{name}, {snapshot.n_items} items, {snapshot.manifest['encoder']}")
        in_use = meaning_floor(index_of(snapshot), sets[name]["related"][0])
        for what, floor in (("chosen", best_floor(chosen_by)), ("in use", in_use)):
            (by, wrongly), (there, not_there) = rates(chosen_by, floor), rates(held, floor)
            print(
                f"  {what} {floor:.3f}: of the half to choose by {by:.0%} match, and {wrongly:.0%} of what the "
                f"shop lacks; of the half held out {there:.0%}, and {not_there:.0%} ({len(held) // 2} of each)"
            )


if __name__ == "__main__":
    main(sys.argv[1:])
