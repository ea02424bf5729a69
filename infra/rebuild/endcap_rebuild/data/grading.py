"""Scales of grades: which one a shop's ratings are on, and what a grade of another is on ours, which ends at 5.

A scale is recognised by the grades themselves. Where they could be on several, nothing is guessed: a scale that is read
wrongly recommends what people disliked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from endcap.errors import InvalidInputError
from endcap.events.grades import MAX_GRADE, MIN_GRADE

_WORST: Final = 1.0
"""Of our grades the one that says all against a thing, as 5 says all for it."""
_SPAN: Final = re.compile(r"\s*(-?\d+(?:\.\d+)?)\s*(?:-|\.\.|to)\s*(-?\d+(?:\.\d+)?)\s*")
_STRAY: Final = 0.01
"""Share of the grades that may lie outside a scale and be mistakes."""
_FEW: Final = 20
"""Fewer grades need not have a good one among them."""
_LIKES: Final = frozenset({"like", "liked", "likes", "up", "thumbsup", "positive", "good", "yes", "true", "+", "👍"})
_OF: Final = re.compile(
    r"(\d{1,3}(?:[.,]\d{1,2})?)\s*(?:/|out of|of|von|sur|de|su|van|z)\s*(\d{1,3})(?:\s*[^\W\d_]{0,8}|\s*[★⭐])",
    re.IGNORECASE,
)
"""`4/5`, `4.0 out of 5 stars`: a grade that names its scale."""
_COUNTED: Final = re.compile(
    r"(\d(?:[.,]\d{1,2})?)\s*(?:stars?|sterne?|étoiles?|estrellas?|stelle|颗星|星级)", re.IGNORECASE
)
_STARS: Final = re.compile(r"([★⭐]+)([☆✩]*)")
_DISLIKES: Final = frozenset(
    {"dislike", "disliked", "dislikes", "down", "thumbsdown", "negative", "bad", "no", "false", "-", "👎"}
)


class AmbiguousScaleError(InvalidInputError):
    """The grades could be on several scales."""


@dataclass(frozen=True)
class Scale:
    """A scale of grades.

    Attributes
    ----------
    worst, best : its ends; `worst` None where only the best is known: grades are then in proportion to it
    strict : whether grades outside it are mistakes; they count as its ends otherwise
    """

    worst: float | None
    best: float
    strict: bool = True

    def __str__(self) -> str:
        return f"{self.worst or 0:g} to {self.best:g}"

    @property
    def is_ours(self) -> bool:
        """Whether its grades are ours already."""
        return self.best == MAX_GRADE and (self.worst is None or self.worst in (MIN_GRADE, _WORST))

    def grade(self, value: float) -> float:
        """The grade on our scale, 0.5 to 5.

        Raises
        ------
        ValueError : it lies outside the scale
        """
        least = min(0.0 if self.worst is None else self.worst, self.best)
        if self.strict and not least <= value <= max(self.best, self.worst or 0.0):
            raise ValueError(f"{value:g} is no grade from {self}")
        if self.worst is None:
            found = value * MAX_GRADE / self.best
        else:
            found = _WORST + (value - self.worst) * (MAX_GRADE - _WORST) / (self.best - self.worst)
        return min(max(found, MIN_GRADE), MAX_GRADE)


OURS: Final = Scale(None, MAX_GRADE)
_THUMBS: Final = Scale(-1.0, 1.0)


def scale_of(text: str | float) -> Scale:
    """The scale that somebody names: its best grade, or its ends, as "10", "1-10", "0-1" or "-1..1".

    Raises
    ------
    InvalidInputError : it is none
    """
    said = f"{text:g}" if isinstance(text, int | float) else text.strip()
    if found := _SPAN.fullmatch(said):
        worst, best = float(found[1]), float(found[2])
        if worst == best:
            raise InvalidInputError(f"a scale of grades needs two ends, not {said}")
        return Scale(worst, best) if (worst, best) != (MIN_GRADE, MAX_GRADE) else Scale(None, MAX_GRADE)
    try:
        best = float(said)
    except ValueError as exc:
        raise InvalidInputError(f"no scale of grades: {said!r}; one is called 10, 1-10 or 0-1") from exc
    if not best > 0:
        raise InvalidInputError(f"a scale of grades ends above 0, not at {said}")
    return Scale(None, best, strict=False)


def worded(text: str) -> float | None:
    """The grade that a text says without the scale of its column, None for any other text.

    It is a word like "like" or "dislike", one that names its scale, as `8/10`, or a number of stars.
    """
    said = text.replace("\ufe0f", "").strip()
    if found := _OF.fullmatch(said):
        best = float(found[2])
        return _in_range(float(found[1].replace(",", ".")) * MAX_GRADE / best) if best >= MIN_GRADE else None
    if found := _COUNTED.fullmatch(said):
        return _in_range(float(found[1].replace(",", ".")))
    if found := _STARS.fullmatch(said):
        return _in_range(len(found[1]) * MAX_GRADE / max(len(found[1] + found[2]), MAX_GRADE))
    word = re.sub(r"[\s_]+", "", text).casefold()
    return MAX_GRADE if word in _LIKES else _WORST if word in _DISLIKES else None


def _in_range(grade: float) -> float | None:
    return max(grade, MIN_GRADE) if 0 <= grade <= MAX_GRADE else None


def recognised(values: Sequence[float]) -> Scale:
    """The scale that grades are on.

    Raises
    ------
    AmbiguousScaleError : they could be on several
    """
    grades = sorted(values)
    if not grades:
        return OURS
    spare = int(len(grades) * _STRAY)
    grades = grades[spare:] if grades[spare] >= 0 > grades[0] else grades
    low, top = grades[0], grades[-1 - int(len(grades) * _STRAY)]
    found, distinct = _found(top, len(grades)), set(grades)
    if low >= 0 and top <= 1:
        unit = 0.0 in distinct or any(0 < grade < 1 and grade != MIN_GRADE for grade in distinct)
        found = Scale(0.0, 1.0) if unit and len(distinct) > 1 else OURS if not unit and len(grades) < _FEW else None
    elif low < 0:
        found = _THUMBS if distinct <= {-1.0, 0.0, 1.0} else None
    if found is None:
        raise AmbiguousScaleError(f"grades from {low:g} to {top:g} could be on several scales")
    return found


def _found(top: float, count: int) -> Scale | None:
    if top <= MAX_GRADE:
        return OURS if top > 3 or count < _FEW else None
    return Scale(None, 10.0) if 7 < top <= 10 else Scale(None, 100.0) if 50 < top <= 100 else None
