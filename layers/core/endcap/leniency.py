"""Reading records that are partly odd: what is optional and breaks its rule is left out, what is too long is cut.

Whoever sent it is told of both, and of names that nothing here has, with the nearest that something has.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from functools import lru_cache
from itertools import islice
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from endcap.errors import FieldError

Model = TypeVar("Model", bound=BaseModel)

MAX_TOLD: Final = 100
"""Warnings of one answer; a thousand of one kind say no more than these."""
_NAMES_TOLD: Final = 10
MAX_NAME_CHARS: Final = 64
_ROUNDS: Final = 4  # a text that was cut, or a list without an entry, may break another rule
_KEY: Final = "[key]"  # pydantic's, for the name of an entry
_LEFT_OUT: Final = object()


def leniently(
    model: type[Model],
    raw: Mapping[Any, Any],
    required: Collection[str],
    cut: Collection[str],
    warnings: list[FieldError],
) -> Model:
    """`raw` as `model`, without the values that break their rule.

    Parameters
    ----------
    required : fields that nothing may be missing of
    cut : fields whose texts, lists and objects are cut where they are too long, and not left out
    warnings : what is left out or cut is added here

    Raises
    ------
    ValidationError : a required field breaks its rule
    """
    given: Any = dict(raw)
    for last in (*[False] * (_ROUNDS - 1), True):
        try:
            return model.model_validate(given)
        except ValidationError as exc:
            found = exc.errors(include_url=False, include_input=False)
            if any(not error["loc"] or error["loc"][0] in required for error in found):
                raise
        # From the end of lists, so that the places before stay what they are.
        for error in reversed(found):
            field, path = error["loc"][0], error["loc"]
            most = (error.get("ctx") or {}).get("max_length") if field in cut else None
            if last:
                path, most = path[:1], None
            given = _without(given, path, most)
        warnings += _told(found, cut)
    return model.model_validate(given)


def _without(value: Any, path: tuple[int | str, ...], most: int | None) -> Any:
    """`value` without what stands at a path, or with that cut to a length."""
    if path and isinstance(value, Mapping) and path[0] in value:
        inner = _without(value[path[0]], path[1:], most)
        return {k: inner if k == path[0] else v for k, v in value.items() if k != path[0] or inner is not _LEFT_OUT}
    if path and isinstance(value, list) and isinstance(path[0], int) and path[0] < len(value):
        inner = _without(value[path[0]], path[1:], most)
        return [*value[: path[0]], *([] if inner is _LEFT_OUT else [inner]), *value[path[0] + 1 :]]
    if most is not None and path[:1] != (_KEY,):
        if isinstance(value, str | list) and len(value) > most:
            return value[:most]
        if isinstance(value, Mapping) and len(value) > most:
            return dict(islice(value.items(), most))
    return _LEFT_OUT


def _told(found: Iterable[Any], cut: Collection[str]) -> list[FieldError]:
    told: dict[str, FieldError] = {}
    for error in found:
        path, most = error["loc"], (error.get("ctx") or {}).get("max_length")
        field = ".".join(str(part) for part in path if part != _KEY).encode(errors="replace").decode()
        if most is not None and path[0] in cut and path[-1] != _KEY:
            message = f"was too long: the first {most} count"
        else:
            message = f"was left out: {error['msg'].removeprefix('Value error, ')}"
        told.setdefault(field, FieldError(field=field, message=message))
    return list(told.values())


@lru_cache(1024)
def nearest(name: str, known: tuple[str, ...]) -> str | None:
    """The known name that a misspelt one is most likely to stand for; None where none is near."""
    plain = {other.replace("_", "").replace(".", "").lower(): other for other in known}
    found = get_close_matches(name.replace("_", "").replace("-", "").replace(".", "").lower(), plain, 1, 0.7)
    return plain[found[0]] if found else None


def unknown_names(
    names: Iterable[Any], known: tuple[str, ...], what: str, hints: Mapping[str, str] | None = None
) -> list[FieldError]:
    """What is said of the names of a record that are not among the known ones; of the first few, that is enough.

    Parameters
    ----------
    what : of what they are no names, as in "is no field of an item"
    hints : usual names of others -> ours
    """
    told = []
    # No answer can hold a lone surrogate, which the name of a parameter may.
    plain = {str(name)[:MAX_NAME_CHARS].encode(errors="replace").decode() for name in names}
    for name in sorted(plain)[:_NAMES_TOLD]:
        meant = (hints or {}).get(name.lower()) or nearest(name, known)
        question = f"; did you mean {meant}?" if meant else ""
        told.append(FieldError(field=name, message=f"is no {what} and was left out{question}"))
    return told


def told_of(warnings: Iterable[FieldError], index: int | None = None) -> list[dict[str, Any]]:
    """Warnings as answers carry them; of one of several things with its number."""
    return [{**({} if index is None else {"index": index}), **warning} for warning in warnings]


def with_warnings(body: dict[str, Any], warnings: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """An answer with its warnings, at most `MAX_TOLD`; as it is where there are none."""
    told = list(islice(warnings, MAX_TOLD))
    return body | ({"warnings": told} if told else {})
