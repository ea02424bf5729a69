"""What text encoders are asked about a shop: for new items from a history, and for items from a query.

Everything is drawn by seed and by hashes of ids, from a sample of the catalogue, so that an encoder that loses has read
no more than the sample.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import I64
from endcap.catalog.item import item_text
from endcap_rebuild.data.dataset import Shop
from endcap_rebuild.data.searches import answered
from endcap_rebuild.text_encoder.probes import probes_of
from endcap_rebuild.tuning.split import Split

HIDDEN_SHARE: Final = 0.2
MAX_ITEMS: Final = 2_000
MAX_COLD: Final = 1_000
MAX_PROBES: Final = 600
LAST_ITEMS: Final = 2
"""Items of a history that a question shows, the newest: the served score leans on hardly more."""
# The rest of the sample competes without having been chosen by anybody.
_SHARE_IN_QUESTIONS: Final = 0.7


@dataclass(frozen=True)
class Questions:
    """A sample of the catalogue and what is looked for in it; positions are those of the sample.

    items : int64 (n,), rows of the catalogue; texts : what an encoder reads of each
    histories : int64 (c, LAST_ITEMS), newest first, -1 = none; targets : int64 (c,); seen : what may not compete
    users : int64 (c,), whose history it is
    queries, answers : probes; askers : int64 (p,), the users of real searches, distinct negative numbers for the others
    """

    items: I64
    texts: list[str]
    histories: I64
    targets: I64
    seen: list[I64]
    users: I64
    queries: list[str]
    answers: list[I64]
    askers: I64


def hidden_items(shop: Shop, seed: int, share: float = HIDDEN_SHARE) -> NDArray[np.bool_]:
    """bool (n,): items whose interactions nobody may learn from, by a hash of their ids.

    The choice of an item does not change with the rest of the catalogue, so that one that an encoder was once trained
    without stays hidden from later ones.
    """
    hashes = [hashlib.blake2b(f"{seed}\0{item.item_id}".encode(), digest_size=4).digest() for item in shop.items]
    return np.array([int.from_bytes(h) for h in hashes], dtype=np.int64) < share * 2**32


def questions_of(shop: Shop, split: Split, seed: int, max_items: int = MAX_ITEMS) -> Questions:
    """Questions about new items of the validation window, and search probes."""
    chance = np.random.default_rng([seed, 17])
    n_items = len(shop.items)
    cold = hidden_items(shop, seed) | (np.bincount(split.train.item, minlength=n_items) == 0)
    cases = split.cases
    asked = chance.permutation(np.flatnonzero(cold[cases.items] & ~cases.repeated))
    histories, chosen, used = [], [], set[int]()
    for case in asked.tolist():
        last = _last_items(split, case)
        wanted = used.union(last, [int(cases.items[case])])
        if not last or len(wanted) > _SHARE_IN_QUESTIONS * max_items:
            continue
        used = wanted
        chosen.append(case)
        histories.append(last + [-1] * (LAST_ITEMS - len(last)))
        if len(chosen) == MAX_COLD:
            break
    real = answered(shop.searches, shop.table)
    real = [real[k] for k in sorted(chance.permutation(len(real))[: MAX_PROBES // 2].tolist())]
    for _, item in real:
        if len(used) < max_items:
            used.add(item)
    real = [(search, item) for search, item in real if item in used]
    others = [row for row in chance.permutation(n_items).tolist() if row not in used]
    items = np.sort(np.asarray([*used, *others[: max(0, max_items - len(used))]], dtype=np.int64))
    place = np.full(n_items + 1, -1, dtype=np.int64)  # the last one is for "none"
    place[items] = np.arange(len(items))
    sample = [shop.items[row] for row in items.tolist()]
    made = probes_of(sample, MAX_PROBES - len(real), chance)
    user_of = {name: number for number, name in enumerate(shop.table.user_ids)}
    rows = np.asarray(histories, dtype=np.int64).reshape(-1, LAST_ITEMS)
    seen = [place[np.unique(cases.seen(case))] for case in chosen]
    return Questions(
        items=items,
        texts=[item_text(item) for item in sample],
        histories=place[rows],
        targets=place[cases.items[np.asarray(chosen, dtype=np.int64)]],
        seen=[own[own >= 0] for own in seen],
        users=cases.table.user[cases.target[np.asarray(chosen, dtype=np.int64)]].astype(np.int64),
        queries=[search.text for search, _ in real] + [query for query, _ in made],
        answers=[place[[item]] for _, item in real] + [answers for _, answers in made],
        askers=np.asarray([user_of[s.user_id] for s, _ in real] + [-1 - k for k in range(len(made))], dtype=np.int64),
    )


def _last_items(split: Split, case: int) -> list[int]:
    """The newest distinct items of a history that speak for what was chosen, newest first."""
    cases = split.cases
    rows = np.arange(cases.first[case], cases.end[case])[::-1]
    liked = cases.table.item[rows[cases.table.strength[rows] > 0]]
    return list(dict.fromkeys(liked.tolist()))[:LAST_ITEMS]
