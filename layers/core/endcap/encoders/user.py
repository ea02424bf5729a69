"""A profile as the user encoder reads it, and the encoder itself. The rebuild trains on the same features.

The newest 64 interactions and the newest texts of a profile become tokens: what (a vector in the space of the items),
how (kind, grade), and when (gap to the moment before, age at the request). Order is told by times alone: entries of
one moment share their place, none of them sees another in the layers over the history, and the final read-out sees
them all alike. So a user vector never depends on the ids of events, and one pass over a history trains on each of its
beginnings exactly as a profile of that beginning is served.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F32, F64, I64
from endcap.encoders.onnx_check import check_graph
from endcap.encoders.session import open_session
from endcap.errors import EncoderError
from endcap.events.grades import grade_of
from endcap.events.types import EVENT_TYPES, GRADED, N_CODES, SPECIAL_CODES, EventType
from endcap.profiles.profile import MAX_INTERACTIONS, MAX_TEXTS

if TYPE_CHECKING:
    import onnxruntime

Inputs = dict[str, NDArray[Any]]

MODEL_FILE: Final = "user_encoder.onnx"
PROJECTION_FILE: Final = "item_projection.npy"
USER_ENCODER_FILES: Final = (MODEL_FILE, PROJECTION_FILE)

MAX_ITEMS: Final = MAX_INTERACTIONS
VISIBLE_TEXTS: Final = MAX_TEXTS
N_DISTANCES: Final = 2 * MAX_ITEMS  # in half steps: a moment of two entries lies half a step from either
HIDDEN: Final = N_DISTANCES
"""The code of "must not be read" in `distances`."""

CUSTOM_FOR, CUSTOM_AGAINST, REVIEW_TEXT = SPECIAL_CODES
N_KINDS: Final = N_CODES
N_GRADES: Final = 11  # 0 = no grade, then half stars
# Milliseconds at which a span of time counts as the next longer kind: at once, seconds, then doubling up to 4 years.
SPAN_EDGES_MS: Final = np.asarray([1, 5_000, *(15_000 << k for k in range(24))], dtype=np.int64)
N_SPANS: Final = len(SPAN_EDGES_MS) + 1
FEATURES: Final = ("kinds", "grades", "gaps", "distances", "newest", "read_distances", "ages", "now")
INPUTS: Final = ("vectors", *FEATURES)
KINDS_TABLE: Final = "kind"
"""Name of the table in the graph that has a row for each kind of token."""


def kind_code(event_type: str, event_types: Mapping[str, EventType] = EVENT_TYPES) -> int | None:
    """The number of a type of events; None for one that is unknown or weighs nothing."""
    known = event_types.get(event_type)
    if known is None or known.weight == 0:
        return None
    return known.code or _custom_code(known)


def _custom_code(event_type: EventType) -> int:
    return CUSTOM_FOR if event_type.weight > 0 else CUSTOM_AGAINST


def known_kinds(kinds: I64, n_kinds: int) -> I64:
    """Numbers that an encoder of `n_kinds` reads: a type that is newer than it counts as a custom one of its sign."""
    newer = {row.code: _custom_code(row) for row in EVENT_TYPES.values() if row.code >= n_kinds}
    if not newer or int(kinds.max(initial=0)) < n_kinds:
        return kinds
    return np.asarray([newer.get(kind, kind) for kind in kinds.tolist()], dtype=np.int64)


def text_code(event_type: str) -> int:
    """The number of a text: a review's words are another kind of token than the review of the item."""
    return REVIEW_TEXT if event_type in GRADED else EVENT_TYPES[event_type].code


def grade_codes(grades: F64, tones: F64) -> I64:
    """Half stars 1..10 of grades (0.5 to 5) or, where there is none, of tones (-1 to 1); 0 where both are NaN."""
    stars = np.where(np.isnan(grades), grade_of(np.round(tones * 100) / 100), grades)
    return np.where(np.isnan(stars), 0, np.clip(np.rint(2 * np.nan_to_num(stars)), 1, 10)).astype(np.int64)


def span_codes(spans_ms: I64, clock_usable: bool) -> I64:
    """Kinds of time spans: 0 for none or unknown, higher for longer ones."""
    if not clock_usable:
        return np.zeros(spans_ms.shape, dtype=np.int64)
    return np.searchsorted(SPAN_EDGES_MS, spans_ms, side="right").astype(np.int64)


def places(times_ms: I64, at_ms: I64 | None = None) -> tuple[I64, I64]:
    """Where the moments `at_ms` (those of the items when None) lie among the items' ascending times.

    Returns
    -------
    starts : int64, items earlier than the moment
    middles : int64, twice the mean place of the moment's items (one less than twice `starts` where it has none)
    """
    at_ms = times_ms if at_ms is None else at_ms
    starts, ends = np.searchsorted(times_ms, at_ms, side="left"), np.searchsorted(times_ms, at_ms, side="right")
    return starts.astype(np.int64), (starts + ends - 1).astype(np.int64)


def gaps_of(times_ms: I64, starts: I64, clock_usable: bool) -> I64:
    """Span between each item's moment and the one before; 0 at the first."""
    before = np.where(starts > 0, times_ms[np.maximum(starts - 1, 0)], times_ms)
    return span_codes(times_ms - before, clock_usable)


def distance_codes(starts: I64, middles: I64) -> I64:
    """int64 (..., q, k): half steps from each of q moments back to each of k; 0 within a moment and for later ones."""
    return np.asarray(np.clip(2 * starts[..., :, None] - middles[..., None, :], 0, N_DISTANCES - 1), dtype=np.int64)


def token_distances(starts: I64, middles: I64, is_item: NDArray[np.bool_]) -> I64:
    """int64 (..., n, n): how far token j lies behind token i, `HIDDEN` where i must not read j.

    A token reads itself and the items of earlier moments; texts are for the read-out alone.
    """
    earlier = (starts[..., None, :] < starts[..., :, None]) & is_item[..., None, :]
    distances = np.where(earlier, distance_codes(starts, middles), HIDDEN)
    own = np.arange(starts.shape[-1])
    distances[..., own, own] = 0
    return distances


def token_features(
    times_ms: I64,
    kinds: I64,
    grades: I64,
    text_times_ms: I64,
    text_kinds: I64,
    text_grades: I64,
    now_ms: int,
    clock: bool,
) -> Inputs:
    """Everything that the encoder reads but the vectors.

    Parameters
    ----------
    times_ms, kinds, grades : int64 (h,), items, times ascending, h >= 1
    text_times_ms, text_kinds, text_grades : int64 (t,)
    clock : whether times are times; else only their order counts

    Returns
    -------
    for n = h + t tokens, items first: kinds, grades, gaps int64 (n,); distances int64 (n, n); newest float32 (n,), the
    newest moment's items in equal shares; read_distances, ages int64 (n,); now int64 (1,), the span since that moment
    """
    h, n = len(times_ms), len(times_ms) + len(text_times_ms)
    all_times = np.concatenate([times_ms, text_times_ms])
    starts, middles = places(times_ms, all_times)
    first = starts[h - 1]
    gaps = np.zeros(n, dtype=np.int64)
    gaps[:h] = gaps_of(times_ms, starts[:h], clock)
    newest = np.zeros(n, dtype=np.float32)
    newest[first:h] = np.float32(1) / np.float32(h - first)
    return {
        "kinds": np.concatenate([kinds, text_kinds]),
        "grades": np.concatenate([grades, text_grades]),
        "gaps": gaps,
        "distances": token_distances(starts, middles, np.arange(n) < h),
        "newest": newest,
        "read_distances": distance_codes(starts[h - 1 : h], middles)[0],
        "ages": span_codes(now_ms - all_times, clock),
        "now": span_codes(now_ms - times_ms[h - 1 :], clock),
    }


class UserEncoder:
    """Histories to vectors in the space of the items, on one thread. Safe to share between threads.

    Attributes
    ----------
    projection : float32 (d_item, d_item); `item_vectors` turns whitened text into the vector of an unseen item
    n_kinds : how many kinds of tokens its graph knows; types that were added since are read as custom ones
    """

    def __init__(self, session: onnxruntime.InferenceSession, projection: F32, n_kinds: int) -> None:
        self._session = session
        self.projection = projection
        self.n_kinds = n_kinds

    @classmethod
    def from_bytes(cls, model: bytes, projection: bytes) -> UserEncoder:
        """Encoder made from the bytes of `user_encoder.onnx` and `item_projection.npy`.

        Raises
        ------
        EncoderError : the graph is unsafe or unreadable, or the two don't fit each other
        """
        summary = check_graph(model)
        if set(summary.inputs) != set(INPUTS) or summary.outputs != ("user",):
            raise EncoderError("the user encoder has other inputs or outputs than the features of a profile")
        n_kinds, *_ = summary.constants.get(KINDS_TABLE, (0,))
        if n_kinds < SPECIAL_CODES.stop:
            raise EncoderError("the user encoder has no table of the kinds of tokens")
        encoder = cls(open_session(model), _matrix_of(projection), n_kinds)
        one = np.ones(1, dtype=np.int64)
        probe = {**token_features(one, one, one * 0, one[:0], one[:0], one[:0], 1, True)}
        encoder.encode({**probe, "vectors": np.eye(1, encoder.d_item, dtype=np.float32)})
        return encoder

    @property
    def d_item(self) -> int:
        """Width of the item space."""
        return int(self.projection.shape[1])

    def item_vectors(self, white: F32) -> F32:
        """float32 (k, d_item): vectors of items that only their whitened texts (k, d_item) are known of."""
        return units(white @ self.projection)

    def encode(self, inputs: Mapping[str, NDArray[Any]]) -> F32:
        """The user vector, float32 (d_item,), length 1, of what `user_inputs` gave.

        Raises
        ------
        EncoderError : the graph failed, or its answer is no unit vector of d_item numbers
        """
        try:
            read = {**inputs, "kinds": known_kinds(inputs["kinds"], self.n_kinds)}
            answer = self._session.run(["user"], read)[0]
        except Exception as exc:  # onnxruntime's errors share no base class but Exception
            raise EncoderError("the user encoder failed to run") from exc
        vector: F32 = answer.reshape(-1)
        if vector.shape != (self.d_item,) or not abs(float(vector @ vector) - 1) < 1e-3:  # also catches NaN
            raise EncoderError(f"the user encoder's answer is not a unit vector of {self.d_item} numbers")
        return vector


def units(vectors: F32) -> F32:
    """Rows of length 1; rows that are (nearly) zero become zero."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 1e-6, lengths, np.inf), dtype=np.float32)


def _matrix_of(raw: bytes) -> F32:
    try:
        matrix = np.load(io.BytesIO(raw), allow_pickle=False)
    except Exception as exc:  # numpy reads a header as Python, and may find there what it has no memory for
        raise EncoderError(f"{PROJECTION_FILE} can't be read") from exc
    if not isinstance(matrix, np.ndarray) or matrix.dtype != np.float32 or matrix.ndim != 2:
        raise EncoderError(f"{PROJECTION_FILE} must hold a float32 matrix")
    if matrix.shape[0] != matrix.shape[1] or not np.isfinite(matrix).all():
        raise EncoderError(f"{PROJECTION_FILE} must be square and finite")
    return matrix
