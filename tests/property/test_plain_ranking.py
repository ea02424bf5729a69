"""Ranking equals a plain evaluator that computes every term for every item and sorts them all.

Order, scores, reasons and their evidence are compared for random shops, changes since the snapshot, shoppers, live
counts and requests; `make prove` looks at ten times as many, over more shops.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from itertools import pairwise
from random import Random
from typing import Any, Final
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import HealthCheck, event, given

from endcap.errors import NotFoundError
from endcap.events.counts import WINDOWS, Demand, Live
from endcap.events.interaction import Interaction
from endcap.events.types import EVENT_TYPES
from endcap.explain.reasons import MAX_EVIDENCE, Reason
from endcap.filters.parser import expression
from endcap.index.overlay import ChangedItem, Overlay
from endcap.profiles.profile import EMPTY_PROFILE
from endcap.ranking.terms.registry import TERMS
from endcap.recommend.pipeline import recommend
from endcap.recommend.request import Boost, RankedItem, Recommendation, RecommendationRequest
from tests.fakes.effort import examples, tried
from tests.fakes.plain_ranking import Carrier, Mask, NothingToGoWith, PlainRanking, Room, Shown, plain_ranking
from tests.fakes.random_shops import EVERY_TERM, Case, random_cases, random_item, random_shop
from tests.fakes.toy_snapshot import CUTOFF_MS, DAY_MS

EXAMPLES: Final = examples(100)
SHOPS: Final = 20 + EXAMPLES // 50
LARGE: Final = 300
"""Items: many more than are looked at closely for a short list."""

ROUNDING: Final = 1e-6
"""What single precision may take from a number, in proportion to the numbers that it was added up from."""
SUPPORT_ROUNDING: Final = 3e-6
"""Evidence is compared to six decimals, so that what differs by less than this may stand in either order."""
TERMS_WITHOUT_ROUNDING: Final = frozenset(
    {"popularity", "trend", "live_trend", "new_item", "brand", "price", "again", "due", "boost", "rotation"}
)
"""Items that have these terms alone, and equal ones, have equal scores in single precision too."""
EXACT_EVIDENCE: Final = frozenset({"category", "brand", "price", "again", "due"})
SOURCES: Final = {
    **dict.fromkeys(("similarity", "next", "together", "neighbours", "again", "due", "rotation"), "behaviour"),
    **dict.fromkeys(
        ("wording", "text", "described", "image", "tags", "words", "category", "brand", "price"), "content"
    ),
    **dict.fromkeys(("query", "lexical", "described_query"), "query"),
    **dict.fromkeys(("similar", "image_similar", "complement"), "related"),
    **dict.fromkeys(("popularity", "trend", "live_trend", "context"), "popular"),
    **{"new_item": "new", "boost": "shop"},
}


def plain_of(case: Case) -> PlainRanking:
    return plain_ranking(
        case.snapshot, case.profile, case.request, case.now_ms, case.overlay, case.changes, case.kinds, case.live
    )


def answer_of(case: Case) -> Recommendation:
    return recommend(case.snapshot, case.profile, case.request, case.now_ms, case.overlay, case.kinds, case.live)


def check_answer(plain: PlainRanking, answer: Recommendation, whole: Recommendation) -> None:
    """An answer says what the plain evaluator says.

    Parameters
    ----------
    whole : the answer to the same request without an offset and without a limit; of it the answer is a part
    """
    request = plain.request
    known = [item for item in whole.items if item.known]
    rows = [plain.shop.row_of[item.item_id] for item in known]
    for item, row in zip(known, rows, strict=True):
        assert item.score == near(plain, plain.scores[row], [row]), item.item_id
    check_order(plain, [Shown(row, item.promotion) for row, item in zip(rows, known, strict=True)])
    check_ties(plain, known, rows)
    page = whole.items[request.offset : request.offset + request.limit]
    assert [(i.item_id, i.score, i.promotion) for i in answer.items] == [
        (i.item_id, i.score, i.promotion) for i in page
    ]
    assert [item.rank for item in answer.items] == [request.offset + k + 1 for k in range(len(page))]
    assert answer.has_more == (len(whole.items) > request.offset + len(page))
    assert plain.source is None or answer.source == plain.source
    for item in answer.items:
        if item.known:
            check_reasons(plain, item, plain.shop.row_of[item.item_id])
    if request.complete:
        check_marks(plain, whole)


def near(plain: PlainRanking, value: float, rows: list[int]) -> object:
    """Equal to a score, or to a part of one, but for single precision."""
    return pytest.approx(value, rel=1e-5, abs=1e-6 + ROUNDING * float(plain.spans[rows].sum()))


def slack(plain: PlainRanking, *rows: int) -> float:
    """What the scores of some items may differ by and still be equal."""
    return 1e-9 + ROUNDING * float(plain.spans[list(rows)].sum())


def check_order(plain: PlainRanking, shown: list[Shown]) -> None:
    """A whole list is in the plain order; items whose scores are equal but for rounding may change places."""
    if plain.request.complete:
        split = sum(bool(plain.sellable[place.row]) for place in shown)
        assert sorted(place.row for place in shown) == plain.candidates()
        assert all(plain.sellable[place.row] for place in shown[:split])
        for part in (shown[:split], shown[split:]):
            for a, b in pairwise(place.row for place in part):
                assert plain.scores[a] >= plain.scores[b] - slack(plain, a, b)
    elif plain.request.diversity:  # places go by variety too: nobody is missing, and of each group the best is there
        groups = best_variants(plain, plain.allowed)
        assert len(shown) == len(groups)
        assert all(sum(place.row in rows for place in shown) == 1 for rows in groups)
        return
    else:
        check_places(plain, shown)
    if clearly_ordered(plain):
        assert shown == plain.expected()


def check_places(plain: PlainRanking, shown: list[Shown]) -> None:
    """Place by place: what stands there is what is pinned there, else the best of what the place is owed to."""
    room = Room(plain)
    ranking, promoted = best_variants(plain, plain.allowed), [best_variants(plain, mask) for mask in plain.promoted]
    assert len({place.row for place in shown}) == len(shown)
    for k, place in enumerate(shown):
        if (pinned := room.pinned_at(k)) is not None:
            assert place == pinned
            continue
        for number in room.owed(k):
            name = plain.request.promotions[number].name
            if place.promotion == name:
                assert may_come_next(plain, promoted[number], room, place.row)
                room.take(place.row, number)
                break
            assert not must_come_next(promoted[number], room), f"place {k} is owed to {name}"
        else:
            assert place.promotion is None
            if may_come_next(plain, ranking, room, place.row):
                room.take(place.row)
            else:
                assert not must_come_next(ranking, room), f"place {k} is not for the best"
                assert place == room.next_pinned()
    assert room.next_pinned() is None
    assert not must_come_next(ranking, room), "something was left out"


def best_variants(plain: PlainRanking, mask: Mask) -> list[list[int]]:
    """Of each group in `mask` the variants that may be its best."""
    groups: dict[str, list[int]] = {}
    for row in np.flatnonzero(mask).tolist():
        groups.setdefault(plain.shop.items[row].group, []).append(row)
    best = []
    for rows in groups.values():
        top = max(rows, key=lambda row: plain.scores[row])
        best.append([row for row in rows if plain.scores[row] >= plain.scores[top] - slack(plain, row, top)])
    return best


def must_come_next(best: list[list[int]], room: Room) -> list[int]:
    """Rows of groups of which the best variant can be placed, whichever that is."""
    return [row for rows in best if all(map(room.fits, rows)) for row in rows]


def may_come_next(plain: PlainRanking, best: list[list[int]], room: Room, row: int) -> bool:
    """Whether an item is the best of what can be placed."""
    if not (any(row in rows for rows in best) and room.fits(row)):
        return False
    others = np.asarray(must_come_next(best, room), dtype=np.int64)
    rounding = 2e-9 + ROUNDING * (plain.spans[row] + plain.spans[others])
    return bool((plain.scores[row] >= plain.scores[others] - rounding).all())


def clearly_ordered(plain: PlainRanking) -> bool:
    """Whether any two items differ by more than rounding, or are equal in single precision too."""
    rows = plain.candidates() if plain.request.complete else np.flatnonzero(plain.allowed).tolist()
    rows = sorted({*rows, *plain.pins.values()}, key=lambda row: plain.scores[row])
    return all(
        plain.scores[b] - plain.scores[a] > slack(plain, a, b) or surely_equal(plain, a, b) for a, b in pairwise(rows)
    )


def surely_equal(plain: PlainRanking, a: int, b: int) -> bool:
    mine, yours = plain.shares(a), plain.shares(b)
    return mine == yours and {name for name, share in mine.items() if share} <= TERMS_WITHOUT_ROUNDING


def check_ties(plain: PlainRanking, items: list[RankedItem], rows: list[int]) -> None:
    """Of equal scores the more popular item comes first, then the one with the lower tie key."""
    request = plain.request
    if request.promotions or request.pinned or request.diversity:
        return
    for (a, b), (one, other) in zip(pairwise(rows), pairwise(items), strict=True):
        if one.score == other.score and one.available == other.available:
            mine, yours = ((-plain.shop.popularity[row], plain.tie_key(row)) for row in (a, b))
            assert mine < yours


def check_reasons(plain: PlainRanking, item: RankedItem, row: int) -> None:
    """The reasons are the terms that are not zero, in their order, and their evidence is what carried them."""
    shares = plain.shares(row)
    told = {reason.kind: reason.weight for reason in item.reasons}
    assert len(told) == len(item.reasons)
    sizes = [abs(reason.weight) for reason in item.reasons]
    assert sizes == sorted(sizes, reverse=True)
    for name in TERMS:
        rounding = ROUNDING * abs(plain.coefficients[name]) * float(plain.sizes[name][row])
        assert told.get(name, 0.0) == pytest.approx(shares[name], rel=1e-5, abs=1e-9 + rounding), name
    for reason in item.reasons:
        rounding = ROUNDING * abs(plain.coefficients[reason.kind]) * float(plain.sizes[reason.kind][row])
        if abs(reason.weight) > 4 * rounding:  # the sign of a smaller one is left to chance
            check_evidence(reason, plain.carriers(reason.kind, row, reason.weight))
    most = max(shares.values())
    among = {SOURCES[name] for name, share in shares.items() if share >= most - slack(plain, row) - 1e-6}
    if most <= slack(plain, row) + 1e-6:
        among.add("popular")  # everything is against it: nothing but popularity brought it here
    pinned = row in plain.pins.values()
    assert item.source in among | ({"shop"} if pinned or item.promotion else set())


def check_evidence(reason: Reason, carriers: list[Carrier]) -> None:
    """The evidence of a reason are the past items that speak for it most, the newest first among equals."""
    told = [evidence for evidence in reason.evidence if evidence.item_id is not None]
    by_id = {carrier.item_id: carrier for carrier in carriers}
    assert len({evidence.item_id for evidence in told}) == len(told)
    found = [by_id.get(str(evidence.item_id)) for evidence in told]
    for k, (evidence, carrier) in enumerate(zip(told, found, strict=True)):
        assert carrier is not None, f"{evidence.item_id} does not carry {reason.kind}"
        assert evidence.event_type == carrier.kind
        assert carrier.support >= carriers[k].support * (1 - 1e-5) - SUPPORT_ROUNDING, "another one carries more"
    if len(reason.evidence) < MAX_EVIDENCE:
        assert len(told) >= len([carrier for carrier in carriers if carrier.support > SUPPORT_ROUNDING][:MAX_EVIDENCE])
    supports = [carrier.support for carrier in carriers]
    if reason.kind in EXACT_EVIDENCE and all(a == b or a - b > SUPPORT_ROUNDING for a, b in pairwise([*supports, 0.0])):
        assert [carrier.item_id for carrier in carriers[:MAX_EVIDENCE]] == [evidence.item_id for evidence in told]


def check_marks(plain: PlainRanking, whole: Recommendation) -> None:
    """A complete order marks what can't be sold, and ends with the ids that no item has."""
    unknown = [i for i in dict.fromkeys(plain.request.candidates or ()) if i not in plain.shop.row_of]
    assert [item.item_id for item in whole.items if not item.known] == unknown
    for item in whole.items:
        row = plain.shop.row_of.get(item.item_id)
        assert item.available == (row is not None and bool(plain.sellable[row]))


def compared(case: Case) -> PlainRanking | None:
    """Compare the answer to a case; None where there is nothing to compare."""
    try:
        plain = plain_of(case)
    except NothingToGoWith:
        with pytest.raises(NotFoundError):
            answer_of(case)
        return None
    if plain.shop.fragile:
        return None
    whole = answer_of(replace(case, request=replace(case.request, offset=0, limit=500, explain=False)))
    check_answer(plain, answer_of(case), whole)
    return plain


@tried(100, suppress_health_check=list(HealthCheck))
@given(random_cases(SHOPS))
def test_answers_are_those_of_the_plain_evaluator(case: Case) -> None:
    tell(case, compared(case))


@tried(30, suppress_health_check=list(HealthCheck))
@given(random_cases(SHOPS // 8, LARGE))
def test_short_lists_of_large_shops_are_those_of_the_plain_evaluator(case: Case) -> None:
    tell(case, compared(case))


@pytest.fixture(scope="module")
def scanned() -> Iterator[None]:
    """Every table of vectors as a very large one: scanned as int8, nothing widened, whitened texts not kept."""
    limits = (patch(f"endcap.index.vectors.{name}", 0) for name in ("SCANNED_ELEMENTS", "EXACT_ELEMENTS"))
    with ExitStack() as patches:
        for one in (*limits, patch("endcap.index.index._recent", [])):
            patches.enter_context(one)
        yield


@tried(60, suppress_health_check=list(HealthCheck))
@given(random_cases(SHOPS // 2, LARGE))
def test_large_tables_of_vectors_are_scanned_within_their_bound_of_error(scanned: None, case: Case) -> None:
    tell(case, compared(case))


def tell(case: Case, plain: PlainRanking | None) -> None:
    """For `--hypothesis-show-statistics`: how often what is compared."""
    if plain is None:
        event("nothing to compare")
        return
    event("clearly ordered" if clearly_ordered(plain) else "ordered but for rounding")
    for name in TERMS:
        if np.any(plain.coefficients[name] * plain.terms[name]):
            event(f"has {name}")


def telling_case(size: int = 45, **asked: Any) -> Case:
    """A request to which every term says something."""
    done = [
        *(("purchase", k, 40 + k, None, None) for k in (0, 1, 2, *range(21, 33))),
        *(("view", k, 2, None, None) for k in range(3, 7)),
        ("dislike", 8, 3, None, None),
        ("rating", 9, 5, 2.0, None),
        ("review", 10, 6, 5.0, "a very good red lamp"),
        ("review", 11, 9, 1.0, "terrible, the spoon broke at once"),
        ("search", None, 1, None, "steel mug"),
        *(("impression", k, 0, None, None) for k in range(12, 16)),
    ]
    session = tuple(
        Interaction(f"e{k}", "u", kind, CUTOFF_MS - days * DAY_MS, None if n is None else f"item-{n}", grade, text)
        for k, (kind, n, days, grade, text) in enumerate(done)
    )
    shop = random_shop(0, size, everything=True)
    changes = (
        ChangedItem("item-1", CUTOFF_MS, replace(random_item("item-1", Random(1)), available=True)),
        ChangedItem("item-20", CUTOFF_MS),
        ChangedItem("new-1", CUTOFF_MS, random_item("new-1", Random(3))),
    )
    request = RecommendationRequest(
        interactions=session,
        exclude_seen="none",
        rotation=1.0,
        context={"country": "de", "category": "kitchen"},
        **{"limit": 500, "weights": EVERY_TERM, "boosts": (Boost(expression("price < 30"), 0.5),), **asked},
    )
    counts = {f"item-{k}": k + 1 for k in range(12)}
    live = Live({"24h": Demand(WINDOWS["24h"], counts, {item_id: n / 2 for item_id, n in counts.items()})})
    overlay = Overlay(shop, changes)
    return Case(0, shop, overlay, changes, EMPTY_PROFILE, request, CUTOFF_MS, live, EVENT_TYPES)


def asked_for(term: str) -> dict[str, Any]:
    """What a request asks so that a term says something."""
    asked: dict[str, dict[str, Any]] = {
        "query": {"query": "red mug"},
        "lexical": {"query": "red mug"},
        "described_query": {"query": "red mug"},
        "similar": {"relation": "similar", "items": ("item-2", "item-20", "item-4")},
        "image_similar": {"relation": "similar", "items": ("item-2", "item-20", "item-4")},
        "complement": {"relation": "together", "items": ("item-2", "item-4")},
        "due": {"relation": "buy_again"},
        "boost": {"boosts": (Boost(expression("categories CONTAINS 'kitchen'"), 20.0),)},
    }
    return asked.get(term, {})


@pytest.mark.parametrize("term", TERMS)
@pytest.mark.parametrize("limit", [3, 30])
def test_the_best_of_many_are_found_whatever_term_decides(term: str, limit: int) -> None:
    case = telling_case(LARGE, limit=limit, weights=EVERY_TERM | {term: 50.0}, **asked_for(term))
    assert compared(case) is not None


@pytest.mark.parametrize("term", TERMS)
def test_a_term_that_is_a_little_off_is_noticed(term: str) -> None:
    case = telling_case(**asked_for(term))
    plain, answer = compared(case), answer_of(case)
    assert plain is not None
    check_answer(plain, answer, answer)
    wrong = replace(plain, terms=plain.terms | {term: plain.terms[term] * 1.001})
    with pytest.raises(AssertionError):
        check_answer(wrong, answer, answer)


@pytest.mark.parametrize(
    "term",
    ["next", "together", "neighbours", "wording", "text", "described", "image", "tags", "category", "brand", "words"],
)
def test_evidence_that_speaks_for_another_item_is_noticed(term: str) -> None:
    case = telling_case()
    plain, answer = plain_of(case), answer_of(case)
    check_answer(plain, answer, answer)
    wrong = replace(plain, support=plain.support | {term: np.roll(plain.support[term], 1, axis=1)})
    with pytest.raises(AssertionError):
        check_answer(wrong, answer, answer)


def test_items_out_of_their_order_are_noticed() -> None:
    case = telling_case()
    plain, items = plain_of(case), list(answer_of(case).items)
    rows = [plain.shop.row_of[item.item_id] for item in items]
    shown = [Shown(row) for row in rows]
    check_order(plain, shown)
    wrong_lists = [
        [shown[1], shown[0], *shown[2:]],
        shown[1:],
        shown[:-1],
        [*shown, shown[-1]],
        [Shown(rows[0], "p0"), *shown[1:]],
    ]
    for wrong in wrong_lists:
        with pytest.raises(AssertionError):
            check_order(plain, wrong)


def test_an_item_that_may_not_be_shown_is_noticed() -> None:
    case = telling_case()
    plain, answer = plain_of(case), answer_of(case)
    seen = plain.shop.row_of[answer.items[3].item_id]
    wrong = replace(plain, allowed=plain.allowed & (np.arange(plain.shop.n) != seen))
    with pytest.raises(AssertionError):
        check_answer(wrong, answer, answer)


def test_equal_scores_out_of_the_order_of_their_popularity_are_noticed() -> None:
    case = telling_case()
    case = replace(case, request=replace(case.request, weights=dict.fromkeys(TERMS, 0.0), boosts=(), rotation=0.0))
    plain, answer = plain_of(case), answer_of(case)
    assert len({item.score for item in answer.items}) == 1
    check_answer(plain, answer, answer)
    assert [plain.shop.row_of[item.item_id] for item in answer.items] == plain.best_first(plain.allowed)
    turned = [Shown(plain.shop.row_of[item.item_id]) for item in (*answer.items[1:], answer.items[0])]
    with pytest.raises(AssertionError):
        check_order(plain, turned)
