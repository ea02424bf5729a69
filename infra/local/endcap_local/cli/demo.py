"""`endcap demo`: a shopper's session on the bundled shop."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from endcap_local.cli.options import Encoder, Port, Template
from endcap_local.serving import DEFAULT_PORT


def demo(
    port: Port = DEFAULT_PORT,
    once: Annotated[bool, typer.Option("--once", help="End after the session.")] = False,
    encoder: Encoder = "auto",
    template: Template = None,
    last_day: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Day of the latest order.", show_default="yesterday")
    ] = None,
) -> None:
    """Run the stack on bundled orders of a real shop and play a shopper's session."""
    from endcap_local.demo.demo import run_demo
    from endcap_local.serving import find_template, require_free, until_interrupted

    require_free(port)
    with until_interrupted():
        day = None if last_day is None else last_day.date()
        run_demo(find_template(template), port, once=once, encoder=encoder, last_day=day)
