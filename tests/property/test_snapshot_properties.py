"""Whatever happens to a snapshot's bytes, a broken one raises SnapshotError and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.errors import SnapshotError
from endcap.filenames import MANIFEST
from endcap.snapshot.files import canonical_json
from endcap.snapshot.parts import TermWeight, Weights
from endcap.snapshot.snapshot import load_snapshot
from endcap.snapshot.verify import verify_snapshot
from endcap.snapshot.write import write_snapshot
from endcap_rebuild.behaviour.sparse import item_list, matrix_of, top_per_row
from tests.fakes.effort import tried
from tests.fakes.toy_snapshot import toy_contents

finite = st.floats(-1e6, 1e6, allow_nan=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("toy")
    write_snapshot(path, toy_contents(6))
    return path


@tried(60)
@given(data=st.data())
def test_any_changed_byte_of_any_file_is_refused(folder: Path, data: st.DataObject) -> None:
    names = sorted(path.name for path in folder.iterdir() if path.stat().st_size)
    path = folder / data.draw(st.sampled_from(names))
    original = path.read_bytes()
    place = data.draw(st.integers(0, len(original) - 1))
    changed = bytearray(original)
    changed[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(changed)
    try:
        if path.name == MANIFEST and _same_json(original, bytes(changed)):
            return  # white space between two tokens says nothing
        with pytest.raises(SnapshotError):
            verify_snapshot(folder)
    finally:
        path.write_bytes(original)


def _same_json(a: bytes, b: bytes) -> bool:
    try:
        return canonical_json(_content(json.loads(a))) == canonical_json(_content(json.loads(b)))
    except (ValueError, AttributeError):
        return False


def _content(manifest: dict[str, object]) -> dict[str, object]:
    """What the content hash covers; time, host and the version's name are free to differ."""
    free = ("version", "created", "catalog_as_of_ms", "parent_version", "run")
    return {key: value for key, value in manifest.items() if key not in free}


@tried(40)
@given(value=st.recursive(st.none() | finite | st.text(max_size=8), lambda s: st.lists(s, max_size=3), max_leaves=6))
def test_manifest_of_any_shape_is_refused(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    path = tmp_path_factory.mktemp("odd")
    for body in (value, {"format_version": 1, "files": value}, {"format_version": 1, "files": {"a": value}}):
        (path / MANIFEST).write_text(json.dumps(body))
        with pytest.raises(SnapshotError):
            load_snapshot(path)


@tried()
@given(
    terms=st.dictionaries(st.text(max_size=12), st.tuples(st.floats(-1e9, 1e9), st.floats(1e-9, 1e9)), max_size=5),
    values=st.dictionaries(st.text(max_size=12), st.floats(0, 1e9), max_size=5),
)
def test_weights_survive_the_round_trip(terms: dict[str, tuple[float, float]], values: dict[str, float]) -> None:
    weights = Weights({name: TermWeight(*pair) for name, pair in terms.items()}, values, {})
    assert Weights.from_json(weights.to_json()) == weights


@tried()
@given(
    dense=st.lists(st.lists(st.floats(0, 100, width=32), min_size=5, max_size=5), min_size=5, max_size=5),
    k=st.integers(1, 6),
)
def test_best_of_each_row_are_its_greatest(dense: list[list[float]], k: int) -> None:
    from scipy import sparse

    matrix = np.array(dense, dtype=np.float32)
    kept = top_per_row(sparse.csr_array(matrix), k).toarray()
    for before, after in zip(matrix, kept, strict=True):
        positive = np.sort(before[before > 0])[::-1]
        np.testing.assert_array_equal(np.sort(after[after > 0])[::-1], positive[:k])
        assert set(np.flatnonzero(after)) <= set(np.flatnonzero(before))


@tried()
@given(dense=st.lists(st.lists(st.floats(0.0625, 100, width=32), min_size=4, max_size=4), min_size=4, max_size=4))
def test_list_keeps_proportions_and_has_peaks_of_one_on_average(dense: list[list[float]]) -> None:
    from scipy import sparse

    matrix = np.array(dense, dtype=np.float32)
    kept = matrix_of(item_list(sparse.csr_array(matrix))).toarray()
    peak = matrix.max(axis=1).mean()
    np.testing.assert_allclose(kept, matrix / peak, rtol=2e-3, atol=2e-4)
