"""The gate takes tags that tell what shoppers choose by, and refuses those that do not."""

from __future__ import annotations

import numpy as np

from endcap.arrays import F32
from endcap.catalog.item import Item
from endcap.describing.enriched import Enriched
from endcap.describing.tags import OCCASIONS, THEMES
from endcap_rebuild.language.gate import Verdict
from endcap_rebuild.language.tags import tag_verdict, tags_of
from endcap_rebuild.text_encoder.questions import Questions

N, DIM = 400, 32
KINDS = [tag.name for tag in THEMES[:20]]
CHANCE = np.random.default_rng(4)
KIND_OF = CHANCE.integers(len(KINDS), size=N)
PAIRS = np.asarray(
    [CHANCE.choice(np.flatnonzero(k == KIND_OF), 2, replace=False) for k in CHANCE.integers(20, size=240)]
)
QUESTIONS = Questions(
    items=np.arange(N),
    texts=[""] * N,
    histories=np.stack([PAIRS[:, 0], np.full(len(PAIRS), -1)], axis=1),
    targets=PAIRS[:, 1],
    seen=[np.asarray([row]) for row in PAIRS[:, 0].tolist()],
    users=np.arange(len(PAIRS)),
    queries=[],
    answers=[],
    askers=np.arange(0),
)
ITEMS = [Item(f"item-{k}", categories=("Things",)) for k in range(N)]
TOLD = [Enriched(themes=[KINDS[kind]], occasions=["gift"]) for kind in KIND_OF.tolist()]


def vectors(meaning: float) -> F32:
    """Texts that tell so much of the kinds, beside noise."""
    rows = meaning * CHANCE.normal(size=(len(KINDS), DIM))[KIND_OF] + CHANCE.normal(size=(N, DIM))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def judged(told: list[Enriched], counted: F32 | None = None) -> Verdict:
    tags = tags_of(ITEMS, told)
    assert tags is not None
    return tag_verdict(tags, QUESTIONS, vectors(0.2), np.zeros((N, DIM)) if counted is None else counted)


def test_tags_that_tell_the_kind_are_taken_and_those_of_other_items_are_not() -> None:
    found = judged(TOLD)
    assert found.weight > 0
    assert found.low > 0
    assert judged([TOLD[row] for row in CHANCE.permutation(N).tolist()]).weight == 0


def test_tags_are_judged_beside_descriptions_that_say_as_much() -> None:
    assert judged(TOLD, 10 * vectors(5.0)).gain < judged(TOLD).gain / 4


def test_a_tag_that_all_items_have_and_items_with_two_categories_are_no_evidence() -> None:
    tags = tags_of([*ITEMS[:-1], Item("last", categories=("Home", "Things"))], TOLD)
    assert tags is not None
    assert tags.names == tuple(sorted([*KINDS, "gift"]))
    assert not tags.vectors[-1].any()
    assert np.abs(tags.vectors[:-1, tags.names.index("gift")]).max() < 1e-4
    assert tags_of([Item("one", categories=("Home", "Things"))], TOLD[:1]) is None
    assert tags_of(ITEMS[:2], [None, Enriched(kind=OCCASIONS[0].name)]) is None
