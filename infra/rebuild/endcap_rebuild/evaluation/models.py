"""What every baseline gets, how it is tuned, and how a scorer is run over the questions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F32, I64
from endcap.catalog.item import Item
from endcap_rebuild.data.event_table import EventTable
from endcap_rebuild.data.row_weights import positive_strength
from endcap_rebuild.evaluation.protocols import Part
from endcap_rebuild.evaluation.questions import Questions
from endcap_rebuild.metrics.ranks import Ranked, best_list, per_question, rank_answers

Setting = Mapping[str, Any]
Scorer = Callable[[Questions], F32]
"""Questions -> float32 (q, n), the score of every item for each of them."""
Report = Callable[[int, int], None]

BLOCK: Final = 256
_NO_LIST: Final = np.empty(0, dtype=np.int32)


@dataclass(frozen=True)
class Known:
    """What a model may know: interactions up to a moment, and the catalogue.

    Attributes
    ----------
    texts : float32 (n, d_text), the encoder's unit vectors, zero rows for items without text
    white : float32 (n, d_item), the same whitened
    memo : what several settings of one model share
    """

    table: EventTable
    cutoff_ms: int
    clock: bool
    items: Sequence[Item]
    texts: F32
    white: F32
    memo: dict[Any, Any] = field(default_factory=dict)

    @property
    def n_items(self) -> int:
        """Size of the catalogue."""
        return len(self.items)

    @cached_property
    def demand(self) -> NDArray[np.float64]:
        """float64 (n,): summed positive strength of each item."""
        strength = positive_strength(self.table).astype(np.float64)
        return np.asarray(np.bincount(self.table.item, strength, minlength=self.n_items), dtype=np.float64)

    @cached_property
    def precedence(self) -> I64:
        """int64 (n,): place of each item among equal scores: the more popular first, then by chance."""
        chance = np.random.default_rng(11).permutation(self.n_items)
        places = np.empty(self.n_items, dtype=np.int64)
        places[np.lexsort((chance, -self.demand))] = np.arange(self.n_items)
        return places

    def remember(self, key: Any, make: Callable[[], Any]) -> Any:
        """`make()`, made once; only the latest of each kind (the key's first part) is kept, for they are large."""
        if key not in self.memo:
            for other in [known for known in self.memo if known[0] == key[0]]:
                del self.memo[other]
            self.memo[key] = make()
        return self.memo[key]


@dataclass(frozen=True)
class Baseline:
    """A model to be compared with.

    Attributes
    ----------
    fit : (what is known, a setting) -> scorer
    settings : tried on the validation questions, the first is the default
    unfit : why the model can't be run on some data, None where it can; None for one that always can
    """

    name: str
    label: str
    fit: Callable[[Known, Setting], Scorer]
    settings: tuple[Setting, ...] = ({},)
    unfit: Callable[[Known], str | None] | None = None


def rank(
    scorer: Scorer,
    part: Part,
    known: Known,
    left_out: NDArray[np.bool_],
    report: Report | None = None,
    *,
    listed: bool = True,
) -> Ranked:
    """Put every question of a part to a scorer.

    Parameters
    ----------
    left_out : bool (n,), items taken out of training
    listed : whether the first places are wanted too
    """
    questions = part.questions
    ranks, among, competing, lists = [], [], [], []
    for start in range(0, len(questions), BLOCK):
        block = questions.chosen(np.arange(start, min(start + BLOCK, len(questions))))
        for k, row in enumerate(scorer(block)):
            answers = block.items_of(k)
            barred = np.empty(0, dtype=np.int32) if block.repeats else block.seen(k)
            own, apart, rivals = rank_answers(row, answers, barred, left_out)
            ranks.append(own)
            among.append(apart)
            competing.append(rivals)
            lists.append(best_list(row, barred, known.precedence) if listed else _NO_LIST)
        if report is not None:
            report(min(start + BLOCK, len(questions)), len(questions))
    return Ranked.of_questions(questions.starts, ranks, among, competing, lists)


def tuned(baseline: Baseline, known: Known, part: Part, report: Report) -> tuple[Setting, list[dict[str, Any]]]:
    """The setting that ranks the validation questions best (NDCG@10), and what each of those tried gave.

    With a single setting, or nothing to validate on, nothing is tried.
    """
    if len(baseline.settings) == 1 or not len(part.questions):
        return baseline.settings[0], []
    nobody = np.zeros(known.n_items, dtype=np.bool_)
    tried: list[dict[str, Any]] = []
    best, best_gain = baseline.settings[0], -1.0
    for number, setting in enumerate(baseline.settings):
        ranked = rank(baseline.fit(known, setting), part, known, nobody, listed=False)
        gain = float(per_question(ranked)["ndcg_at_10"].mean())
        tried.append({**setting, "ndcg_at_10": round(gain, 5)})
        if gain > best_gain:
            best, best_gain = setting, gain
        report(number + 1, len(baseline.settings))
    return best, tried
