"""Where nobody asks for language, answers are made without any of its code, and are the same field by field."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

from endcap.events.types import EVENT_TYPES
from tests.fakes.functions import CONTEXT, Functions, http_event, published, stack_for_functions
from tests.fakes.toy_snapshot import CUTOFF_MS, toy_contents

OFF = (
    *(f"endcap.understanding.{name}" for name in ("grammar", "negation", "numbers", "prices", "shop", "sorting")),
    *(f"endcap.writing.{name}" for name in ("phrases", "queries")),
    *(f"endcap.describing.{name}" for name in ("bedrock", "describe", "enriched", "openai", "prompt", "rules")),
    "endcap.aws.answers",
    "endcap.aws.converse",
    "endcap.aws.writer",
)
"""What can't be imported, as if it had never been written."""
AT = CUTOFF_MS / 1000
HISTORY = [
    {"event_id": f"e{k}", "event_type": kind, "item_id": f"item-{k}", "timestamp": AT - 60 * k}
    for k, kind in enumerate(("view", "purchase", "like", "add_to_cart", "dislike"), start=2)
    if kind in EVENT_TYPES
]
BODIES: Mapping[str, dict[str, Any]] = {
    "popular": {},
    "a session": {"interactions": HISTORY},
    "a query": {"query": "red mug"},
    "a query with what could be understood": {"query": "红色 mug under £5, not plastic, cheapest first"},
    "a query and a session": {"query": "not a lamp", "interactions": HISTORY},
    "similar": {"relation": "similar", "items": ["item-3"]},
    "together": {"relation": "together", "items": ["item-4"], "interactions": HISTORY},
    "filtered": {"filter": 'price <= 12 AND title MENTIONS "mug"'},
    "candidates": {"candidates": [f"item-{k}" for k in range(1, 9)], "interactions": HISTORY},
}
JSON = {"content-type": "application/json"}
ASKED = {"as_of": AT, "limit": 12, "explain": True, "fields": ["title", "price", "categories", "attributes"]}


def answers(folder: Path, without: tuple[str, ...] = (), **snapshot: Any) -> dict[str, Any]:
    """What a fresh environment answers to each body, but for the name of each answer."""
    found = {}
    with stack_for_functions(folder), patch.dict(sys.modules, dict.fromkeys(without)):
        published(folder, **snapshot)
        app = Functions().app("recommend")
        for name, body in BODIES.items():
            event = http_event("POST", "/recommendations", json.dumps({**ASKED, **body}), headers=JSON)
            answer = app.handler(event, CONTEXT)
            assert answer["statusCode"] == 200, answer["body"]
            found[name] = nameless(json.loads(answer["body"]))
    return found


def nameless(value: Any) -> Any:
    """Without the ids that each answer draws for itself, and the cursors that hold them."""
    if isinstance(value, dict):
        return {k: nameless(v) for k, v in value.items() if k not in ("recommendation_id", "cursor")}
    return [nameless(one) for one in value] if isinstance(value, list) else value


def test_without_understand_answers_are_made_without_the_code_of_language(tmp_path: Path) -> None:
    whole = answers(tmp_path / "whole")
    assert answers(tmp_path / "without", OFF) == whole
    assert all(one["items"] for one in whole.values())
    assert not any("understood" in one for one in whole.values())


def test_parameters_that_name_a_writer_change_no_answer_that_does_not_ask(tmp_path: Path) -> None:
    plain = answers(tmp_path / "plain")
    names = {"WRITER_MODEL": "small", "QUERY_WRITER": "on", "REASON_WRITER": "off", "ITEM_WRITER": "bedrock"}
    with patch.dict(os.environ, names):
        assert answers(tmp_path / "named") == plain


def test_descriptions_that_the_gate_refused_change_no_answer(tmp_path: Path) -> None:
    plain = answers(tmp_path / "plain")
    refused = {"enrichment": {"writer": "rules:1", "prompt": "enrich-1", "fields": [], "weights": {"described": 0.0}}}
    found = answers(tmp_path / "refused", metrics=refused)
    assert without_versions(found) == without_versions(plain)
    described = toy_contents(40).text_vectors
    weightless = answers(tmp_path / "weightless", described=described, metrics=refused)
    assert without_versions(weightless) == without_versions(plain)


def without_versions(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: without_versions(v) for k, v in value.items() if k != "snapshot_version"}
    return [without_versions(one) for one in value] if isinstance(value, list) else value
