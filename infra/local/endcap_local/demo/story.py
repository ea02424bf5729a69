"""How the demo looks in a terminal: coloured where that is wanted, plain and greppable elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any, Final

from rich.console import Console
from rich.text import Text

INDENT: Final = 3
REASON_INDENT: Final = 6
WIDEST: Final = 100


class Story:
    """Numbered scenes, what people do in them, and what comes of it.

    Parameters
    ----------
    console : decides about colour and width
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._scenes = 0

    def scene(self, title: str) -> None:
        """Begin the next scene."""
        self._scenes += 1
        self.heading(f"{self._scenes}. {title}")

    def heading(self, text: str) -> None:
        """Begin a part that is no scene."""
        self._console.print()
        self._put(text, 0, "bold")

    def said(self, text: str) -> None:
        """What a shopper or the shop does or says."""
        self._put(text, INDENT, "magenta")

    def told(self, text: str) -> None:
        """What came of it."""
        self._put(text, INDENT, "green")

    def line(self, text: str) -> None:
        """Anything else."""
        self._put(text, INDENT)

    def items(self, items: Sequence[Mapping[str, Any]], *, reasons: bool = False) -> None:
        """A list with ranks and prices, and under each item the reason that weighs most."""
        width = max((len(item["title"]) for item in items), default=0)
        for item in items:
            self._put(f"{item['rank']:>2}. {item['title']:<{width}}  £{item['price']:.2f}", INDENT)
            if reasons and item["reasons"]:
                self._put(item["reasons"][0]["text"], REASON_INDENT + 1, "dim")

    def verbatim(self, text: str, style: str = "") -> None:
        """A line that is not wrapped, so that it can be copied."""
        self._console.print(Text(text, style=style), soft_wrap=True)

    def _put(self, text: str, indent: int, style: str = "") -> None:
        margin = " " * indent
        wrapped = fill(
            text,
            min(self._console.width, WIDEST),
            initial_indent=margin,
            subsequent_indent=margin,
            replace_whitespace=False,
            drop_whitespace=True,
            break_on_hyphens=False,
        )
        self._console.print(Text(wrapped, style=style), soft_wrap=True)
