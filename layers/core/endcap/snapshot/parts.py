"""Parts of a snapshot: neighbour lists, attribute columns, and the weights of the score."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F16, F32, I8, I32, I64
from endcap.errors import SnapshotIntegrityError
from endcap.snapshot.files import canonical_json


@dataclass(frozen=True)
class ItemList:
    """Sparse rows of neighbours (CSR): item i's are `indices[indptr[i]:indptr[i + 1]]`, with weights >= 0."""

    indptr: I64
    indices: I32
    weights: F16

    def row(self, position: int) -> tuple[I32, F16]:
        """Neighbour positions and weights of one item."""
        start, end = self.indptr[position], self.indptr[position + 1]
        return self.indices[start:end], self.weights[start:end]


def empty_list(n_items: int) -> ItemList:
    """A list in which no item has neighbours."""
    indptr = np.zeros(n_items + 1, dtype=np.int64)
    return ItemList(indptr, np.empty(0, dtype=np.int32), np.empty(0, dtype=np.float16))


@dataclass(frozen=True)
class ItemColumns:
    """Attributes of the items, one row each, for filters and affinities.

    price : float32 (n,), NaN = none; price_band : int8 (n,), -1 = none, 0 = cheapest; price_edges : float32 (bands-1,)
    brand : int32 (n,) into `brands`, -1 = none; category_indptr, category_indices : CSR into `categories`
    available : bool (n,); expires_at_ms : int64 (n,), 0 = never; created_at_ms : int64 (n,), 0 = unknown
    """

    price: F32
    price_band: I8
    price_edges: F32
    brand: I32
    brands: tuple[str, ...]
    category_indptr: I64
    category_indices: I32
    categories: tuple[str, ...]
    available: NDArray[np.bool_]
    expires_at_ms: I64
    created_at_ms: I64


@dataclass(frozen=True)
class Repurchase:
    """How each item is bought again, counted for its group of variants; one value per item.

    share : float32 (n,), 0 to 1, how likely one purchase is to be followed by another by the same shopper
    gap_days : float32 (n,), > 0, median days between the two where it is
    gap_spread : float32 (n,), > 0, standard deviation of the natural logarithm of the gap
    """

    share: F32
    gap_days: F32
    gap_spread: F32


@dataclass(frozen=True)
class ContextDemand:
    """What is in demand in each context that shoppers come in.

    contexts : (name, value) of each, as `contexts.context_value` spells them, sorted
    share : float32 (contexts,), 0 to 1, how much of the whole demand comes in each
    items : row k has the items in demand in context k, their weights are log(1 + demand there), decayed as popularity
    """

    contexts: tuple[tuple[str, str], ...]
    share: F32
    items: ItemList


_LARGEST: Final = 1e9


def is_scale(value: float) -> bool:
    """Whether a term can be divided by it: far outside of what any rebuild gives, the quotient is no number."""
    return 1 / _LARGEST <= value <= _LARGEST


_HALF_LIFE: Final = "half_life"
"""In the name of a setting that is divided by."""


@dataclass(frozen=True)
class TermWeight:
    """Contribution of one term of the score: `weight * term / scale`."""

    weight: float
    scale: float = 1.0


@dataclass(frozen=True)
class Weights:
    """`weights.json`: terms of the score, settings of the features, and the metrics that chose them."""

    terms: Mapping[str, TermWeight] = field(default_factory=dict)
    settings: Mapping[str, float] = field(default_factory=dict)
    evidence: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> bytes:
        """The bytes of `weights.json`, equal for equal weights."""
        terms = {name: {"weight": term.weight, "scale": term.scale} for name, term in self.terms.items()}
        return canonical_json(
            {"format": 1, "terms": terms, "settings": dict(self.settings), "evidence": dict(self.evidence)}
        )

    @classmethod
    def from_json(cls, raw: bytes) -> Weights:
        """Read `weights.json`; raises SnapshotIntegrityError where a number is none that scores can be made with."""
        try:
            body = json.loads(raw)
            if body["format"] != 1:
                raise SnapshotIntegrityError(f"weights.json has format {body['format']}, not 1")
            terms = {name: TermWeight(float(t["weight"]), float(t["scale"])) for name, t in body["terms"].items()}
            settings = {name: float(value) for name, value in body["settings"].items()}
            evidence = dict(body.get("evidence", {}))
        except SnapshotIntegrityError:
            raise
        except Exception as exc:  # also RecursionError and OverflowError
            raise SnapshotIntegrityError(f"weights.json is not usable: {exc!r}") from exc
        # Far outside of what any rebuild gives, but single precision still adds these up to a number.
        usable = all(abs(t.weight) <= _LARGEST and is_scale(t.scale) for t in terms.values())
        for name, value in settings.items():
            usable = usable and (1 / _LARGEST if _HALF_LIFE in name else 0) <= value <= _LARGEST
        if not usable:
            raise SnapshotIntegrityError("weights.json holds a number that cannot be used")
        return cls(terms, settings, evidence)
