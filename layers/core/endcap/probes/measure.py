"""A candidate's folder to figures: verified, compared, asked."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from endcap.errors import EncoderError, SnapshotIntegrityError
from endcap.filters.eligibility import sellable
from endcap.index.index import index_of
from endcap.probes import consistency
from endcap.probes.answers import routes_of
from endcap.probes.current import compared, read_current
from endcap.probes.hostile_texts import hostile_texts
from endcap.probes.requests import probes
from endcap.ranking.features import RankingSettings
from endcap.snapshot.figures import Measured
from endcap.snapshot.snapshot import Snapshot
from endcap.snapshot.verify import load_verified

Step = Callable[[str], None]
MAX_WORDS: Final = 20
UNBOUNDED: Final = frozenset({"its files", "its documents", "the current snapshot"})
"""Steps that take as long as the catalogue is large; each other one has a limit of its own."""
SLOWEST_TEXT_S: Final = 2.0
"""Processor time of reading one text into tokens; real ones take some thousandths."""


def verify(folder: Path, step: Step) -> Snapshot:
    """The snapshot of a folder, every part of it opened and tried.

    Parameters
    ----------
    step : told what comes next

    Raises
    ------
    SnapshotIntegrityError
    """
    step("its files")
    snapshot = load_verified(folder)
    if snapshot.encoder is not None:
        words = [str(snapshot.document(row).get("title") or "").partition(" ")[0] for row in range(_few(snapshot))]
        for number, text in enumerate(hostile_texts(filter(None, words))):
            step(f"text {number}")
            began = time.process_time()
            try:
                snapshot.encoder.count_tokens(text)
            except EncoderError as exc:
                raise SnapshotIntegrityError(f"the tokenizer can't read {text[:4]!r}...: {exc}") from exc
            if time.process_time() - began > SLOWEST_TEXT_S:
                raise SnapshotIntegrityError(f"the tokenizer takes more than {SLOWEST_TEXT_S:g} s for {text[:4]!r}...")
    return snapshot


def _few(snapshot: Snapshot) -> int:
    return min(MAX_WORDS, snapshot.n_items)


def measure(snapshot: Snapshot, current: Path | None, now_ms: int, step: Step) -> Measured:
    """What the gates ask for.

    Parameters
    ----------
    snapshot : as `verify` gave it
    current : folder with some files of the current snapshot, None for none

    Raises
    ------
    SnapshotIntegrityError : the current one's files can't be read
    """
    step("its documents")
    differences = consistency.differences(snapshot)
    step("its vectors")
    texts, vectors = consistency.texts_alike(snapshot, step), consistency.items_alike(snapshot)
    step("its encoders")
    apart = consistency.told_apart(snapshot, now_ms)
    step("the current snapshot")
    beside = None if current is None else compared(snapshot, read_current(current, now_ms))
    step("its requests")
    routes = routes_of(snapshot, probes(snapshot, now_ms), now_ms, step)
    known = RankingSettings.__dataclass_fields__
    return Measured(
        items=snapshot.n_items,
        groups=len(set(snapshot.groups.tolist())),
        for_sale=int(sellable(index_of(snapshot), now_ms).sum()),
        unreadable_documents=differences.unreadable,
        wrong_columns=differences.columns,
        wrong_groups=differences.groups,
        texts_alike=texts,
        items_alike=vectors,
        told_apart=apart,
        terms={name: (term.weight, term.scale) for name, term in snapshot.weights.terms.items()},
        settings={name: value for name, value in snapshot.weights.settings.items() if name in known},
        largest=consistency.largest(snapshot),
        routes=routes,
        compared=beside,
    )
