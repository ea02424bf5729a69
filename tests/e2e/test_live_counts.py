"""Live counts over HTTP on the local stack: what shoppers do now is trending at once, without a rebuild."""

from __future__ import annotations

import pytest

from tests.fakes.shop_over_http import call, comes_true, get, ok
from tests.fakes.toy_stack import toy_stack

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")


def test_what_is_bought_now_is_trending_within_a_minute(tmp_path):
    with toy_stack(tmp_path, redelivery_s=0) as stack:
        assert get(stack, "/trending")["items"] == []
        bought = ["item-9"] * 5 + ["item-8"]
        events = [
            {"event_id": f"e{n}", "user_id": f"u{n}", "event_type": "purchase", "item_id": item}
            for n, item in enumerate(bought)
        ]
        for _ in range(2):  # a repeated delivery counts nothing
            ok(call(stack, "POST", "/events", {"events": events}))
        stack.wait_until_idle()
        assert comes_true(lambda: get(stack, "/trending", window="1h")["items"])
        found = get(stack, "/trending", window="1h", limit=5)["items"]
        assert [item["item_id"] for item in found] == ["item-9", "item-8"]
        assert found[1]["reasons"][0]["text"] == "Chosen in the last hour."
        assert found[0]["reasons"][0]["text"] == "Chosen about 5 times in the last hour."
        explored = get(stack, "/users/ann/recommendations", exploration=0.5, limit=4)["items"]
        assert [item["propensity"] < 1 for item in explored] == [False, True, False, True]
