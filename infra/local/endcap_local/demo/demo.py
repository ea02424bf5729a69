"""`endcap demo`: the bundled data in a running stack, a shopper's session, and commands to go on with."""

from __future__ import annotations

import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final, cast

from rich.console import Console

from endcap.catalog.item import item_text
from endcap_local.console import progress_bar
from endcap_local.data_import.into_local import load_folder
from endcap_local.demo.dressing import dress
from endcap_local.demo.session import OTHER_SHOPPER, SHOPPER, Session, things_to_try
from endcap_local.demo.story import Story
from endcap_local.demo_data import DEMO_DATA
from endcap_local.http_client import HttpClient
from endcap_local.rebuilding import Rebuilder
from endcap_local.serving import serve_until_interrupted
from endcap_local.stack import LocalStack
from endcap_rebuild.base_encoders import ensure_encoder, pick_encoder
from endcap_rebuild.base_encoders.recipes import EncoderName
from endcap_rebuild.data.reading import ReadReport, read_items

# Enough for weights that suit this data; a rebuild for a shop looks at more.
MAX_CASES: Final = 400
SHOPPERS: Final = (SHOPPER, OTHER_SHOPPER, "c17705", "c16515")
"""Whom the studio offers: those of the session, and two customers of the bundled data who have bought a lot."""


def run_demo(template: Path, port: int, *, once: bool, encoder: str = "auto", last_day: date | None = None) -> None:
    """Run the demo; returns after the session with `once`, else serves until it is interrupted.

    Parameters
    ----------
    port : of the API on 127.0.0.1, 0 for a free one
    encoder : as `RebuildSettings` has it
    last_day : of the latest order, to which all of them are moved; yesterday by default

    Raises
    ------
    EndcapError, TimeoutError : something did not work
    """
    # The terminal itself: while the stack runs, `sys.stdout` is a stand-in that sorts out what functions print.
    console = Console(highlight=False, file=sys.stdout)
    story = Story(console)
    started = time.monotonic()
    story.verbatim("Endcap demo, on real orders of a British giftware shop (2010-2011, moved to end yesterday)", "bold")
    encoder = _present_encoder(encoder, story)
    with (
        tempfile.TemporaryDirectory(prefix="endcap-demo-") as folder,
        LocalStack(template, port=port, parameters={"Storefront": "on"}) as stack,
    ):
        dress(DEMO_DATA, Path(folder), last_day or datetime.now(UTC).date() - timedelta(days=1))
        with progress_bar(console) as progress:
            loaded = load_folder(stack, Path(folder), progress, encoder, MAX_CASES)
        story.told(
            f"{loaded.items:,} items and {loaded.events:,} events imported, snapshot {loaded.version} built and "
            f"promoted in {time.monotonic() - started:.0f} s; the API answers on {stack.url}"
        )
        rebuilder = Rebuilder(stack, encoder)
        stack.rebuild_by(lambda entered: rebuilder.rebuild(entered=entered))
        Session(HttpClient(stack.url), story).play()
        story.heading("Walk through the shop, and see beside it what it comes to know of you:")
        story.verbatim(f"{stack.url}/shop/?start={stack.start_token}", "cyan")
        story.heading("Try it yourself:")
        for command in things_to_try(stack.url):
            story.verbatim(command, "cyan")
        if once:
            return
        story.heading("Look and steer in the studio:")
        story.verbatim(f"{stack.studio_url}&shoppers={','.join(SHOPPERS)}", "cyan")
        story.heading("Serving until Ctrl-C.")
        story.verbatim(f"Functions log to {stack.log_path}")
        serve_until_interrupted()


def _present_encoder(encoder: str, story: Story) -> str:
    """`encoder`, chosen and built before anything else starts, since the first build downloads packages."""
    if encoder == "auto":
        encoder = pick_encoder(item_text(item) for item in read_items(DEMO_DATA, ReadReport()))
    if encoder in ("english", "multilingual"):
        ensure_encoder(cast(EncoderName, encoder), progress=lambda step: story.line(f"Text encoder, once: {step}"))
    return encoder
