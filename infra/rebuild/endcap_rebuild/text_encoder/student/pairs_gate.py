"""Whether a student that has also learned from generated queries is better than the same one without; no torch.

Both are trained from several seeds and asked the same: queries that a writer has made up for items which neither has
seen any of (an upper bound, as the same writer made those that were learned from), and what encoders are asked anyway.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from endcap.arrays import F64
from endcap_rebuild.metrics.paired import crossed_interval
from endcap_rebuild.text_encoder.gate import COLD, MIN_QUESTIONS, SEARCH, Owners, Reading

SEEDS: Final = 3
HELD_OUT: Final = "held_out_queries"
_BUCKETS: Final = {"no_word_in_common": (-1.0, 0.0), "up_to_a_third": (0.0, 1 / 3), "more": (1 / 3, 1.0)}


def pairs_verdict(
    asked: Mapping[str, Owners],
    without: Sequence[Mapping[str, F64]],
    with_pairs: Sequence[Mapping[str, F64]],
    overlaps: Sequence[float],
) -> dict[str, Any]:
    """Taken where held-out queries surely gain, for other items too and whatever the seed, and nothing else is worse.

    Parameters
    ----------
    asked : part -> who asks each question and what for: `HELD_OUT`, and parts of the gate
    without, with_pairs : by seed, part -> NDCG@10 of each question
    overlaps : of each held-out query, the share of its words that its item's text has

    Returns
    -------
    taken; of each part that has enough shoppers and items: questions, the level without, the gain with its 95 %
    interval, and by seed; of held-out queries also by words in common
    """
    parts: dict[str, Any] = {}
    for part, owners in asked.items():
        if not owners.enough:
            continue
        by_seed = np.stack([w[part] - wo[part] for w, wo in zip(with_pairs, without, strict=True)])
        gain = by_seed.mean(axis=0)
        low, high = crossed_interval(gain, *owners)
        parts[part] = {
            "questions": len(gain),
            "without": round(float(np.mean([one[part].mean() for one in without])), 5),
            "gain": round(float(gain.mean()), 5),
            "low": round(low, 5),
            "high": round(high, 5),
            "by_seed": [round(float(one.mean()), 5) for one in by_seed],
        }
        if part == HELD_OUT:
            parts[part]["by_words_in_common"] = _by_overlap(gain, np.asarray(overlaps))
    probes = parts.get(HELD_OUT)
    enough = probes is not None and probes["questions"] >= MIN_QUESTIONS
    better = probes is not None and enough and probes["low"] > 0 and min(probes["by_seed"]) > 0
    no_worse = all(part in parts and parts[part]["gain"] >= 0 for part in (COLD, SEARCH))
    return {"taken": bool(better and no_worse), "seeds": len(without), "parts": parts}


def values_of(reading: Reading, held_out: Reading) -> dict[str, F64]:
    """NDCG@10 by part of one student."""
    return {HELD_OUT: held_out.ndcg[SEARCH], COLD: reading.ndcg[COLD], SEARCH: reading.ndcg[SEARCH]}


def _by_overlap(gain: F64, overlaps: F64) -> dict[str, Any]:
    found = {}
    for name, (above, most) in _BUCKETS.items():
        chosen = (overlaps > above) & (overlaps <= most)
        if chosen.any():
            found[name] = {"questions": int(chosen.sum()), "gain": round(float(gain[chosen].mean()), 5)}
    return found
