"""The Chinese README says what the English one says: the same requests and commands, under as many headings."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.chinese import halfwidth_in, not_chosen_in, touching_in

ROOT = Path(__file__).parents[2]
ENGLISH, CHINESE = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh-CN.md"))
ONLY_CHINESE = 1
"""Headings: the studio's pages, which the English one leaves to docs/studio.md."""


def requests(text: str) -> list[str]:
    return re.findall(r"`(curl [^`]+)`", text)


def commands(text: str) -> list[str]:
    """The lines of shell blocks, without what is said beside them."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    return [re.split(r"\s+# ", line)[0] for block in blocks for line in block.splitlines()]


def test_both_have_the_same_requests_and_commands() -> None:
    assert requests(CHINESE) == requests(ENGLISH)
    assert len(requests(ENGLISH)) > 40
    assert commands(CHINESE) == commands(ENGLISH)
    assert len(commands(ENGLISH)) > 20


def test_both_have_the_same_parts() -> None:
    headings = [len(re.findall("^## ", text, re.MULTILINE)) for text in (ENGLISH, CHINESE)]
    assert headings[1] == headings[0] + ONLY_CHINESE


@pytest.mark.parametrize("line", [line for line in CHINESE.splitlines() if line.strip()])
def test_chinese_has_chinese_punctuation(line: str) -> None:
    assert not halfwidth_in(re.sub(r"\]\([^)]*\)|`[^`]*`", "", line))


@pytest.mark.parametrize("line", [line for line in CHINESE.splitlines() if line.strip()])
def test_chinese_has_the_words_of_the_glossary_and_stands_apart_from_latin_ones(line: str) -> None:
    plain = re.sub(r"\]\([^)]*\)", "]", line)
    assert not not_chosen_in(plain)
    assert not touching_in(plain)
