"""The snapshot format: what is written is what is loaded, and nothing broken is ever loaded."""

from __future__ import annotations

import hashlib
import io
import json
import mmap
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from endcap.catalog.item import Item
from endcap.errors import SnapshotIntegrityError, SnapshotMissingError
from endcap.filenames import MANIFEST
from endcap.index.index import index_of
from endcap.index.overlay import ChangedItem, Overlay
from endcap.ranking.terms.query import lexical_scores
from endcap.snapshot.files import content_hash
from endcap.snapshot.format import FORMAT_VERSION, FORMATS_READ, OPTIONAL_ARRAYS, array_file
from endcap.snapshot.lexical import LexicalIndex, query_weights
from endcap.snapshot.parts import ContextDemand, ItemList, Repurchase, TermWeight, Weights
from endcap.snapshot.snapshot import Snapshot, load_snapshot
from endcap.snapshot.verify import verify_snapshot
from endcap.snapshot.whitening import whiten
from endcap.snapshot.write import write_snapshot
from tests.fakes.toy_snapshot import build_toy_snapshot, toy_contents

N = 12


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("toy")
    write_snapshot(folder, toy_contents(N))
    return folder


@pytest.fixture
def folder(pristine: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    return Path(shutil.copytree(pristine, tmp_path / "snapshot"))


def reseal(folder: Path, change: Callable[[dict[str, Any]], None] = lambda manifest: None) -> None:
    """Give the manifest the sizes and hashes of the files as they are now, as a careful forger would."""
    manifest = json.loads((folder / MANIFEST).read_bytes())
    for name, entry in manifest["files"].items():
        raw = (folder / name).read_bytes()
        entry.update(sha256=hashlib.sha256(raw).hexdigest(), bytes=len(raw))
    change(manifest)
    manifest["content_hash"] = content_hash(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest))


def without_parts(folder: Path, *parts: str) -> None:
    """Make it a snapshot of before there were these parts."""
    files = [array_file(name) for part in parts for name in OPTIONAL_ARRAYS[part]]
    reseal(folder, lambda manifest: [manifest["files"].pop(name) for name in files])
    for name in files:
        (folder / name).unlink()


def npy(array: np.ndarray[Any, Any], shape: tuple[int, ...] | None = None, fortran: bool = False) -> bytes:
    """An npy file whose header may lie about the shape."""
    out = io.BytesIO()
    header = {"descr": array.dtype.str, "fortran_order": fortran, "shape": shape or array.shape}
    np.lib.format.write_array_header_1_0(out, header)
    return out.getvalue() + array.tobytes()


# ------------------------------------------------------------------ writing and loading


def test_loaded_snapshot_holds_what_was_written(pristine: Path) -> None:
    contents = toy_contents(N)
    snapshot = load_snapshot(pristine)
    assert list(snapshot.item_ids) == [f"item-{k}" for k in range(N)]
    assert snapshot.index["item-7"] == 7
    assert snapshot.document(7) == contents.documents[7]
    np.testing.assert_allclose(snapshot.text_vectors_f16, contents.text_vectors, atol=1e-3)
    coarse = snapshot.item_vectors_i8.astype(np.float32) * snapshot.item_scale
    np.testing.assert_allclose(coarse, contents.item_vectors, atol=snapshot.item_scale)
    neighbours, weights = snapshot.lists["next"].row(3)
    assert neighbours.tolist() == [4]
    assert weights.tolist() == [1.0]
    assert snapshot.lists["wording"].row(3)[0].tolist() == []
    assert snapshot.columns.brands[snapshot.columns.brand[1]] == "Brook"
    assert snapshot.columns.brand[3] == -1
    assert snapshot.weights.terms["text"] == TermWeight(0.5, 1.0)
    assert snapshot.clock_usable


def test_arrays_are_mapped_and_cannot_be_written(pristine: Path) -> None:
    snapshot = load_snapshot(pristine)
    assert isinstance(snapshot.item_vectors_f16.base.base.obj, mmap.mmap)
    with pytest.raises(ValueError, match="read-only"):
        snapshot.popularity[0] = 1


def test_whitened_text_vectors_are_the_item_vectors(pristine: Path) -> None:
    contents = toy_contents(N)
    whitened = whiten(load_snapshot(pristine), contents.text_vectors)
    np.testing.assert_allclose(whitened, contents.item_vectors, atol=1e-5)


def test_whitening_keeps_zero_and_gives_unit_rows_else(pristine: Path) -> None:
    snapshot = load_snapshot(pristine)
    vectors = np.zeros((2, snapshot.manifest["dims"]["text"]), dtype=np.float32)
    vectors[1, 3] = 1
    assert np.linalg.norm(whiten(snapshot, vectors), axis=1).tolist() == pytest.approx([0, 1])


def test_variants_share_a_group(tmp_path: Path) -> None:
    contents = toy_contents(N)
    documents = [{**d, "group_id": "shirt"} if k in (2, 5) else d for k, d in enumerate(contents.documents)]
    write_snapshot(tmp_path, replace(contents, documents=documents))
    groups = load_snapshot(tmp_path).groups
    assert groups[2] == groups[5]
    assert len(set(groups.tolist())) == N - 1


def test_encoder_of_the_snapshot_gives_its_text_vectors(pristine: Path) -> None:
    snapshot = load_snapshot(pristine)
    assert snapshot.encoder is not None
    assert snapshot.encoder is snapshot.encoder
    assert snapshot.encoder.d_text == snapshot.manifest["dims"]["text"]


def test_snapshot_without_encoder_loads_and_verifies(tmp_path: Path) -> None:
    write_snapshot(tmp_path, toy_contents(N, encoder_files={}, encoder_name=""))
    verify_snapshot(tmp_path)
    assert load_snapshot(tmp_path).encoder is None


def test_one_item_makes_a_snapshot(tmp_path: Path) -> None:
    build_toy_snapshot(tmp_path, 1)
    verify_snapshot(tmp_path)


def test_weights_survive_the_round_trip() -> None:
    weights = Weights({"next": TermWeight(0.0, 2.0)}, {"history_half_life_events": 2.5}, {"cases": 7})
    assert Weights.from_json(weights.to_json()) == weights


# ------------------------------------------------------------------ identity


def test_content_hash_leaves_out_time_host_and_durations(tmp_path: Path) -> None:
    first = write_snapshot(tmp_path / "a", toy_contents(N, run={"host": "a", "seconds": 3.5}))
    later = {"created": "2027-01-01T00:00:00Z", "run": {"host": "b"}, "parent_version": "p", "catalog_as_of_ms": 5}
    second = write_snapshot(tmp_path / "b", toy_contents(N, **later))
    assert first["content_hash"] == second["content_hash"]
    assert first["version"] != second["version"]


def test_content_hash_changes_with_any_value(tmp_path: Path) -> None:
    contents = toy_contents(N)
    popularity = contents.popularity.copy()
    popularity[3] += 0.5
    first = write_snapshot(tmp_path / "a", contents)
    second = write_snapshot(tmp_path / "b", replace(contents, popularity=popularity))
    assert first["content_hash"] != second["content_hash"]


def test_loaded_snapshot_survives_a_rewrite_of_its_folder(tmp_path: Path) -> None:
    old = build_toy_snapshot(tmp_path, 20)
    before = old.item_vectors_f16.copy()
    build_toy_snapshot(tmp_path, 6)
    np.testing.assert_array_equal(old.item_vectors_f16, before)
    assert load_snapshot(tmp_path).n_items == 6


def test_rewrite_removes_what_the_new_snapshot_does_not_have(tmp_path: Path) -> None:
    write_snapshot(tmp_path, toy_contents(N))
    write_snapshot(tmp_path, toy_contents(N, encoder_files={}))
    assert not (tmp_path / "text_encoder.onnx").exists()


# ------------------------------------------------------------------ what must be refused


def test_folder_without_manifest_is_no_snapshot(folder: Path) -> None:
    (folder / MANIFEST).unlink()
    with pytest.raises(SnapshotMissingError):
        load_snapshot(folder)


@pytest.mark.parametrize("name", ["item_vectors_i8.npy", "items.jsonl", "weights.json", "text_encoder.onnx"])
def test_changed_byte_is_found(folder: Path, name: str) -> None:
    raw = bytearray((folder / name).read_bytes())
    raw[-1] ^= 1
    (folder / name).write_bytes(raw)
    with pytest.raises(SnapshotIntegrityError, match="sha256"):
        load_snapshot(folder)


@pytest.mark.parametrize("name", ["popularity.npy", "MODEL_CARD.md", "tokenizer.json"])
def test_truncated_file_is_found(folder: Path, name: str) -> None:
    raw = (folder / name).read_bytes()
    (folder / name).write_bytes(raw[: len(raw) // 2])
    with pytest.raises(SnapshotIntegrityError, match="bytes"):
        load_snapshot(folder)


def test_missing_file_is_found(folder: Path) -> None:
    (folder / "groups.npy").unlink()
    with pytest.raises(SnapshotIntegrityError, match="missing"):
        load_snapshot(folder)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (npy(np.zeros(N, np.float32), shape=(1 << 40,)), "shape"),
        (npy(np.zeros(N - 1, np.float32), shape=(N,)), "promises"),
        (npy(np.zeros(N + 1, np.float32), shape=(N,)), "promises"),
        (npy(np.zeros(N, np.float64)), "float64"),
        (npy(np.zeros((N, 1), np.float32)), "axes"),
        (npy(np.zeros(N + 1, np.float32)), "shape"),
        (b"\x93NUMPY\x01\x00\x10\x00{'descr': '<f4'}", "header"),
        (b"", "header"),
    ],
)
def test_header_that_does_not_fit_is_refused_before_loading(folder: Path, raw: bytes, message: str) -> None:
    (folder / "popularity.npy").write_bytes(raw)
    reseal(folder)
    with pytest.raises(SnapshotIntegrityError, match=message):
        load_snapshot(folder)


def test_pickled_array_is_refused(folder: Path) -> None:
    np.save(folder / "popularity.npy", np.array([{"a": 1}] * N, dtype=object), allow_pickle=True)
    reseal(folder)
    with pytest.raises(SnapshotIntegrityError, match="object"):
        load_snapshot(folder)


def test_fortran_order_is_refused(folder: Path) -> None:
    vectors = np.load(folder / "item_vectors_i8.npy")
    (folder / "item_vectors_i8.npy").write_bytes(npy(vectors, fortran=True))
    reseal(folder)
    with pytest.raises(SnapshotIntegrityError, match="Fortran"):
        load_snapshot(folder)


def test_array_of_another_width_is_refused(folder: Path) -> None:
    vectors = np.load(folder / "item_vectors_f16.npy")
    np.save(folder / "item_vectors_f16.npy", vectors[:, :-1])
    reseal(folder)
    with pytest.raises(SnapshotIntegrityError, match="shape"):
        load_snapshot(folder)


def _entry(manifest: dict[str, Any]) -> dict[str, Any]:
    return {"sha256": "0" * 64, "bytes": 1}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m["files"].update({"../evil.npy": _entry(m)}), "names the file"),
        (lambda m: m["files"].update({"/etc/passwd": _entry(m)}), "names the file"),
        (lambda m: m["files"].update({"more.npy": _entry(m)}), "does not know"),
        (lambda m: m["files"].pop("groups.npy"), "lacks groups.npy"),
        (lambda m: m.update(format_version=2), "format version"),
        (lambda m: m.pop("scales"), "no scales"),
        (lambda m: m["counts"].pop("items"), "incomplete"),
        (lambda m: m["counts"].update(items="many"), "incomplete"),
        (lambda m: m["files"]["groups.npy"].pop("bytes"), "entry for groups.npy"),
    ],
)
def test_manifest_that_breaks_the_format_is_refused(
    folder: Path, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    reseal(folder, change)
    with pytest.raises(SnapshotIntegrityError, match=message):
        load_snapshot(folder)


def test_format_of_the_version_before_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("endcap.snapshot.files.FORMAT_VERSION", 2)
    monkeypatch.setattr("endcap.snapshot.files.FORMATS_READ", (2, 1))
    assert load_snapshot(folder).manifest["format_version"] == 1
    assert set(FORMATS_READ) == {FORMAT_VERSION, FORMAT_VERSION - 1} - {0}


def test_manifest_changed_by_hand_does_not_match_its_hash(folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_bytes())
    manifest["training_cutoff_ms"] += 1
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(SnapshotIntegrityError, match="content hash"):
        load_snapshot(folder)


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b"[" * 100_000, b'{"format_version": NaN}'])
def test_manifest_that_is_no_json_object_is_refused(folder: Path, raw: bytes) -> None:
    (folder / MANIFEST).write_bytes(raw)
    with pytest.raises(SnapshotIntegrityError):
        load_snapshot(folder)


def test_item_named_twice_is_refused(folder: Path) -> None:
    lines = (folder / "items.jsonl").read_bytes().splitlines(keepends=True)
    lines[1] = lines[0]
    (folder / "items.jsonl").write_bytes(b"".join(lines))
    reseal(folder)
    with pytest.raises(SnapshotIntegrityError, match="not at its offset"):
        verify_snapshot(folder)
    without_parts(folder, "ids")  # as older snapshots are: then ids are read from the documents
    with pytest.raises(SnapshotIntegrityError, match="twice"):
        load_snapshot(folder)


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"format":1,"terms":{"next":{"weight":1}},"settings":{}}',
        b'{"format":1,"terms":{"next":{"weight":1,"scale":0}},"settings":{}}',
        b'{"format":1,"terms":{"next":{"weight":NaN,"scale":1}},"settings":{}}',
        b'{"format":2,"terms":{},"settings":{}}',
        b'{"format":1,"terms":[],"settings":{}}',
    ],
)
def test_unusable_weights_are_refused(body: bytes) -> None:
    with pytest.raises(SnapshotIntegrityError):
        Weights.from_json(body)


# ------------------------------------------------------------------ what only the deep check finds


def broken(tmp_path: Path, **changes: Any) -> Path:
    """A snapshot that loads, written with contents that break the rules."""
    write_snapshot(tmp_path, toy_contents(N, **changes))
    load_snapshot(tmp_path)
    return tmp_path


def changed(name: str, row: int, value: float) -> dict[str, Any]:
    array = np.array(getattr(toy_contents(N), name))
    array[row] = value
    return {name: array}


@pytest.mark.parametrize("name", ["popularity", "trend", "whitening_mean"])
def test_value_that_is_not_finite_is_found(tmp_path: Path, name: str) -> None:
    with pytest.raises(SnapshotIntegrityError, match=f"{name} holds"):
        verify_snapshot(broken(tmp_path, **changed(name, 2, np.nan)))


def test_vector_with_nan_is_found(folder: Path) -> None:
    vectors = np.load(folder / "text_vectors_f16.npy")
    vectors[1, 1] = np.nan
    np.save(folder / "text_vectors_f16.npy", vectors)
    reseal(folder)
    with pytest.raises(SnapshotIntegrityError, match="text_vectors holds"):
        verify_snapshot(folder)


def test_row_of_another_length_is_found(tmp_path: Path) -> None:
    vectors = toy_contents(N).item_vectors * np.float32(0.9)
    with pytest.raises(SnapshotIntegrityError, match="length"):
        verify_snapshot(broken(tmp_path, item_vectors=vectors))


def test_int8_rows_of_other_vectors_are_found(folder: Path) -> None:
    coarse = np.load(folder / "item_vectors_i8.npy")
    np.save(folder / "item_vectors_i8.npy", coarse[::-1].copy())
    reseal(folder)
    with pytest.raises(SnapshotIntegrityError, match="differ"):
        verify_snapshot(folder)


def test_neighbour_outside_the_catalogue_is_found(tmp_path: Path) -> None:
    contents = toy_contents(N)
    rows = contents.lists["next"]
    lists = {**contents.lists, "next": ItemList(rows.indptr, rows.indices + N, rows.weights)}
    with pytest.raises(SnapshotIntegrityError, match="out of range"):
        verify_snapshot(broken(tmp_path, lists=lists))


@pytest.mark.parametrize("weight", [np.nan, -1.0, np.inf])
def test_unusable_list_weight_is_found(tmp_path: Path, weight: float) -> None:
    contents = toy_contents(N)
    rows = contents.lists["next"]
    weights = rows.weights.copy()
    weights[0] = weight
    lists = {**contents.lists, "next": ItemList(rows.indptr, rows.indices, weights)}
    with pytest.raises(SnapshotIntegrityError, match="unusable weight"):
        verify_snapshot(broken(tmp_path, lists=lists))


def test_rows_that_do_not_follow_each_other_are_found(folder: Path) -> None:
    indptr = np.load(folder / "list_next_indptr.npy")
    indptr[3], indptr[4] = indptr[4], indptr[3]
    np.save(folder / "list_next_indptr.npy", indptr)
    reseal(folder)
    with pytest.raises(SnapshotIntegrityError, match="bad rows"):
        verify_snapshot(folder)


def test_documents_beside_their_offsets_are_found(folder: Path) -> None:
    offsets = np.load(folder / "item_offsets.npy")
    offsets[4] += 1
    np.save(folder / "item_offsets.npy", offsets)
    reseal(folder)
    with pytest.raises(SnapshotIntegrityError):
        verify_snapshot(folder)


def test_encoder_with_external_data_is_refused(folder: Path) -> None:
    model = onnx.load(folder / "text_encoder.onnx")
    onnx.save(
        model,
        folder / "text_encoder.onnx",
        save_as_external_data=True,
        location="outside.bin",
        size_threshold=0,
    )
    reseal(folder)
    with pytest.raises(SnapshotIntegrityError, match="encoder"):
        verify_snapshot(folder)


def test_encoder_of_another_width_is_refused(tmp_path: Path) -> None:
    contents = toy_contents(N)
    config = json.loads(contents.encoder_files["encoder.json"])
    files = {**contents.encoder_files, "encoder.json": json.dumps({**config, "d_text": 64}).encode()}
    with pytest.raises(SnapshotIntegrityError):
        verify_snapshot(broken(tmp_path, encoder_files=files))


def test_half_an_encoder_is_refused(tmp_path: Path) -> None:
    files = {"text_encoder.onnx": toy_contents(N).encoder_files["text_encoder.onnx"]}
    with pytest.raises(SnapshotIntegrityError):
        verify_snapshot(broken(tmp_path, encoder_files=files))


def test_pristine_snapshot_verifies(pristine: Path) -> None:
    manifest = verify_snapshot(pristine)
    assert manifest["counts"]["items"] == N
    assert isinstance(load_snapshot(pristine), Snapshot)


# ------------------------------------------------------------------ parts that a snapshot may lack


def optional_parts() -> dict[str, Any]:
    ones = np.ones(N, dtype=np.float32)
    items = ItemList(np.array([0, 2, 3]), np.array([1, 4, 0], dtype=np.int32), np.ones(3, dtype=np.float16))
    contexts = ContextDemand((("country", "de"), ("device", "mobile")), np.array([0.5, 0.2], dtype=np.float32), items)
    return {"repurchase": Repurchase(0.5 * ones, 30 * ones, ones), "contexts": contexts}


def test_parts_that_came_later_are_read_back_and_may_be_absent(pristine: Path, tmp_path: Path) -> None:
    old = load_snapshot(pristine)
    assert (old.repurchase, old.contexts) == (None, None)
    write_snapshot(tmp_path, toy_contents(N, **optional_parts()))
    verify_snapshot(tmp_path)
    new = load_snapshot(tmp_path)
    assert new.repurchase is not None
    assert new.repurchase.gap_days.tolist() == [30.0] * N
    assert new.contexts is not None
    assert new.contexts.contexts == (("country", "de"), ("device", "mobile"))
    assert new.contexts.items.row(0)[0].tolist() == [1, 4]
    write_snapshot(tmp_path, toy_contents(N))  # files of parts that are gone go too
    assert not (tmp_path / "again_share.npy").exists()


def test_half_a_part_is_refused(tmp_path: Path) -> None:
    write_snapshot(tmp_path, toy_contents(N, **optional_parts()))
    reseal(tmp_path, lambda manifest: manifest["files"].pop("again_share.npy"))
    with pytest.raises(SnapshotIntegrityError, match="only some of again_share"):
        load_snapshot(tmp_path)


def test_what_follows_from_the_rest_may_be_missing(folder: Path) -> None:
    new = load_snapshot(folder)
    without_parts(folder, "ids", "words")
    verify_snapshot(folder)
    old = load_snapshot(folder)
    assert (old.tie_keys, old.lexical) == (None, None)
    assert list(old.item_ids) == list(new.item_ids)
    assert dict(old.index) == dict(new.index) == {f"item-{k}": k for k in range(N)}
    assert index_of(old).tables.tie_keys.tolist() == index_of(new).tables.tie_keys.tolist()
    for query in ("item-3", "title", "nothing"):
        built, stored = index_of(old).tables.lexical, index_of(new).tables.lexical
        weights = query_weights(query, [stored])
        assert query_weights(query, [built]) == weights
        assert built.scores(query, weights).tolist() == stored.scores(query, weights).tolist()


def test_a_snapshot_of_before_there_were_codes_is_searched_by_its_tokens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("endcap.snapshot.write.LexicalIndex.of", partial(LexicalIndex.of, older=True))
        write_snapshot(tmp_path, toy_contents(N))
    assert not (tmp_path / "code_items.npy").exists()
    verify_snapshot(tmp_path)
    old = load_snapshot(tmp_path)
    changed = ChangedItem("new", 2**41, Item("new", "Café mug 500ml"))
    index = Overlay(old, [changed]).index
    assert int(lexical_scores(index, "item-3").argmax()) == 3
    for query in ("cafe", "0.5 l", "500 ml"):  # what changed since is found as ever
        assert int(lexical_scores(index, query).argmax()) == index.position("new")


def test_rows_of_a_large_catalogue_are_whitened_when_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = toy_contents(N)
    trained = np.roll(contents.item_vectors, 1, axis=0)  # no mere whitened text
    monkeypatch.setattr("endcap.snapshot.whitening.EXACT_ELEMENTS", 0)
    write_snapshot(tmp_path, replace(contents, item_vectors=trained))
    verify_snapshot(tmp_path)
    snapshot = load_snapshot(tmp_path)
    assert snapshot.white is not None
    coarse, scale = snapshot.white
    exact = whiten(snapshot, snapshot.text_vectors_f16)
    assert np.abs(coarse * scale - exact).max() <= scale
    write_snapshot(tmp_path, contents)  # the item vectors are the whitened text: there is one table
    assert load_snapshot(tmp_path).white is None


@pytest.mark.parametrize(
    ("name", "index", "value"),
    [
        ("id_offsets", 1, 0),
        ("id_offsets", -1, 0),
        ("id_slots", slice(None), -1),
        ("id_slots", slice(None), 0),
        ("id_slots", slice(None), N),
        ("tie_keys", 0, 1),
        ("word_hashes", 0, 0),
        ("word_items", 0, N - 1),
        ("word_indptr", 1, 0),
        ("number_items", 0, N),
    ],
)
def test_what_does_not_follow_from_the_rest_is_refused(folder: Path, name: str, index: Any, value: int) -> None:
    array = np.load(folder / f"{name}.npy")
    array[index] = value
    (folder / f"{name}.npy").write_bytes(npy(array))
    reseal(folder)
    with pytest.raises(SnapshotIntegrityError):
        verify_snapshot(folder)


@pytest.mark.parametrize(
    ("name", "index", "value"),
    [
        ("again_share", 0, 1.5),
        ("again_gap_days", 3, 0.0),
        ("again_gap_spread", 1, np.nan),
        ("context_share", 0, -0.1),
        ("context_indices", 2, N),
        ("context_weights", 0, np.inf),
    ],
)
def test_unusable_values_of_later_parts_are_refused(tmp_path: Path, name: str, index: int, value: float) -> None:
    write_snapshot(tmp_path, toy_contents(N, **optional_parts()))
    array = np.load(tmp_path / f"{name}.npy")
    array[index] = value
    (tmp_path / f"{name}.npy").write_bytes(npy(array))
    reseal(tmp_path)
    with pytest.raises(SnapshotIntegrityError):
        verify_snapshot(tmp_path)
