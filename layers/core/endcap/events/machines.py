"""Events of programs: told by the user agent that they carry, and left out of what is counted and learned.

Formats of others keep nothing of a user agent but whether it is a program's, in the property `bot`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from endcap.events.interaction import Interaction

BOT: Final = "bot"
USER_AGENT: Final = "user_agent"
# Cubot makes phones. Libraries of apps for phones (okhttp, CFNetwork) are no sign of a program without a person.
_READERS: Final = (
    r"(?<!cu)bot\b|(?<!cu)bot[_/-]|crawl|spider|slurp|archiver|facebookexternalhit|mediapartners|lighthouse|pagespeed|"
    r"feedfetcher|google-(?:inspectiontool|read-aloud|extended)|bingpreview|whatsapp/|skypeuripreview|embedly"
)
_READER: Final = re.compile(_READERS, re.IGNORECASE)
_PROGRAM: Final = re.compile(
    rf"{_READERS}|scrap[ey]|headless|phantomjs|puppeteer|playwright|selenium|^curl/|^wget/|python-|aiohttp|^httpx|"
    r"go-http-client|^java/|libwww|^axios/|node-fetch|^undici|apache-httpclient|pingdom|uptime",
    re.IGNORECASE,
)
_YES: Final = frozenset({"true", "1", "yes"})


def is_program(user_agent: object) -> bool:
    """Whether a user agent is that of a crawler, a monitor or a script; one that says nothing is not."""
    return isinstance(user_agent, str) and _PROGRAM.search(user_agent.strip()) is not None


def is_reader(user_agent: str) -> bool:
    """Whether a user agent is that of a program that reads pages for others: an index, an archive, a preview of links.

    Browsers under a test, and scripts, are none: a shop's own tests count.
    """
    return _READER.search(user_agent) is not None


def flagged(user_agent: object) -> dict[str, Any]:
    """What an event's properties keep of a user agent."""
    return {BOT: True} if is_program(user_agent) else {}


def is_machine(event: Interaction) -> bool:
    """Whether an event says of itself that no person brought it about."""
    said: Mapping[str, Any] | None = event.properties
    if not said:
        return False
    bot = said.get(BOT)
    return bot is True or bot == 1 or str(bot).strip().lower() in _YES or is_program(said.get(USER_AGENT))
