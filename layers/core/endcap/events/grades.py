"""What a grade from 0.5 to 5 means, for functions and rebuild alike.

The formulas take numbers and arrays; what they give is to be held within the bounds beside them, which the scalar
functions do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:  # profiles are folded where numpy is not loaded
    from numpy.typing import NDArray

Number = TypeVar("Number", float, "NDArray[Any]")

MIN_GRADE, MAX_GRADE = 0.5, 5.0

GRADE_PRIOR: Final = 3.5  # what graded catalogues average
GRADE_PRIOR_STRENGTH: Final = 3.0  # in grades
MEAN_BOUNDS: Final = (3.0, 4.5)
"""A user of only bad grades still dislikes; one of only fives still likes a four."""
FACTOR_BOUNDS: Final = (-1.0, 1.25)
_MIDDLE, _REACH = 3.0, 2.0  # 3 says neither good nor bad, 1 and 5 say all


def tone_of(grade: Number) -> Number:
    """What a grade says, -1 to 1; beyond that where it is less than 1."""
    return (grade - _MIDDLE) / _REACH


def grade_of(tone: Number) -> Number:
    """The grade that a tone from -1 to 1 amounts to."""
    return _MIDDLE + _REACH * tone


def around_mean(grade: Number, mean: Number | float) -> Number:
    """How much a grade counts for or against an item around the user's mean grade; within `FACTOR_BOUNDS`."""
    return 0.5 + (grade - mean) / 2


def drawn_mean(total: Number, count: Number) -> Number:
    """The mean of a user's grades, drawn towards the prior while they are few; within `MEAN_BOUNDS`."""
    return (total + GRADE_PRIOR * GRADE_PRIOR_STRENGTH) / (count + GRADE_PRIOR_STRENGTH)


def grade_factor(grade: float, mean: float) -> float:
    """How much a grade counts for (up to 1.25) or against (down to -1) an item, around the user's mean grade."""
    least, most = FACTOR_BOUNDS
    return max(least, min(most, around_mean(grade, mean)))


def mean_of(total: float, count: int) -> float:
    """A user's own mean grade."""
    least, most = MEAN_BOUNDS
    return max(least, min(most, drawn_mean(total, float(count))))
