"""Cursors are opaque, signed, bound to their request, and hold what was shown."""

from __future__ import annotations

import pytest

from endcap.api.cursors import MAX_SHOWN, digest_of, read_cursor, write_cursor
from endcap.errors import InvalidRequestError
from endcap.identifiers import item_key

ASKED = {"user_id": "u", "filter": "price < 50", "limit": 10}
DIGEST = digest_of(ASKED)
KEYS = tuple(item_key(f"item-{k}") for k in range(25))


def cursor(keys: tuple[bytes, ...] = KEYS) -> str:
    written = write_cursor("secret", DIGEST, keys)
    assert written is not None
    return written


def test_what_was_shown_comes_back() -> None:
    assert read_cursor("secret", DIGEST, cursor()) == KEYS
    assert read_cursor("secret", DIGEST, cursor(())) == ()
    assert len(cursor()) == -(-(1 + 8 + 16 + 4 * 25) * 4 // 3)
    for shown in range(4):  # of every length that base64 fills up differently
        assert read_cursor("secret", DIGEST, cursor(KEYS[:shown])) == KEYS[:shown]


def test_the_look_of_a_page_may_change_and_the_request_may_not() -> None:
    same = [{**ASKED, **more} for more in ({"limit": 3}, {"fields": "title"}, {"cursor": "x"}, {"interactions": [1]})]
    assert {digest_of(request) for request in [*same, dict(reversed(ASKED.items()))]} == {DIGEST}
    for other in ({"user_id": "v"}, {"filter": "price < 51"}, {"query": "mug"}, {"diversity": 0.5}):
        with pytest.raises(InvalidRequestError, match="belongs to another request"):
            read_cursor("secret", digest_of({**ASKED, **other}), cursor())


@pytest.mark.parametrize(
    "forged",
    [
        "",
        "x",
        "not a cursor",
        "äöü",
        cursor()[:-8],
        cursor()[:8] + "****" + cursor()[8:],
        cursor() + "AAAA",
        "B" + cursor()[1:],
        cursor()[:40] + ("A" if cursor()[40] != "A" else "B") + cursor()[41:],
        write_cursor("another secret", DIGEST, KEYS),
    ],
)
def test_a_cursor_that_no_answer_gave_is_refused(forged: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        read_cursor("secret", DIGEST, forged)
    assert caught.value.errors == [{"field": "cursor", "message": "is not a cursor that an answer has given"}]


def test_a_list_ends_where_its_cursor_would_grow_too_long() -> None:
    longest = write_cursor("secret", DIGEST, [item_key(str(k)) for k in range(MAX_SHOWN)])
    assert longest is not None
    assert len(longest) == 5367
    assert write_cursor("secret", DIGEST, [item_key(str(k)) for k in range(MAX_SHOWN + 1)]) is None
