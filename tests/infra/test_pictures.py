"""The README's picture is what its script draws."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree  # nosec B405 # of our own making

from infra.checks.draw_overview import BOXES, HEIGHT, WIDTH, drawing

ROOT = Path(__file__).parents[2]


def test_committed_picture_is_the_script_s() -> None:
    assert (ROOT / "docs/images/overview.svg").read_text(encoding="utf-8") == drawing()


def test_every_box_lies_within_the_picture_and_holds_its_words() -> None:
    ElementTree.fromstring(drawing())  # nosec B314
    for box in BOXES.values():
        assert max(box.x + box.width - WIDTH, box.y + 52 - HEIGHT, -box.x, -box.y) <= 0
        assert 8.5 * max(len(box.title), len(box.note) * 0.8) <= box.width, box.title
