"""How often the gate of descriptions and tags takes what tells nothing, and what does tell something.

    python -m tests.benchmarks.gate_chance [--draws 200] [--questions 400]

In made-up shops with few new items that are asked for unevenly (`tests.fakes.uneven_shop`), tags and descriptions are
dealt out anew among the items, and then left where they belong. Each is judged for other shoppers alone, and for other
shoppers and other items, as the gate does.
"""

from __future__ import annotations

import argparse
from collections import Counter

from endcap_rebuild.language.gate import verdict
from endcap_rebuild.text_encoder.gate import Owners, owners_of
from tests.fakes.uneven_shop import UnevenShop

PARTS = ("tags", "descriptions", "descriptions, searches")


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
        for kind, order in (("dealt out anew", shop.shuffled), ("their own", None)):
            for name, (part, trials) in zip(PARTS, shop.trials(order), strict=True):
                alone = Owners(owners[part].users, owners[part].users)  # as if each looked for another item
                taken[kind, name, "shoppers alone"] += verdict(part, trials, alone).weight > 0
                taken[kind, name, "shoppers and items"] += verdict(part, trials, owners[part]).weight > 0
    for (kind, name, way), times in sorted(taken.items()):
        print(f"{kind:<16}{name:<26}{way:<20}{times} of {chosen.draws}")


if __name__ == "__main__":
    main()
