"""What the studio says in Chinese in the place of what the server says in English, as `lib/said.js` reads it."""

from __future__ import annotations

import json
import re
from typing import Final, NamedTuple

from endcap_local.sites import studio_site

FILE: Final = studio_site().folder / "lang/refusals.zh.json"
REFUSALS: Final[dict[str, str]] = json.loads(FILE.read_text(encoding="utf-8"))
NAME: Final = re.compile(r"\{(\w+)\}")
_LATIN: Final = re.compile(r"[A-Za-z]{2,}")
_NAMES: Final = re.compile(r"\b(?:JSON|UTF-8|Unicode|UTC|KB|MB|EventBridge)\b")
_QUOTED: Final = re.compile(r"“[^“”]*”|\"[^\"]*\"|'[^']*'")


class Rule(NamedTuple):
    """A sentence in English with names for what is filled in, and what is said for it."""

    pattern: re.Pattern[str]
    names: tuple[str, ...]
    own: str
    literal: int

    @property
    def strict(self) -> bool:
        """Whether part of it has to be a sentence that is known."""
        return any(name.startswith("said") for name in self.names)


def rule_of(english: str, own: str) -> Rule:
    pattern = "".join("(.+?)" if NAME.fullmatch(part) else re.escape(part) for part in re.split(r"(\{\w+\})", english))
    return Rule(re.compile(pattern, re.DOTALL), tuple(NAME.findall(english)), own, len(NAME.sub("", english)))


RULES: Final = sorted((rule_of(*pair) for pair in REFUSALS.items()), key=lambda rule: (not rule.strict, -rule.literal))


def in_chinese(text: str) -> str | None:
    """What the studio says for an English sentence of the server's; None where it has nothing."""
    for rule in RULES:
        if (found := rule.pattern.fullmatch(text)) is None:
            continue
        given = zip(rule.names, found.groups(), strict=True)
        values = {name: in_chinese(value) if name.startswith("said") else value for name, value in given}
        if None not in values.values():
            return rule.own.format(**values)
    return None


def latin_in(text: str) -> list[str]:
    """Latin words of a sentence, but for what stands in quotes, and names that Chinese has no other for."""
    return _LATIN.findall(_NAMES.sub("", _QUOTED.sub("", text)))
