"""What is odd is left out or cut, and told; what is required is not."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import BaseModel, Field, ValidationError

from endcap.errors import FieldError
from endcap.leniency import MAX_TOLD, leniently, nearest, told_of, unknown_names, with_warnings


class Thing(BaseModel):
    """Something with a name that it needs."""

    name: str
    size: int | None = None
    words: Annotated[list[Annotated[str, Field(max_length=3)]], Field(max_length=2)] = []


def read(**given: object) -> tuple[Thing, list[FieldError]]:
    warnings: list[FieldError] = []
    return leniently(Thing, given, ("name",), ("words",), warnings), warnings


def test_what_is_sound_is_read_without_a_word() -> None:
    assert read(name="a", size=3, words=["x"]) == (Thing(name="a", size=3, words=["x"]), [])


def test_what_is_odd_is_left_out_alone() -> None:
    thing, warnings = read(name="a", size="big", words=["x", 3])
    assert thing == Thing(name="a", words=["x"])
    assert [w["field"] for w in warnings] == ["size", "words.1"]


def test_what_is_too_long_is_cut_at_every_depth() -> None:
    thing, warnings = read(name="a", words=["abcd", "x", "y", "z"])
    assert thing == Thing(name="a", words=["abc", "x"])
    assert {w["field"]: w["message"] for w in warnings} == {
        "words.0": "was too long: the first 3 count",
        "words": "was too long: the first 2 count",
    }


def test_what_is_required_is_never_left_out() -> None:
    with pytest.raises(ValidationError):
        read(size=3)
    with pytest.raises(ValidationError):
        read(name=["a"], size="big")


def test_a_misspelt_name_is_told_with_the_nearest() -> None:
    known = ("image_url", "price", "q")
    assert [nearest(n, known) for n in ("imageUrl", "IMAGE-URL", "prize", "xyzzy")] == [
        "image_url",
        "image_url",
        "price",
        None,
    ]
    (told,) = unknown_names(["cost"], known, "field of a thing", {"cost": "price"})
    assert told["message"] == "is no field of a thing and was left out; did you mean price?"
    assert len(unknown_names((f"n{k}" for k in range(10_000)), known, "field")) == 10
    assert len(unknown_names(["x" * 100_000], known, "field")[0]["field"]) == 64


def test_answers_carry_warnings_where_there_are_some_and_not_without_end() -> None:
    one = FieldError(field="price", message="was left out")
    assert with_warnings({"a": 1}, []) == {"a": 1}
    assert with_warnings({"a": 1}, told_of([one], 3)) == {"a": 1, "warnings": [{"index": 3, **one}]}
    assert len(with_warnings({}, told_of([one] * 1000))["warnings"]) == MAX_TOLD
