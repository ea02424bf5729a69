from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from endcap.errors import InvalidInputError
from endcap.feeds import xml

FEED = Path(__file__).parents[4] / "events" / "load_file" / "feed.xml"
ATOM = b"""<feed xmlns="http://www.w3.org/2005/Atom" xmlns:g="http://base.google.com/ns/1.0">
<title>All</title><entry><g:id>1</g:id><title>Lamp</title><link href="https://x/1"/>
<g:additional_image_link>a</g:additional_image_link><g:additional_image_link>b</g:additional_image_link></entry></feed>"""


def read(data: bytes) -> list[dict[str, Any]]:
    return [item for _, item in xml.items(io.BytesIO(data))]


def test_items_of_a_merchant_feed_with_their_lines() -> None:
    (line, lamp), (_, nameless), (_, mug) = xml.items(FEED.open("rb"))
    assert FEED.read_text().splitlines()[line - 1].strip() == "<item>"
    assert (lamp["id"], lamp["price"], lamp["item_group_id"], lamp["color"]) == (
        "LAMP-1",
        "129.00 EUR",
        "FLOOR-LAMP",
        "Black",
    )
    assert lamp["description"] == "<p>Bends to where you read.</p>"
    assert ("id" in nameless, mug["availability"]) == (False, "out_of_stock")
    assert lamp["shipping"] != lamp["price"]  # what is inside of something else is not the item's own


def test_atom_says_links_in_attributes_and_what_comes_twice_is_a_list() -> None:
    assert read(ATOM) == [
        {"id": "1", "title": "Lamp", "link": "https://x/1", "additional_image_link": ["a", "b"]},
    ]


@pytest.mark.parametrize(
    "data",
    [
        b'<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><rss><item><id>&b;</id></item></rss>',
        b'<!DOCTYPE r SYSTEM "file:///etc/passwd"><rss><item><id>1</id></item></rss>',
        b"<rss>" + b"<x>" * 40,
        b"<rss><item><id>" + b"y" * (xml.MAX_ITEM_CHARS + 1),
        b"<rss><item><id>1</id></item>",
        b"no xml",
        b"",
    ],
)
def test_what_is_no_feed_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidInputError):
        read(data)


def test_what_came_before_the_damage_counts() -> None:
    items = xml.items(io.BytesIO(b"<rss><item><id>1</id></item><item><id>2</wrong>"))
    assert next(items) == (1, {"id": "1"})
    with pytest.raises(InvalidInputError, match="line 1"):
        next(items)
