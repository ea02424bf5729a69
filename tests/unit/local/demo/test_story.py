"""How the demo's lines look, with and without a terminal."""

from __future__ import annotations

import io

from rich.console import Console

from endcap_local.demo.story import Story


def written(tell, *, terminal: bool = False, width: int = 60) -> str:
    out = io.StringIO()
    tell(Story(Console(file=out, force_terminal=terminal, color_system="standard" if terminal else None, width=width)))
    return out.getvalue()


def test_scenes_are_numbered_in_order():
    assert written(lambda story: (story.scene("One"), story.scene("Two"))) == "\n1. One\n\n2. Two\n"


def test_items_stand_in_columns_with_the_weightiest_reason_below():
    items = [
        {"rank": 1, "title": "Tea Pot", "price": 4.5, "reasons": [{"text": "Popular."}, {"text": "Cheap."}]},
        {"rank": 2, "title": "Large Tea Cup", "price": 12, "reasons": []},
    ]
    assert written(lambda story: story.items(items, reasons=True)).splitlines() == [
        "    1. Tea Pot        £4.50",
        "       Popular.",
        "    2. Large Tea Cup  £12.00",
    ]


def test_long_sentences_wrap_within_their_margin():
    lines = written(lambda story: story.told("word " * 30)).splitlines()
    assert len(lines) > 1
    assert all(line.startswith("   word") and len(line) <= 60 for line in lines)


def test_commands_stay_on_one_line():
    command = "curl 'http://127.0.0.1:8787/" + "x" * 100 + "'"
    assert written(lambda story: story.verbatim(command)) == command + "\n"


def test_titles_are_never_read_as_markup():
    assert "[red]Tea[/red]" in written(lambda story: story.line("[red]Tea[/red]"))


def test_colour_only_on_a_terminal():
    assert "\x1b[" in written(lambda story: story.told("done"), terminal=True)
    assert "\x1b[" not in written(lambda story: story.told("done"))
