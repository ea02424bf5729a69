"""Scenarios as operators publish them: nothing new that has ended already."""

from __future__ import annotations

from typing import Any

import pytest

from endcap.errors import InvalidRequestError
from endcap.operator.scenarios import TIMED, etag_of, with_scenario

NOW_MS = 1_768_471_200_000
HOUR_MS = 3_600_000
ROWS: dict[str, dict[str, Any]] = {
    "pinned": {"item_id": "a", "position": 1},
    "boost": {"filter": "price < 3", "weight": 0.5},
    "promotions": {"name": "toys", "filter": "price < 3", "share": 0.2},
    "hidden": {"item_id": "a"},
}


def published(document: dict[str, Any], before: dict[str, Any] | None = None) -> dict[str, Any]:
    known = {} if before is None else {"home": before}
    seen = None if before is None else etag_of(before)
    return dict(with_scenario(known, "home", document, seen, NOW_MS)["home"])


def test_every_list_that_may_end_is_tried_here() -> None:
    assert set(ROWS) == set(TIMED)


@pytest.mark.parametrize("what", ROWS)
@pytest.mark.parametrize(
    ("times", "message"),
    [
        ({"until": NOW_MS}, "lies in the past: it would never count"),
        ({"from": NOW_MS + HOUR_MS, "until": NOW_MS + HOUR_MS}, "must lie after from"),
    ],
)
def test_what_could_never_count_is_refused(what: str, times: dict[str, int], message: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        published({what: [{**ROWS[what], **times}]})
    assert refused.value.errors[0] == {"field": f"{what}.0.until", "message": message}
    assert published({what: [{**ROWS[what], "until": NOW_MS + 1}]})[what][0]["until"] == NOW_MS + 1


@pytest.mark.parametrize("what", ROWS)
def test_what_has_ended_since_it_was_published_hinders_no_other_change(what: str) -> None:
    ended = [{**ROWS[what], "until": NOW_MS - HOUR_MS}]
    assert published({what: ended, "limit": 5}, before={what: ended}) == {what: ended, "limit": 5}
