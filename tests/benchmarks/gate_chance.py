"""How often gates take what tells nothing, and what does tell something.

    python -m tests.benchmarks.gate_chance [--draws 200] [--questions 400]

In made-up shops with few new items that are asked for unevenly (`tests.fakes.uneven_shop`), tags and descriptions are
dealt out anew among the items, and then left where they belong; and of two text encoders neither tells anything, or one
tells kinds apart. Each is judged for other shoppers alone, and for other shoppers and other items, as the gates do.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import replace

import numpy as np

from endcap_rebuild.language.gate import verdict
from endcap_rebuild.text_encoder.gate import COLD, Owners, compare, measure, owners_of
from tests.fakes.uneven_shop import UnevenShop

PARTS = ("tags", "descriptions", "descriptions, searches")
ALONE, BOTH = "shoppers alone", "shoppers and items"


def main() -> None:
    """Draw, judge and count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--questions", type=int, default=400)
    chosen = parser.parse_args()
    taken: Counter[tuple[str, str, str]] = Counter()
    for draw in range(chosen.draws):
        shop = UnevenShop(draw, chosen.questions)
        owners = owners_of(shop.questions)
        for kind, order in (("telling nothing", shop.shuffled), ("telling", None)):
            for name, (part, trials) in zip(PARTS, shop.trials(order), strict=True):
                alone = Owners(owners[part].users, owners[part].users)  # as if each looked for another item
                taken[kind, name, ALONE] += verdict(part, trials, alone).weight > 0
                taken[kind, name, BOTH] += verdict(part, trials, owners[part]).weight > 0
        each_another = replace(shop.questions, targets=np.arange(len(shop.questions.targets)))
        incumbent = measure(shop.questions, shop.encoder(chosen.draws + draw))
        for kind, tells in (("telling nothing", False), ("telling", True)):
            challenger = measure(shop.questions, shop.encoder(draw, tells=tells))
            for way, questions in ((ALONE, each_another), (BOTH, shop.questions)):
                found = compare(challenger, incumbent, questions)
                taken[kind, "text encoder: new items surely gain", way] += found.differences[COLD][1] > 0
                taken[kind, "text encoder: wins", way] += found.wins
    for (kind, name, way), times in sorted(taken.items()):
        print(f"{kind:<17}{name:<37}{way:<20}{times} of {chosen.draws}")


if __name__ == "__main__":
    main()
