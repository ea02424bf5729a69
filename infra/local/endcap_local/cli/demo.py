"""`endcap demo`: a shopper's session on the bundled shop."""

from __future__ import annotations

from typing import Annotated

import typer

from endcap_local.cli.options import Encoder, Port, Template
from endcap_local.serving import DEFAULT_PORT


def demo(
    port: Port = DEFAULT_PORT,
    once: Annotated[bool, typer.Option("--once", help="End after the session.")] = False,
    encoder: Encoder = "auto",
    template: Template = None,
) -> None:
    """Run the stack on bundled orders of a real shop and play a shopper's session."""
    from endcap_local.demo.demo import run_demo
    from endcap_local.serving import find_template, require_free, until_interrupted

    require_free(port)
    with until_interrupted():
        run_demo(find_template(template), port, once=once, encoder=encoder)
