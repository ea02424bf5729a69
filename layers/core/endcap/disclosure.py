"""How few people a number may be about before it is told to anybody."""

from __future__ import annotations

from typing import Final

LEAST_PEOPLE: Final = 5
"""A number of people, or of what they did, is told from so many people on; rankings use it from the first."""


def may_tell(people: float) -> bool:
    """Whether what is known of so many people may be told; that there are none may."""
    return people == 0 or people >= LEAST_PEOPLE
