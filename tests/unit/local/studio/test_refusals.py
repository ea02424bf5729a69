"""Whatever a page may be refused by, the studio says in Chinese."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from pydantic_core import PydanticKnownError

from endcap.api.scenarios import findings
from endcap.errors import EndcapError, InvalidInputError
from endcap.experiments.config import read_experiments
from endcap.filters.parser import MAX_CONDITIONS, MAX_DEPTH, MAX_LISTED, expression
from endcap.operator import schemas
from endcap.recommend.request import BOUNDS, LIMIT, SHARE, WEIGHT
from endcap.snapshot.gates import GATES
from endcap.validation import parsed
from tests.chinese import halfwidth_in, touching_in
from tests.fakes.refusals import NAME, REFUSALS, in_chinese, latin_in

ROOT: Final = Path(__file__).parents[4]
CORE: Final = ROOT / "layers/core/endcap"
HEARD: Final = (
    *sorted((CORE / "desk").glob("*.py")),
    *sorted((CORE / "operator").glob("*.py")),
    *sorted((CORE / "filters").glob("*.py")),
    *sorted((CORE / "recommend").glob("*.py")),
    *sorted((CORE / "experiments").glob("*.py")),
    *(CORE / "api" / f"{name}.py" for name in ("conversion", "cursors", "guard", "http", "language", "parse")),
    *(CORE / "api" / f"{name}.py" for name in ("scenarios", "schemas")),
    *(CORE / "snapshot" / f"{name}.py" for name in ("candidate", "examination", "gates", "promote")),
    *(CORE / name for name in ("validation.py", "identifiers.py", "aws/work.py", "live/ladder.py")),
    *(CORE / name for name in ("events/interaction.py", "shops/forms.py")),
    *(ROOT / "functions" / name / "app.py" for name in ("admin", "manage_users", "promote")),
)
"""The modules whose refusals pages are told."""
UNHEARD: Final = {
    "a number is too large",  # of JSON that the studio does not write; told as "not valid JSON"
    "{} is not a JSON number",
    "another writer won each time",  # told as a service that is busy
    "the snapshot gives a score that is no number",  # told as no usable snapshot
    "environment variable SNAPSHOT_KEY is not set",
}
TOLD_BY: Final = re.compile(r"Error$|^_?(fail|invalid|refused|problem|_fail|_invalid|_refused)$")
TOLD_IN: Final = {"message", "rule", "problem"}


def text_of(node: ast.AST | None) -> str | None:
    """The text that an expression writes, `{}` for what is filled in."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(text_of(part) or "{}" for part in parts)
        case ast.BinOp(left=left, right=ast.Constant(value=str(text))):
            return f"{text_of(left)}{text}"
        case ast.BinOp(left=left):
            return text_of(left)
    return None


def told_by(node: ast.AST) -> Iterator[str | None]:
    """The texts that a piece of code refuses by."""
    if isinstance(node, ast.Call):
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if TOLD_BY.search(name):
            yield from map(text_of, [*node.args, *(word.value for word in node.keywords)])
    elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id in TOLD_IN:
        yield text_of(node.value)
    elif isinstance(node, ast.Yield):
        said = node.value.elts[-1] if isinstance(node.value, ast.Tuple) else node.value
        yield text_of(said)


def refusals(file: Path) -> set[str]:
    """All sentences that a module refuses by, `{}` for what is filled in."""
    found = (text for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) for text in told_by(node))
    return {text for text in found if text and " " in text} - UNHEARD


def examples(text: str) -> Iterator[str]:
    """A sentence with something filled in: a name, a number, or words that stand in it."""
    said = (
        *(f"lie between {low:g} and {high:g}" for low, high in (SHARE, LIMIT, WEIGHT)),
        "not be negative",
        "must not be empty",
        "must be ISO 8601 or unix time",
        "must not begin with anon:, which stands for anonymous ids: see anonymous_id",
        "true or false",
        "the end",
        "it took more than 9 s",
        "3 failed, 2 lack items",
        "text of at most 256 characters, a finite number, true or false",
        "text",
        "the body",
        "AND, OR or the end",
        "is required for rating",
    )
    for value in ("name", "7", *said):
        yield text.replace("{}", value)
    yield text.replace("{}", "7", 1).replace("{}", "must not be empty")


@pytest.mark.parametrize("file", HEARD, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_every_refusal_in_the_code_is_said_in_chinese(file: Path) -> None:
    unsaid = {text for text in refusals(file) if not any(in_chinese(one) for one in examples(text))}
    assert unsaid == set()


def test_refusals_are_found_in_the_code() -> None:
    found = {text for file in HEARD for text in refusals(file)}
    assert {"is no day", "{} is neither text nor a list", "must {}", "no item has this id"} <= found
    assert len(found) > 120


KINDS: Final[dict[str, dict[str, Any]]] = {
    **{f"{kind}_type": {} for kind in ("string", "float", "int", "bool", "list", "dict")},
    **{kind: {} for kind in ("missing", "float_parsing", "finite_number", "int_parsing", "int_from_float")},
    **{kind: {} for kind in ("int_parsing_size", "bool_parsing")},
    "model_type": {"class_name": "ScenarioDocument"},
    "greater_than_equal": {"ge": 1},
    "greater_than": {"gt": 0.5},
    "less_than_equal": {"le": 500},
    "less_than": {"lt": 1},
    "string_too_short": {"min_length": 1},
    "string_too_long": {"max_length": 64},
    "string_pattern_mismatch": {"pattern": r"^\d{4}-\d{2}-\d{2}$"},
    "literal_error": {"expected": "'interacted', 'purchased' or 'none'"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_pydantic_finds_is_said_in_chinese(kind: str) -> None:
    message = PydanticKnownError(kind, KINDS[kind] or None).message()  # type: ignore[arg-type]
    assert in_chinese(message), message


@pytest.mark.parametrize(
    ("lengths", "field"), [((1, 10, 0), "List"), ((1, 10, 11), "List"), ((1, 50, 51), "Dictionary")]
)
def test_lists_of_the_wrong_length_are_said_in_chinese(lengths: tuple[int, int, int], field: str) -> None:
    least, most, length = lengths
    context = {"field_type": field, "actual_length": length}
    kind, bound = ("too_short", {"min_length": least}) if length < least else ("too_long", {"max_length": most})
    assert in_chinese(PydanticKnownError(kind, context | bound).message())  # type: ignore[arg-type]


def refused(act: Callable[[], object]) -> list[str]:
    """What is said of something that can't be used."""
    try:
        act()
    except InvalidInputError as exc:
        return [error["message"] for error in exc.errors]
    except EndcapError as exc:
        return [str(exc)]
    raise AssertionError("it was taken")


FILTERS: Final = (
    "",
    "price <",
    "price < 20 price",
    "price ? 20",
    'brand = "A',
    "price CONTAINS 3",
    "price < 'cheap'",
    "available > 3",
    "available = 3",
    "NOT",
    "(price < 3",
    "price IN 3",
    "brand IS 3",
    "brand IS NOT 3",
    "created_at",
    "created_at WITHIN soon",
    "created_at < 'soon'",
    "brand < true",
    "price BETWEEN 3",
    "a" * 2001,
    "NOT " * (MAX_DEPTH + 1) + "available",
    " AND ".join(["available"] * (MAX_CONDITIONS + 1)),
    f"price IN ({', '.join(['1'] * (MAX_LISTED + 1))})",
)


@pytest.mark.parametrize("text", FILTERS, ids=lambda text: text[:24] or "nothing")
def test_what_is_wrong_with_a_filter_is_said_in_chinese(text: str) -> None:
    for message in refused(lambda: expression(text)):
        said = in_chinese(message)
        assert said is not None, message
        assert said.endswith("。")
        typed = set(re.findall(r"[A-Za-z]{2,}", text))
        assert set(latin_in(said)) <= typed, said


SCENARIOS: Final[tuple[Any, ...]] = (
    [],
    {"limit": 0},
    {"limit": "many"},
    {"limit": 3.5},
    {"diversity": 2},
    {"diversity": "much"},
    {"exclude_seen": "all"},
    {"personalization": 1},
    {"user_id": "ann"},
    {"limitt": 3},
    {"pinned": [{"item_id": "", "position": 1}]},
    {"pinned": [{"item_id": "a", "position": 0}]},
    {"pinned": [{"item_id": "a", "position": 1}, {"item_id": "a", "position": 1}]},
    {"pinned": 3},
    {"boost": [{"filter": "price <", "weight": 1}]},
    {"boost": [{"filter": "available", "weight": 1000}]},
    {
        "promotions": [
            {"name": "a", "filter": "available", "share": 0.6},
            {"name": "a", "filter": "available", "share": 0.6},
        ]
    },
    {"hidden": [{"item_id": "a" * 600}]},
    {"hidden": [{"item_id": "a\u0007"}]},
    {"hidden": [{"item_id": "a", "until": "soon"}]},
    {"caps": {"category": 0}},
    {"caps": {"size": 1}},
    {"weights": {"nothing": 1}},
    {"weights": {"popularity": 2000}},
    {"weights": {"popularity": "much"}},
    {"relation": "similar", "filter": "x" * 2001},
    {"explain": "perhaps"},
)


@pytest.mark.parametrize("document", SCENARIOS, ids=str)
def test_what_is_wrong_with_a_scenario_is_said_in_chinese(document: object) -> None:
    errors = findings("home", document)
    assert errors
    for error in errors:
        said = in_chinese(error["message"])
        assert said is not None, error
        assert latin_in(said) == [], said


EXPERIMENTS: Final = (
    '{"experiments": [{"name": "a", "variants": []}]}',
    '{"experiments": [{"name": "", "variants": [{"name": "x", "share": 2}]}]}',
    '{"experiments": [{"name": "a", "variants": [{"name": "x", "share": 0.7}, {"name": "x", "share": 0.7}]}]}',
    '{"experiments": [{"name": "a", "start": 5, "end": 4, "variants": [{"name": "x", "weights": {"none": 1}}]}]}',
    '{"experiments": [{"name": "a", "start": 5, "end": 4, "variants": [{"name": "x", "share": 1}]}]}',
    '{"experiments": [{"name": "a", "variants": [{"name": "x", "share": 1, "weights": {"none": 1}}]}]}',
    '{"experiments": 3}',
    "{}",
)


@pytest.mark.parametrize("document", EXPERIMENTS)
def test_what_is_wrong_with_an_experiment_is_said_in_chinese(document: str) -> None:
    for message in refused(lambda: read_experiments(document.encode())):
        said = in_chinese(message)
        assert said is not None, message
        assert latin_in(said) == [], said


QUESTIONS: Final = (
    (schemas.ResultsQuery, {"from": "yesterday", "by": "brand"}),
    (schemas.ItemsQuery, {"limit": "0", "q": "x" * 300}),
    (schemas.DiagnosisQuery, {"limit": 1000, "user_id": "a\u0000", "scenario": ""}),
    (schemas.Comparison, {"user_ids": ["a"] * 21}),
    (schemas.Promotion, {"force": ""}),
    (schemas.FilterCheck, {"filter": "x" * 5000, "sample": -1}),
    (schemas.Rollback, {"version": "../x"}),
    (schemas.Replay, {"keys": "all", "because": "x"}),
)


@pytest.mark.parametrize(("model", "value"), QUESTIONS, ids=lambda one: getattr(one, "__name__", ""))
def test_what_is_wrong_with_a_question_is_said_in_chinese(model: Any, value: dict[str, Any]) -> None:
    for message in refused(lambda: parsed(model, value)):
        said = in_chinese(message)
        assert said is not None, message
        assert latin_in(said) == [], said


def test_gates_that_refuse_are_said_in_chinese_together() -> None:
    told = (
        "items: there are 3 items, 10 were; popular: only 4.0% of the items that are most popular now are popular in it"
    )
    assert {"items", "popular"} <= {gate.name for gate in GATES}
    assert in_chinese(told) == "商品有3件，此前为10件；当前最热门的商品中，只有4.0%在新快照中仍热门"


def test_a_sentence_that_is_not_known_stays_as_it_is() -> None:
    assert in_chinese("States.TaskFailed at step 3") is None
    assert in_chinese("at position 3: something new") is None


def test_chinese_fills_in_nothing_that_english_has_not() -> None:
    for english, own in REFUSALS.items():
        assert set(NAME.findall(own)) <= set(NAME.findall(english)), english


def test_refusals_have_chinese_punctuation_and_no_latin_words() -> None:
    for own in REFUSALS.values():
        assert not halfwidth_in(own), own
        assert not touching_in(own), own
        assert latin_in(NAME.sub("", own)) == [], own


def test_ranges_are_said_as_the_code_says_them() -> None:
    for bounds in {*BOUNDS.values(), SHARE, WEIGHT}:
        assert in_chinese(f"must {bounds}"), bounds
