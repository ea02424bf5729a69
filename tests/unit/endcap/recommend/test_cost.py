from __future__ import annotations

import random
from dataclasses import replace

import pytest

from endcap.conversation.constraints import Conversation, Turn
from endcap.errors import InvalidRequestError
from endcap.filters.parser import expression
from endcap.ranking.slots import Promotion
from endcap.recommend.cost import BUDGET, check_cost, cost_of
from endcap.recommend.request import Boost, RecommendationRequest

LARGE = 100_000
PLAIN = RecommendationRequest()


def total(*requests: RecommendationRequest, n_items: int = LARGE) -> float:
    return sum(cost_of(requests, n_items).values())


def contains(rng: random.Random, n: int) -> str:
    words = rng.sample([a + b for a in "bdfgklmnprst" for b in ("al", "er", "in", "os", "um", "ix", "ya", "eb")], n)
    return " OR ".join(f'{rng.choice(("title", "description"))} CONTAINS "{word}"' for word in words)


@pytest.mark.parametrize(
    "request_",
    [
        PLAIN,
        replace(PLAIN, limit=500),
        replace(PLAIN, limit=50, diversity=0.5),
        replace(PLAIN, counterfactual=True),
        replace(PLAIN, query="red shoes", filter=expression('title CONTAINS "red" AND price < 50')),
        replace(PLAIN, filter=expression(" AND ".join(f"price > {k}" for k in range(80)))),
        replace(PLAIN, boosts=tuple(Boost(expression(f'brand = "{k}"'), 1.0) for k in range(20))),
        replace(PLAIN, caps={"brand": 1}, promotions=(Promotion("own", expression("price < 9"), 0.3),)),
    ],
)
def test_what_shops_ask_for_is_within_the_budget(request_: RecommendationRequest) -> None:
    check_cost([request_], LARGE)
    check_cost([replace(request_, limit=min(request_.limit, 20))] * 2, LARGE)


@pytest.mark.parametrize("seed", range(200))
def test_no_arrangement_of_costly_parts_gets_through(seed: int) -> None:
    rng = random.Random(seed)
    one = rng.choice(
        [
            [replace(PLAIN, filter=expression(contains(rng, rng.randrange(40, 60))))],
            [
                replace(
                    PLAIN,
                    boosts=tuple(Boost(expression(contains(rng, rng.randrange(20, 40))), 1.0) for _ in range(20)),
                )
            ],
            [
                replace(
                    PLAIN,
                    filter=expression(contains(rng, 30)),
                    promotions=tuple(
                        Promotion(str(k), expression(f"price < {rng.randrange(100)}"), 0.1) for k in range(10)
                    ),
                )
                for _ in range(rng.randrange(5, 11))
            ],
            [replace(PLAIN, limit=500, counterfactual=True, diversity=rng.random() + 0.1)] * rng.randrange(3, 11),
            [replace(PLAIN, limit=rng.randrange(400, 501))] * 10,
        ]
    )
    with pytest.raises(InvalidRequestError, match=rf"would cost \d+ units, {BUDGET:.0f} are allowed; most of it, \d+"):
        check_cost(one, LARGE)


def test_a_text_is_read_once_whoever_asks() -> None:
    text = replace(PLAIN, filter=expression('title CONTAINS "Red"'))
    same = replace(PLAIN, filter=expression("title CONTAINS $what"), parameters={"what": "red"})
    other = replace(PLAIN, filter=expression('title CONTAINS "blue"'))
    assert total(text, same) == pytest.approx(2 * total(text) - 25)
    assert total(text, other) == pytest.approx(2 * total(text))


def test_equality_and_numbers_are_cheap_and_lists_count_their_values() -> None:
    listed = replace(PLAIN, filter=expression("brand IN ($b)"), parameters={"b": [str(k) for k in range(100)]})
    assert total(replace(PLAIN, filter=expression('brand = "a"'))) < total(listed) < total(PLAIN) + 5


def test_cost_grows_with_the_catalogue_and_names_its_dearest_part() -> None:
    request = replace(PLAIN, filter=expression('title CONTAINS "a" OR title CONTAINS "b"'))
    assert total(request, n_items=1_000) < total(request, n_items=10_000) < total(request)
    with pytest.raises(InvalidRequestError, match=r"is conditions on texts in a catalogue of 2000000 items"):
        check_cost([request], 2_000_000)


def test_every_further_turn_of_a_conversation_costs_conditions_on_texts() -> None:
    one, five = (
        cost_of([RecommendationRequest(conversation=Conversation((Turn("mug"),) * n))], 100_000) for n in (1, 5)
    )
    assert one["conditions on texts"] == 0
    assert five["conditions on texts"] == pytest.approx(4 * 6 * 25.0)
