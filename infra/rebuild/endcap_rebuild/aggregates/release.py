"""Popularity and co-purchase with differential privacy for users.

Whether one user is in the log or not changes the chance of any set of tables by a factor of e^epsilon at most, but for
an event of chance delta. Half of epsilon goes to each table:

popularity   every item of the catalogue, which is public, with its noisy count of users; delta is not used
together     pairs whose noisy count reaches a threshold that a pair of a single user passes with chance delta at most,
             so that a pair that is there says nothing about who is in the log. Which of a user's pairs are counted
             depends on the first table as released (adaptive composition)

References: Dwork & Roth, The Algorithmic Foundations of Differential Privacy, 2014; Korolova et al., WWW 2009.
"""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from endcap.arrays import I64
from endcap.errors import InvalidInputError
from endcap_rebuild.aggregates.contributions import Pair, item_counts, pair_counts
from endcap_rebuild.aggregates.noise import Noise, laplace
from endcap_rebuild.data.event_table import EventTable

MOST_EPSILON: Final = 20.0
MOST_DELTA: Final = 1e-3


@dataclass(frozen=True)
class ReleaseSettings:
    """What a release may say.

    Attributes
    ----------
    epsilon, delta : of both tables together
    most_items, most_pairs : of each user that are counted

    Raises
    ------
    InvalidInputError : a value that promises nothing
    """

    epsilon: float
    delta: float = 1e-6
    most_items: int = 10
    most_pairs: int = 2

    def __post_init__(self) -> None:
        if not 0 < self.epsilon <= MOST_EPSILON:
            raise InvalidInputError(f"epsilon must be above 0 and at most {MOST_EPSILON:g}; beyond, nobody is hidden")
        if not 0 < self.delta <= MOST_DELTA:
            raise InvalidInputError(f"delta must be above 0 and at most {MOST_DELTA:g}")
        if self.most_items < 1 or self.most_pairs < 1:
            raise InvalidInputError("at least one item and one pair of each user are counted")

    @property
    def half(self) -> float:
        """Epsilon of each table."""
        return self.epsilon / 2

    @property
    def threshold(self) -> int:
        """The least noisy count of a pair that is told.

        P[1 + Laplace(b) >= t] = exp(-(t - 1) / b) / 2 for one pair and b = most_pairs / half; a user may add
        `most_pairs` that nobody else has. Noise is rounded to whole numbers, which is worth a half at most.
        """
        scale = self.most_pairs / self.half
        return math.ceil(1.5 + scale * max(math.log(self.most_pairs / (2 * self.delta)), 0.0))


@dataclass(frozen=True)
class Release:
    """The two tables.

    popularity : int64 (n,), noisy counts of users, none below 0
    together : (item, later item) -> noisy count of users
    """

    popularity: I64
    together: dict[Pair, int] = field(default_factory=dict)


def released(table: EventTable, n_items: int, settings: ReleaseSettings, noise: Noise = laplace) -> Release:
    """Draw what is counted of each user, count, and add noise; each call is another release, to be paid for."""
    chance = np.random.default_rng(secrets.randbits(128))
    users_of = item_counts(table, n_items, settings.most_items, chance)
    popularity = noise(users_of, settings.half, settings.most_items)
    pairs = sorted(pair_counts(table, settings.most_pairs, popularity, chance).items())
    counts = noise(np.array([count for _, count in pairs], dtype=np.int64), settings.half, settings.most_pairs)
    told = {pair: int(count) for (pair, _), count in zip(pairs, counts, strict=True) if count >= settings.threshold}
    return Release(np.maximum(popularity, 0), told)
