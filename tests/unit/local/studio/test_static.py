"""The studio's files: small, from here alone, with the same words in each language, libraries as they were pinned."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from pathlib import Path

import pytest

from endcap.api.responses import LOST
from endcap.api.scenarios import BUILT_IN
from endcap.messages.language import LANGUAGES
from endcap.operator.schemas import ScenarioDocument
from endcap.operator.words import WORDS
from endcap.ranking.terms.registry import ASKED, TERMS
from endcap.results.intervals import FEW_LISTS
from endcap_local.gateway.pages import TYPES
from endcap_local.sites import studio_site
from infra.checks.vendor_studio import FILES, licence_name
from tests.chinese import halfwidth_in, not_chosen_in, touching_in
from tests.fakes.refusals import REFUSALS

STATIC = studio_site().folder
VENDOR = STATIC / "vendor"
SCRIPTS = sorted(file for file in STATIC.rglob("*.js") if VENDOR not in file.parents)
KIB = 1024


def zipped(*files: Path) -> int:
    return sum(len(gzip.compress(file.read_bytes(), 9, mtime=0)) for file in files)


def words(language: str) -> dict[str, str]:
    said: dict[str, str] = json.loads((STATIC / f"lang/{language}.json").read_text(encoding="utf-8"))
    return said


def imported(file: Path) -> set[Path]:
    """The file, and what it imports before it runs."""
    found, waiting = set[Path](), [file]
    while waiting:
        here = waiting.pop()
        if here in found:
            continue
        found.add(here)
        for path in re.findall(r'(?:from|import)\s?"(\.[^"]+)"', here.read_text(encoding="utf-8")):
            waiting.append((here.parent / path).resolve())
    return found


def test_the_first_view_is_small() -> None:
    first = imported(STATIC / "main.js") | imported(STATIC / "pages/today.js")
    first |= {STATIC / name for name in ("index.html", "studio.css", "icon.svg", "config.json", "vendor/uplot.css")}
    largest = max((STATIC / "lang").iterdir(), key=zipped)
    assert VENDOR / "uplot.js" not in first
    assert zipped(*first, largest) <= 100 * KIB
    assert zipped(*first, largest) <= 54 * KIB  # what it is by now


def test_the_first_view_is_asked_for_at_once() -> None:
    first = imported(STATIC / "main.js") | imported(STATIC / "pages/today.js")
    told = re.findall(r'<link rel="modulepreload" href="([^"]+)">', (STATIC / "index.html").read_text())
    assert {STATIC / name for name in told} | {STATIC / "main.js"} == first
    assert len(set(told)) == len(told)


def test_the_libraries_are_small() -> None:
    assert zipped(*(VENDOR / file.name for file in FILES)) <= 34 * KIB


def test_the_libraries_are_what_was_pinned() -> None:
    listed = dict(re.findall(r"^\| `([^`]+)` \| `([0-9a-f]{64})`", (VENDOR / "README.md").read_text(), re.MULTILINE))
    assert listed == {file.name: hashlib.sha256((VENDOR / file.name).read_bytes()).hexdigest() for file in FILES}
    there = {file.name for file in VENDOR.iterdir()}
    assert there == {*listed, "README.md", *(licence_name(file.package) for file in FILES)}


def test_both_languages_say_the_same() -> None:
    english, chinese = words("en"), words("zh")
    assert english.keys() == chinese.keys()
    for key, text in english.items():
        assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", chinese[key])), key
        assert text.strip(), key
        assert chinese[key].strip(), key


def test_chinese_words_have_chinese_punctuation() -> None:
    assert {key: text for key, text in words("zh").items() if halfwidth_in(text)} == {}


def test_chinese_stands_apart_from_figures_and_latin_words() -> None:
    # What is filled in is set apart where it is filled in, if it is a figure or a Latin word.
    assert {key: text for key, text in words("zh").items() if touching_in(text)} == {}
    beside = re.compile(r"[\u3400-\u9fff] \{|\} [\u3400-\u9fff]")
    assert {key: text for key, text in words("zh").items() if beside.search(text)} == {}


def test_chinese_has_one_word_for_one_thing() -> None:
    told = words("zh") | {text: text for text in REFUSALS.values()}
    assert {key: found for key, text in told.items() if (found := not_chosen_in(text))} == {}


def test_chinese_sentences_end_where_english_ones_do() -> None:
    for key, text in words("en").items():
        chinese = words("zh")[key]
        hint = "hint" in key and not key.startswith(("filter.", "invented."))
        assert chinese.endswith(("。", "？", "：", "”。")) or not (text.endswith(".") or hint), key


@pytest.mark.parametrize("file", SCRIPTS, ids=lambda file: file.name)
def test_no_script_puts_words_together_with_the_marks_of_one_language(file: Path) -> None:
    for line in file.read_text(encoding="utf-8").splitlines():
        # Ids that are typed in, and filters, have marks of their own.
        plain = line if "item_id IN" not in line and "setTyped" not in line else ""
        assert not re.search(r'\.join\("[,;:] "\)|\)\}[:,;] \$\{|\)\} \(\$\{|&& "[,;:] "', plain), line


def test_every_word_that_a_page_uses_is_there_and_no_other() -> None:
    code = "\n".join(file.read_text(encoding="utf-8") for file in SCRIPTS)
    english = words("en")
    named = set(re.findall(r'\bt\("([^"]+)"', code))
    for choice in re.findall(r'\bt\((?!["`])([^)]*)', code):
        named |= set(re.findall(r'"([a-z_.]+)"', choice))
    named |= set(re.findall(r'\bkey: "([a-z_.]+)"', code))  # what is handed on to be said elsewhere
    assert named <= english.keys()
    made = set(re.findall(r"\bt\(`([a-z_]+\.)\$\{", code))
    plain = set(re.findall(r'"([a-z_]+)"', code))
    unused = {key for key in english if key not in named | plain and not key.startswith(tuple(made))}
    assert unused == set()


def test_terms_and_choices_have_names() -> None:
    english = words("en")
    assert {f"term.{name}" for name in TERMS} <= english.keys()
    assert {f"lost.{name}" for name in LOST} <= english.keys()
    shares = ("limit", "personalization", "exclude_seen", "diversity", "calibration", "exploration", "rotation")
    assert {f"choice.{name}" for name in shares} <= english.keys()
    assert set(shares) <= ScenarioDocument.model_fields.keys()


def test_each_reason_of_a_diagnosis_has_a_name() -> None:
    reasons = {key.removeprefix("why.") for key in words("en") if key.startswith("why.")}
    assert all(reasons == WORDS[language].findings.keys() for language in LANGUAGES)


@pytest.mark.parametrize("file", SCRIPTS, ids=lambda file: file.name)
def test_no_script_makes_html_of_text_or_asks_anybody_else(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    for word in ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "new Function", "srcdoc"):
        assert word not in text
    assert "dangerously" not in text
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)[^\s\"'`]+", text) == []


def test_pages_hold_no_code_and_only_types_that_are_served() -> None:
    page = (STATIC / "index.html").read_text()
    assert re.findall(r"<script(?![^>]* src=)", page) == []
    assert re.findall(r"<style|\son\w+=|\sstyle=", page) == []
    assert {file.suffix for file in STATIC.rglob("*") if file.is_file()} <= TYPES.keys()


@pytest.mark.parametrize("file", SCRIPTS, ids=lambda file: file.name)
def test_moments_are_written_in_one_place_which_tells_their_zone(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    written = re.findall(r"\bDateTimeFormat\b|\btoLocale\w+|\b(?:date|time)Style\b|\bhour:|\btoTimeString\b", text)
    if file.name != "i18n.js":
        assert written == []
        return
    clocks = [line for line in text.splitlines() if "hour:" in line]
    assert clocks
    assert all("timeZoneName" in line for line in clocks)
    assert "timeStyle" not in written


def test_pages_that_repeat_a_constant_agree_with_it() -> None:
    parameters = (STATIC / "pages" / "parameters.js").read_text(encoding="utf-8")
    asked = re.search(r"const ASKED = new Set\((\[.*?\])\)", parameters)
    assert asked is not None
    assert set(json.loads(asked[1])) == ASKED
    built_in = re.search(
        r"const BUILT_IN = new Set\((\[.*?\])\)", (STATIC / "lib" / "document.js").read_text(encoding="utf-8")
    )
    assert built_in is not None
    assert set(json.loads(built_in[1])) == BUILT_IN.keys()
    few = re.search(r"const FEW_LISTS = (\d+);", (STATIC / "pages" / "results.js").read_text(encoding="utf-8"))
    assert few is not None
    assert int(few[1]) == FEW_LISTS
