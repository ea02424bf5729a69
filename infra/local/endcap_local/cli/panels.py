"""The list of commands in `endcap --help`, in sections; plain text, as Typer has sections in boxes alone."""

from __future__ import annotations

from typing import Any, Final

from typer.core import TyperGroup

START: Final = "Start here, on this machine"
ON_AWS: Final = "On AWS, a deployed stack"
MEASURE: Final = "Measure and look inside"


class Panelled(TyperGroup):
    """A group whose help has a section for each `rich_help_panel`, in the order of its commands."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the sections; both arguments are of the click that Typer brings."""
        commands = [(name, command) for name in self.list_commands(ctx) if (command := self.get_command(ctx, name))]
        widest = max(len(name) for name, _ in commands)
        room = formatter.width - 4 - widest
        panels: dict[str, list[tuple[str, str]]] = {}
        for name, command in commands:
            panel = str(getattr(command, "rich_help_panel", None) or "Commands")
            panels.setdefault(panel, []).append((name.ljust(widest), command.get_short_help_str(room)))
        for panel, rows in panels.items():
            with formatter.section(panel):
                formatter.write_dl(rows)
