"""What a model card says of how the weights were chosen."""

from __future__ import annotations

from typing import Any

from endcap_rebuild.steps.model_card import _validation

FIGURES = {"ndcg_at_10": 0.2, "hit_rate_at_10": 0.4, "mrr": 0.15}
EVIDENCE: dict[str, Any] = {
    "cases": 1500,
    "repeat_cases": 900,
    "before": FIGURES,
    "after": FIGURES,
    "held_out_ndcg_at_10": {"before": 0.18, "after": 0.19},
    "chosen": "70 % next + 0.75 blend, 30 % default",
    "compared": [{"way": "default", "ndcg_at_10": 0.18, "chosen_less_this": 0.01, "low": -0.01, "high": 0.03}],
    "new_items": {"cases": 3, "share_of_choices": 0.002},
}


def test_the_mixtures_are_named_with_their_shares_and_what_they_were_compared_with() -> None:
    card = "\n".join(_validation(EVIDENCE))
    assert "Chosen: 70 % next + 0.75 blend, 30 % default." in card
    assert "| default | 0.1800 | +0.0100, -0.0100 to +0.0300 |" in card
    assert "repeats" not in card


def test_where_shoppers_buy_again_it_says_what_that_is_worth() -> None:
    repeats = {
        "repeats": {"share": 2.5, "demand": 0.05, "tried": []},
        "with_repeats": {"before": FIGURES, "after": FIGURES},
    }
    card = " ".join(_validation({**EVIDENCE, **repeats}))
    assert "By 900 repeats, having been chosen before weighs 2.5 times as much as all other terms together" in card
    assert "0.05 of the demand for such an item, a logarithm, is added to it." in card
    assert "chosen, repeats allowed" in card
