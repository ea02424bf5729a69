"""Draw the picture at the head of the README: what happens to an event, a request and an item.

python infra/checks/draw_overview.py docs/images/overview.svg
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from html import escape
from pathlib import Path

WIDTH, HEIGHT = 960, 330
BOX_HEIGHT = 52
INK, PAPER, LINE = "#1f2933", "#ffffff", "#7b8794"
FILLS = {"outside": "#fff4d6", "function": "#dbeafe", "store": "#e3f3e1", "job": "#f1e4f7"}


@dataclass(frozen=True)
class Box:
    """A box by its upper left corner: its kind, title, and a line under it."""

    x: int
    y: int
    width: int
    kind: str
    title: str
    note: str = ""

    def at(self, side: str) -> tuple[int, int]:
        """The middle of a side."""
        middle_x, middle_y = self.x + self.width // 2, self.y + BOX_HEIGHT // 2
        return {
            "left": (self.x, middle_y),
            "right": (self.x + self.width, middle_y),
            "top": (middle_x, self.y),
            "bottom": (middle_x, self.y + BOX_HEIGHT),
        }[side]


BOXES = {
    "acts": Box(20, 30, 150, "outside", "a shopper acts", "views, buys, reviews"),
    "collect": Box(230, 30, 130, "function", "collect", "POST /events"),
    "update": Box(430, 30, 150, "function", "update_profile", "within a second"),
    "profiles": Box(650, 30, 130, "store", "profiles", "DynamoDB"),
    "looks": Box(20, 140, 150, "outside", "a shopper looks", "page, search, cart"),
    "recommend": Box(430, 140, 150, "function", "recommend", "ranks all, says why"),
    "items": Box(20, 250, 150, "outside", "an item changes", "price, stock, new"),
    "manage": Box(230, 250, 130, "function", "manage_items", "PUT /items"),
    "catalogue": Box(430, 250, 150, "store", "items", "DynamoDB, embedded"),
    "archive": Box(820, 30, 120, "store", "archive", "Firehose, S3"),
    "rebuild": Box(820, 140, 120, "job", "rebuild", "lists, weights"),
    "snapshot": Box(650, 140, 130, "store", "snapshot", "S3, no deploy"),
}
ARROWS = (
    ("acts", "right", "collect", "left"),
    ("collect", "right", "update", "left"),
    ("update", "right", "profiles", "left"),
    ("profiles", "bottom", "recommend", "right"),
    ("looks", "right", "recommend", "left"),
    ("items", "right", "manage", "left"),
    ("manage", "right", "catalogue", "left"),
    ("catalogue", "top", "recommend", "bottom"),
    ("update", "top", "archive", "top"),
    ("archive", "bottom", "rebuild", "top"),
    ("rebuild", "left", "snapshot", "right"),
    ("snapshot", "left", "recommend", "right"),
)


def drawing() -> str:
    """The picture as SVG."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        'font-family="system-ui, sans-serif" font-size="14">',
        "<title>An event reaches the profile, a request ranks the catalogue, a change of an item is searchable in "
        "seconds; the rebuild learns from the archive</title>",
        f'<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0 8 4 0 8z" fill="{LINE}"/></marker></defs>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{PAPER}"/>',
    ]
    parts += [_arrow(BOXES[a].at(a_side), BOXES[b].at(b_side), a_side, b_side) for a, a_side, b, b_side in ARROWS]
    parts += [_box(box) for box in BOXES.values()]
    return "\n".join([*parts, "</svg>", ""])


def _box(box: Box) -> str:
    middle = box.x + box.width // 2
    return (
        f'<rect x="{box.x}" y="{box.y}" width="{box.width}" height="{BOX_HEIGHT}" rx="8" fill="{FILLS[box.kind]}" '
        f'stroke="{LINE}"/><text x="{middle}" y="{box.y + 23}" text-anchor="middle" fill="{INK}" font-weight="600">'
        f'{escape(box.title)}</text><text x="{middle}" y="{box.y + 41}" text-anchor="middle" fill="{INK}" '
        f'font-size="12">{escape(box.note)}</text>'
    )


def _arrow(start: tuple[int, int], end: tuple[int, int], out: str, into: str) -> str:
    (x1, y1), (x2, y2) = start, end
    if out == "top" and into == "top":
        path = f"M{x1} {y1}V{y1 - 16}H{x2}V{y2}"
    elif out == "bottom" and into == "right":
        path = f"M{x1 - 30} {y1}V{y2 - 14}H{x2}"
    else:
        path = f"M{x1} {y1}L{x2} {y2}"
    return f'<path d="{path}" fill="none" stroke="{LINE}" stroke-width="1.5" marker-end="url(#tip)"/>'


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(drawing(), encoding="utf-8")
