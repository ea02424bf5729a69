"""The gate takes what tells something about the items, and refuses what does not."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from endcap.arrays import F32, F64
from endcap.index.described import finds_itself
from endcap_rebuild.language.choice import Choice, Fields, Spoken, choose, choose_fields
from endcap_rebuild.language.gate import WEIGHTS, Space, Trials, trials_of, verdict
from endcap_rebuild.text_encoder.gate import COLD, FEWEST_OWNERS, MIN_QUESTIONS, SEARCH, Owners, owners_of
from endcap_rebuild.text_encoder.questions import Questions
from tests.fakes.uneven_shop import UnevenShop

N, KINDS, DIM = 400, 20, 32
FIELDS = ("kind", "uses")


def unit(rows: F32) -> F32:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


@pytest.fixture(scope="module")
def shop() -> tuple[Questions, F32, F32, dict[str, tuple[F32, F32]]]:
    """Shoppers who stay within a kind; the items' own texts tell little of it, what was written tells it all."""
    chance = np.random.default_rng(3)
    kinds = chance.integers(KINDS, size=N)
    meaning = unit(chance.normal(size=(KINDS, DIM)).astype(np.float32))
    items = unit((0.3 * meaning[kinds] + unit(chance.normal(size=(N, DIM)))).astype(np.float32))
    written = unit((meaning[kinds] + 0.3 * unit(chance.normal(size=(N, DIM)))).astype(np.float32))
    pairs = []
    for kind in chance.integers(KINDS, size=240).tolist():
        rows = np.flatnonzero(kinds == kind)
        if len(rows) > 3:
            pairs.append(chance.choice(rows, 2, replace=False))
    told = np.asarray(pairs, dtype=np.int64)
    queries = {f"q{k}": (unit(items[[row]])[0], unit(written[[row]])[0]) for k, row in enumerate(told[:, 0].tolist())}
    return (
        Questions(
            items=np.arange(N),
            texts=[""] * N,
            histories=np.stack([told[:, 0], np.full(len(told), -1)], axis=1),
            targets=told[:, 1],
            seen=[np.asarray([row]) for row in told[:, 0].tolist()],
            users=np.arange(len(told)),
            queries=list(queries),
            answers=[np.asarray([row]) for row in told[:, 1].tolist()],
            askers=np.arange(len(told)),
        ),
        items,
        written,
        queries,
    )


def each_its_own(n: int) -> Owners:
    """Questions of as many shoppers for as many items."""
    return Owners(np.arange(n), np.arange(n))


def judged(shop: tuple[Questions, F32, F32, dict[str, tuple[F32, F32]]], written: F32) -> tuple[float, float]:
    questions, items, _, queries = shop
    trials = trials_of(questions, {FIELDS: Space(items, written)}, queries)
    found = [verdict(part, trials[part], owners) for part, owners in owners_of(questions).items()]
    assert all(one.low > 0 for one in found if one.weight)
    return found[0].weight, found[1].weight


def test_what_tells_the_kind_is_taken(shop: tuple[Questions, F32, F32, dict[str, tuple[F32, F32]]]) -> None:
    assert all(weight in WEIGHTS for weight in judged(shop, shop[2]))


def test_the_same_of_other_items_is_refused(shop: tuple[Questions, F32, F32, dict[str, tuple[F32, F32]]]) -> None:
    shuffled = shop[2][np.random.default_rng(5).permutation(N)]
    assert judged(shop, shuffled) == (0.0, 0.0)


def test_nothing_written_is_refused(shop: tuple[Questions, F32, F32, dict[str, tuple[F32, F32]]]) -> None:
    assert judged(shop, np.zeros((N, DIM), dtype=np.float32)) == (0.0, 0.0)


def test_few_questions_say_nothing() -> None:
    gains = {(FIELDS, 0.0): np.zeros(MIN_QUESTIONS - 1), (FIELDS, 0.4): np.ones(MIN_QUESTIONS - 1)}
    assert verdict(COLD, gains, each_its_own(MIN_QUESTIONS - 1)).weight == 0


def test_one_shopper_alone_decides_nothing() -> None:
    gains = {(FIELDS, 0.0): np.zeros(200), (FIELDS, 0.4): np.ones(200)}
    assert verdict(COLD, gains, Owners(np.zeros(200, dtype=np.int64), np.arange(200))).weight == 0
    assert verdict(COLD, gains, each_its_own(200)).weight == 0.4


def test_what_a_few_items_gain_says_nothing_of_others() -> None:
    gains = {(FIELDS, 0.0): np.zeros(200), (FIELDS, 0.4): np.ones(200)}
    few, enough = np.arange(200) % (FEWEST_OWNERS - 1), np.arange(200) % FEWEST_OWNERS
    assert verdict(COLD, gains, Owners(np.arange(200), few)).weight == 0
    assert verdict(COLD, gains, Owners(np.arange(200), enough)).weight == 0.4
    # Half of the questions are about one item, and all of the gain is that item's.
    one = np.where(np.arange(400) % 2 == 0, 0, np.arange(400))
    gains = {(FIELDS, 0.0): np.zeros(400), (FIELDS, 0.4): (one == 0).astype(np.float64)}
    assert verdict(COLD, gains, Owners(np.arange(400), one)).weight == 0
    assert verdict(COLD, gains, each_its_own(400)).weight == 0.4


def test_a_text_has_to_find_its_own_item(shop: tuple[Questions, F32, F32, dict[str, tuple[F32, F32]]]) -> None:
    items = shop[1]
    about = items.copy()
    about[0], about[1] = -items[0], 0
    found = finds_itself(items, about, items)
    assert not found[:2].any()
    assert found[2:].all()


def chosen(trials: Mapping[str, Trials], owners: Mapping[str, Owners], spoken: Spoken) -> Choice:
    """Of shops whose languages all have the same fields, so that what was tried is what is served."""
    return choose(choose_fields(trials, owners, spoken), trials, owners, spoken)


def test_each_language_has_the_weight_that_it_gains_by(
    shop: tuple[Questions, F32, F32, dict[str, tuple[F32, F32]]],
) -> None:
    questions, items, written, queries = shop
    chance = np.random.default_rng(9)
    spoken = np.where(np.arange(N) % 2 == 0, "en", "zh")
    mixed = written.copy()
    mixed[spoken == "en"] = unit(chance.normal(size=(N // 2, DIM)).astype(np.float32))  # of these it tells nothing
    trials = trials_of(questions, {FIELDS: Space(items, mixed)}, queries)
    owners = owners_of(questions)
    found = chosen(trials, owners, {part: spoken[own.items] for part, own in owners.items()})
    assert found.fields.shop == FIELDS
    assert found.shares["en"] == (0.0, 0.0)
    assert found.shares["zh"] == (1.0, 1.0)
    assert {found.weights[part] for part in (COLD, SEARCH)} <= set(WEIGHTS)
    assert all(one.low > 0 for one in found.languages["zh"])
    # A language that hardly anything is asked about counts as the shop does.
    rare = np.where(np.arange(N) < 5, "en", "zh")
    few = chosen(trials, owners, {part: rare[own.items] for part, own in owners.items()})
    assert "en" not in few.shares
    assert few.other_shares[0] == next(v.weight for v in few.verdicts if v.part == COLD) / few.weights[COLD]
    # With one language there is nothing to tell apart.
    same = np.full(N, "en")
    one = chosen(trials, owners, {part: same[own.items] for part, own in owners.items()})
    assert one.shares == {}
    assert one.languages == {}


def test_a_language_may_win_where_the_shop_as_a_whole_does_not() -> None:
    """Half of the questions gain by a little, the others lose by more."""
    n = 8 * MIN_QUESTIONS
    spoken = np.where(np.arange(n) % 2 == 0, "en", "zh")
    users = each_its_own(n)
    trials = {
        (FIELDS, 0.0): np.full(n, 0.5),
        **{(FIELDS, w): np.where(spoken == "zh", 0.5 + w / 10, 0.1) for w in WEIGHTS},
    }
    nothing = {(FIELDS, 0.0): np.full(n, 0.5), **{(FIELDS, w): np.full(n, 0.4) for w in WEIGHTS}}
    found = chosen({COLD: trials, SEARCH: nothing}, {COLD: users, SEARCH: users}, {COLD: spoken, SEARCH: spoken})
    assert [v.weight for v in found.verdicts] == [0.0, 0.0]
    assert found.weights == {COLD: WEIGHTS[-1], SEARCH: 0.0}
    assert found.shares == {"en": (0.0, 1.0), "zh": (1.0, 1.0)}  # where a weight is 0, a share of it says nothing
    assert found.other_shares == (0.0, 1.0)
    assert found.document()["languages"]["zh"][0]["weight"] == WEIGHTS[-1]


def test_where_nothing_gains_nothing_is_chosen() -> None:
    n = 4 * MIN_QUESTIONS
    flat = {(FIELDS, w): np.full(n, 0.5) for w in (0.0, *WEIGHTS)}
    spoken, users = np.full(n, "en"), each_its_own(n)
    found = chosen({COLD: flat, SEARCH: flat}, {COLD: users, SEARCH: users}, {COLD: spoken, SEARCH: spoken})
    assert (found.fields.shop, set(found.weights.values())) == ((), {0.0})


OTHER_FIELDS = ("kind", "uses", "themes")


def gaining(spoken: NDArray[np.str_], english: float, chinese: float) -> dict[tuple[tuple[str, ...], float], F64]:
    """Each language gains so much of a weight by one set of fields, and loses by the other."""
    found = {(fields, 0.0): np.full(len(spoken), 0.5) for fields in (FIELDS, OTHER_FIELDS)}
    for weight in WEIGHTS:
        found[FIELDS, weight] = np.where(spoken == "en", 0.5 + english * weight, 0.4)
        found[OTHER_FIELDS, weight] = np.where(spoken == "en", 0.4, 0.5 + chinese * weight)
    return found


@pytest.mark.parametrize(
    ("english", "chinese", "shop", "own"),
    [
        (0.5, 0.1, FIELDS, {"zh": OTHER_FIELDS}),
        (0.1, 0.5, OTHER_FIELDS, {"en": FIELDS}),
        (0.5, 0.0, FIELDS, {}),
        (0.0, 0.0, (), {}),
    ],
)
def test_each_language_has_the_fields_that_it_gains_by(
    english: float, chinese: float, shop: tuple[str, ...], own: dict[str, tuple[str, ...]]
) -> None:
    n = 8 * MIN_QUESTIONS
    spoken, users = np.where(np.arange(n) % 2 == 0, "en", "zh"), each_its_own(n)
    trials = gaining(spoken, english, chinese)
    flat = {choice: np.full(n, 0.5) for choice in trials}
    asked: tuple[dict[str, Owners], dict[str, NDArray[np.str_]]] = (
        {COLD: users, SEARCH: users},
        dict.fromkeys((COLD, SEARCH), spoken),
    )
    fields = choose_fields({COLD: trials, SEARCH: flat}, *asked)
    assert (fields.shop, fields.languages) == (shop, own)
    served = {
        (fields.shop, weight): np.where(
            spoken == "en", trials[fields.of("en") or FIELDS, weight], trials[fields.of("zh") or FIELDS, weight]
        )
        for weight in (0.0, *WEIGHTS)
    }
    found = choose(fields, {COLD: served, SEARCH: {choice: np.full(n, 0.5) for choice in served}}, *asked)
    told = found.document()
    assert told["fields"] == list(shop)
    assert told.get("language_fields", {}) == {name: list(one) for name, one in own.items()}
    for name, one in own.items():
        assert told["languages"][name][0]["fields"] == list(one)
        assert found.shares[name] == (1.0, 1.0)


def test_vectors_that_gain_nothing_as_they_would_be_served_are_not_taken() -> None:
    n = 8 * MIN_QUESTIONS
    spoken, users = np.where(np.arange(n) % 2 == 0, "en", "zh"), each_its_own(n)
    asked = {COLD: users, SEARCH: users}, dict.fromkeys((COLD, SEARCH), spoken)
    flat = {(FIELDS, weight): np.full(n, 0.5) for weight in (0.0, *WEIGHTS)}
    found = choose(Fields(FIELDS, {"zh": OTHER_FIELDS}), {COLD: flat, SEARCH: flat}, *asked)
    assert found.fields == Fields(())
    assert set(found.weights.values()) == {0.0}


DRAWS, NOMINAL = 40, 0.025
"""Shops, and how often the lower end of a 95 % interval lies above 0 by chance."""


def test_what_chance_gives_popular_items_is_taken_no_more_often_than_an_interval_promises() -> None:
    taken = by_shoppers_alone = asked = 0
    for draw in range(DRAWS):
        shop = UnevenShop(draw)
        owners = owners_of(shop.questions)
        for part, trials in shop.trials(shop.shuffled):
            each_another_item = Owners(owners[part].users, owners[part].users)
            taken += verdict(part, trials, owners[part]).weight > 0
            by_shoppers_alone += verdict(part, trials, each_another_item).weight > 0
            asked += 1
    assert asked == 3 * DRAWS
    assert taken <= NOMINAL * asked
    assert by_shoppers_alone > 4 * NOMINAL * asked


@pytest.mark.parametrize("draw", range(5))
def test_what_tells_is_taken_where_demand_is_uneven(draw: int) -> None:
    shop = UnevenShop(draw)
    owners = owners_of(shop.questions)
    assert all(verdict(part, trials, owners[part]).weight > 0 for part, trials in shop.trials())
