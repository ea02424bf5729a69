"""Files of a snapshot at their borders: sizes, names, headers, and what a manifest has to hold."""

from __future__ import annotations

import hashlib
import json
import mmap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from endcap.errors import SnapshotIntegrityError, SnapshotMissingError
from endcap.filenames import MANIFEST
from endcap.snapshot import files as module
from endcap.snapshot.files import (
    canonical_json,
    check_files,
    content_hash,
    has_part,
    load_array,
    read_manifest,
    read_text_file,
    replace_file,
    write_files,
)
from endcap.snapshot.format import ARRAYS, OPTIONAL_ARRAYS, TEXT_FILES, array_file

ENTRY = {"sha256": "0" * 64, "bytes": 1}


def manifest(**changes: Any) -> dict[str, Any]:
    """A manifest that is whole, of files that nobody looks at."""
    names = [*(array_file(name) for name in ARRAYS), *TEXT_FILES]
    found: dict[str, Any] = {
        "format_version": 1,
        "files": {name: dict(ENTRY) for name in names},
        "arrays": {},
        "dims": {},
        "scales": {},
        "counts": {},
        **changes,
    }
    return found


def sealed(folder: Path, document: dict[str, Any]) -> Path:
    text = json.dumps({**document, "content_hash": content_hash(document)})
    (folder / MANIFEST).write_text(text)
    return folder


def refusal(folder: Path) -> str:
    with pytest.raises(SnapshotIntegrityError) as caught:
        read_manifest(folder)
    return str(caught.value)


class TestManifest:
    def test_that_is_whole_is_read_as_it_is(self, tmp_path: Path) -> None:
        document = manifest()
        assert read_manifest(sealed(tmp_path, document)) == {**document, "content_hash": content_hash(document)}

    def test_that_is_not_there_is_no_snapshot(self, tmp_path: Path) -> None:
        with pytest.raises(SnapshotMissingError, match="holds no manifest"):
            read_manifest(tmp_path)
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(SnapshotMissingError):
            read_manifest(tmp_path / "file")

    def test_of_four_mebibytes_is_read_and_of_more_is_not_ours(self, tmp_path: Path) -> None:
        text = (sealed(tmp_path, manifest()) / MANIFEST).read_bytes()
        (tmp_path / MANIFEST).write_bytes(text + b" " * ((4 << 20) - len(text)))
        assert read_manifest(tmp_path)
        (tmp_path / MANIFEST).write_bytes(text + b" " * ((4 << 20) - len(text) + 1))
        assert refusal(tmp_path) == "the manifest is too large"

    @pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b"[" * 100_000])
    def test_that_is_no_json_is_told(self, tmp_path: Path, raw: bytes) -> None:
        (tmp_path / MANIFEST).write_bytes(raw)
        assert refusal(tmp_path) == "the manifest is not JSON"

    @pytest.mark.parametrize("document", [[], 7, None, manifest(format_version=0), manifest(format_version=2)])
    def test_of_another_format_is_told(self, tmp_path: Path, document: Any) -> None:
        (tmp_path / MANIFEST).write_text(json.dumps(document))
        assert refusal(tmp_path) == "the manifest is of no format version among (1,)"

    @pytest.mark.parametrize("key", ["files", "arrays", "dims", "scales", "counts"])
    @pytest.mark.parametrize("value", [None, [], "x"])
    def test_lacks_no_part(self, tmp_path: Path, key: str, value: Any) -> None:
        (tmp_path / MANIFEST).write_text(json.dumps(manifest(**{key: value})))
        assert refusal(tmp_path) == f"the manifest has no {key}"

    @pytest.mark.parametrize(
        "name", ["", ".hidden", "a/b", "../a", "-a", "_a", "a b", "a\n", "a" * 82, "ä", "a\0b", "/etc/passwd"]
    )
    def test_names_files_of_the_folder_alone(self, tmp_path: Path, name: str) -> None:
        document = manifest()
        document["files"][name] = ENTRY
        assert refusal(sealed(tmp_path, document)) == f"the manifest names the file {name!r}"

    @pytest.mark.parametrize("name", ["a", "A-b_c.d", "0", "a" * 81])
    def test_names_no_file_that_the_format_does_not_know(self, tmp_path: Path, name: str) -> None:
        document = manifest()
        document["files"][name] = ENTRY
        assert refusal(sealed(tmp_path, document)) == f"the manifest names {name}, which the format does not know"

    @pytest.mark.parametrize(
        "entry",
        [None, [], {"bytes": 1}, {"sha256": "0"}, {"sha256": "", "bytes": 1}, {"sha256": "0", "bytes": "1"}],
    )
    def test_gives_each_file_a_size_and_a_hash(self, tmp_path: Path, entry: Any) -> None:
        document = manifest()
        document["files"]["groups.npy"] = entry
        assert refusal(sealed(tmp_path, document)) == "the manifest's entry for groups.npy is incomplete"

    def test_lacks_no_file(self, tmp_path: Path) -> None:
        document = manifest()
        for name in ("weights.json", "groups.npy"):
            del document["files"][name]
        assert refusal(sealed(tmp_path, document)) == "the manifest lacks groups.npy, weights.json"

    @pytest.mark.parametrize("part", OPTIONAL_ARRAYS)
    def test_has_all_of_a_part_or_nothing(self, tmp_path: Path, part: str) -> None:
        names = [array_file(name) for name in OPTIONAL_ARRAYS[part]]
        document = manifest()
        document["files"] |= {name: dict(ENTRY) for name in names}
        assert read_manifest(sealed(tmp_path, document))
        assert has_part(document, part)
        if len(names) > 1:
            del document["files"][names[0]]
            assert refusal(sealed(tmp_path, document)).startswith("the manifest names only some of")
            assert not has_part(document, part)

    def test_matches_its_content_hash(self, tmp_path: Path) -> None:
        for document in (manifest(content_hash="0" * 64), manifest()):
            (tmp_path / MANIFEST).write_text(json.dumps(document))
            assert refusal(tmp_path) == "the manifest does not match its content hash"
        (tmp_path / MANIFEST).write_text(json.dumps({**manifest(), "seed": float("nan")}))
        assert refusal(tmp_path).startswith("the manifest holds what has no hash")


class TestContentHash:
    def test_leaves_out_when_where_and_what_was_before(self) -> None:
        document = manifest()
        more = dict.fromkeys(
            ("content_hash", "version", "created", "catalog_as_of_ms", "parent_version", "run"), "anything"
        )
        assert content_hash({**document, **more}) == content_hash(document)
        document["files"]["MODEL_CARD.md"] = {"sha256": "1", "bytes": 2}
        assert content_hash(document) == content_hash(manifest())

    @pytest.mark.parametrize("name", ["training_cutoff_ms", "seed", "metrics"])
    def test_takes_in_all_else(self, name: str) -> None:
        assert content_hash(manifest(**{name: 1})) != content_hash(manifest(**{name: 2}))

    def test_is_the_sha256_of_the_sorted_rest(self) -> None:
        text = b'{"files":{"a":{"b":1}},"z":"\xc3\xa4"}'
        assert canonical_json({"z": "ä", "files": {"a": {"b": 1}}}) == text
        assert content_hash({"z": "ä", "files": {"a": {"b": 1}}}) == hashlib.sha256(text).hexdigest()
        for value in (float("nan"), float("inf")):
            with pytest.raises(ValueError, match="JSON compliant"):
                canonical_json(value)


class TestWriting:
    def test_moves_a_file_into_its_place(self, tmp_path: Path) -> None:
        path = tmp_path / "a"
        path.write_bytes(b"old")
        with path.open("rb") as held:
            replace_file(path, lambda file: file.write(b"new") and None)
            assert held.read() == b"old"
        assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == {"a": b"new"}

    def test_says_of_each_file_what_it_is(self, tmp_path: Path) -> None:
        groups = np.asarray([[1, 2]], dtype=np.int64)
        written = write_files(
            tmp_path / "made" / "there", {"groups": groups[0]}, {"b.json": b"{}"}, {"created": "2026-01-02T03:04:05Z"}
        )
        raw = (tmp_path / "made" / "there" / "groups.npy").read_bytes()
        assert written["files"] == {
            "b.json": {"sha256": hashlib.sha256(b"{}").hexdigest(), "bytes": 2},
            "groups.npy": {"sha256": hashlib.sha256(raw).hexdigest(), "bytes": len(raw)},
        }
        assert written["arrays"] == {"groups": {"dtype": "int32", "shape": [2]}}
        assert written["format_version"] == 1
        assert written["content_hash"] == content_hash(written)
        assert written["version"] == f"20260102T030405Z-{written['content_hash'][:12]}"
        assert json.loads((tmp_path / "made" / "there" / MANIFEST).read_bytes()) == written
        assert np.load(tmp_path / "made" / "there" / "groups.npy").tolist() == [1, 2]

    def test_without_a_date_it_is_called_by_its_hash(self, tmp_path: Path) -> None:
        written = write_files(tmp_path, {}, {}, {})
        assert written["version"] == written["content_hash"][:12]

    def test_takes_away_what_was_of_the_snapshot_before_and_nothing_else(self, tmp_path: Path) -> None:
        folder = sealed(tmp_path, manifest())
        for name in ("groups.npy", "metrics.json", "somebody's"):
            (folder / name).write_bytes(b"old")
        write_files(folder, {}, {"metrics.json": b"new"}, {})
        assert {path.name for path in folder.iterdir()} == {MANIFEST, "metrics.json", "somebody's"}
        # What is damaged names nothing that could be taken away.
        (folder / MANIFEST).write_bytes(b"damaged")
        write_files(folder, {}, {}, {})
        assert {path.name for path in folder.iterdir()} == {MANIFEST, "metrics.json", "somebody's"}


class TestChecks:
    @pytest.fixture
    def document(self, tmp_path: Path) -> dict[str, Any]:
        (tmp_path / "a").write_bytes(b"contents")
        (tmp_path / "b").write_bytes(b"")
        return {
            "files": {
                name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
                for name, data in (("b", b""), ("a", b"contents"))
            }
        }

    def test_every_file_is_as_it_was(self, tmp_path: Path, document: dict[str, Any]) -> None:
        check_files(tmp_path, document)

    @pytest.mark.parametrize(
        ("damage", "found"),
        [
            (lambda path: path.unlink(), "a is missing"),
            (lambda path: path.write_bytes(b"content"), "a has 7 bytes, the manifest says 8"),
            (lambda path: path.write_bytes(b"contents."), "a has 9 bytes, the manifest says 8"),
            (lambda path: path.write_bytes(b"Contents"), "a does not match its sha256"),
        ],
    )
    def test_or_it_is_told(
        self, tmp_path: Path, document: dict[str, Any], damage: Callable[[Path], object], found: str
    ) -> None:
        damage(tmp_path / "a")
        with pytest.raises(SnapshotIntegrityError) as caught:
            check_files(tmp_path, document)
        assert str(caught.value) == found


def test_a_text_file_is_read_up_to_its_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert module.MAX_TEXT_BYTES == 67_108_864
    monkeypatch.setattr(module, "MAX_TEXT_BYTES", 8)
    (tmp_path / "a").write_bytes(b"12345678")
    assert read_text_file(tmp_path / "a") == b"12345678"
    (tmp_path / "a").write_bytes(b"123456789")
    with pytest.raises(SnapshotIntegrityError, match=r"^a is larger than 8 bytes$"):
        read_text_file(tmp_path / "a")


def header(descr: str, shape: str, order: str = "False", pad: int = 0) -> bytes:
    """As numpy writes one, with `pad` more spaces."""
    text = f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}".encode()
    text += b" " * (-(len(text) + 11) % 64 + pad) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


class TestArrays:
    def load(self, folder: Path, name: str, raw: bytes, sizes: dict[str, int] | None = None) -> Any:
        (folder / f"{name}.npy").write_bytes(raw)
        return load_array(folder, name, {} if sizes is None else sizes)

    def refused(self, folder: Path, name: str, raw: bytes, sizes: dict[str, int] | None = None) -> str:
        with pytest.raises(SnapshotIntegrityError) as caught:
            self.load(folder, name, raw, sizes)
        return str(caught.value)

    @pytest.mark.parametrize(
        ("name", "array"),
        [
            ("popularity", np.asarray([1, 2, 3], np.float32)),
            ("item_vectors_i8", np.asarray([[1, -2], [3, 4], [5, 6]], np.int8)),
            ("available", np.asarray([True, False, True])),
            ("price_edges", np.asarray([], np.float32)),
            ("item_vectors_f16", np.zeros((0, 4), np.float16)),
            ("tie_keys", np.asarray([7], np.uint32)),
        ],
    )
    def test_are_as_numpy_has_written_them(self, tmp_path: Path, name: str, array: Any) -> None:
        np.save(tmp_path / f"{name}.npy", array)
        sizes: dict[str, int] = {}
        found = load_array(tmp_path, name, sizes)
        assert found.dtype == array.dtype
        assert found.tolist() == array.tolist()
        assert found.shape == array.shape
        assert sizes.get("items", array.shape[0] if "edges" in name else -1) == array.shape[0]
        if array.size:
            base = found.base
            while isinstance(base, np.ndarray):
                base = base.base
            assert isinstance(base.obj, mmap.mmap)
            assert not found.flags.writeable

    def test_with_an_odd_header_are_read_as_numpy_reads_them(self, tmp_path: Path) -> None:
        data = np.asarray([1, 2], np.float32).tobytes()
        for raw in (
            header("<f4", "(2,)", pad=64),
            header("<f4", "(2,)", pad=3),
            b"\x93NUMPY\x01\x00\x3a\x00" + b"{'shape': (2,), 'fortran_order': False, 'descr': '<f4'}  \n",
        ):
            assert self.load(tmp_path, "popularity", raw + data).tolist() == [1, 2]

    @pytest.mark.parametrize(
        ("raw", "found"),
        [
            (header("<f8", "(2,)"), "popularity.npy holds float64, not float32"),
            (header(">f4", "(2,)"), "popularity.npy holds >f4, not float32"),
            (header("|O", "(2,)"), "popularity.npy holds object, not float32"),
            (header("<f4", "(2, 1)"), "popularity.npy has 2 axes, not 1"),
            (header("<f4", "()"), "popularity.npy has 0 axes, not 1"),
            (header("<f4", "(3,)"), "popularity.npy has shape (3,), but items is 2"),
            (header("<f4", "(-2,)"), "popularity.npy has shape (-2,), but items is 2"),
            (b"\x93NUMPY\x02\x00" + header("<f4", "(2,)")[8:], "popularity.npy is npy version (2, 0), not 1.0"),
            (b"\x93NUMPX\x01\x00" + header("<f4", "(2,)")[8:], "popularity.npy has no valid npy header"),
            (header("<f4", "(2,)")[:-9], "popularity.npy has no valid npy header"),
            (b"", "popularity.npy has no valid npy header"),
            (header("<f4", "(2,)", pad=2000), "popularity.npy has no valid npy header"),
        ],
    )
    def test_of_another_form_are_told(self, tmp_path: Path, raw: bytes, found: str) -> None:
        data = np.asarray([1, 2], np.float32).tobytes() if raw else b""
        assert self.refused(tmp_path, "popularity", raw + data, {"items": 2}) == found

    @pytest.mark.parametrize("length", [0, 1, 65_535])
    def test_whose_header_says_another_length_are_told(self, tmp_path: Path, length: int) -> None:
        whole = header("<f4", "(2,)")
        raw = whole[:8] + length.to_bytes(2, "little") + whole[10:] + np.asarray([1, 2], np.float32).tobytes()
        assert self.refused(tmp_path, "popularity", raw) == "popularity.npy has no valid npy header"

    @pytest.mark.parametrize("more", [-1, 1, 4])
    def test_that_are_shorter_or_longer_are_told(self, tmp_path: Path, more: int) -> None:
        head = header("<f4", "(2,)")
        said = f"popularity.npy has {len(head) + 8 + more} bytes, its header promises {len(head) + 8}"
        assert self.refused(tmp_path, "popularity", head + b"\0" * (8 + more)) == said

    def test_of_no_rows_hold_nothing(self, tmp_path: Path) -> None:
        assert self.load(tmp_path, "popularity", header("<f4", "(0,)")).shape == (0,)
        assert "promises" in self.refused(tmp_path, "popularity", header("<f4", "(0,)") + b"\0")

    def test_in_columns_are_told_but_for_a_single_one(self, tmp_path: Path) -> None:
        one = header("<f4", "(2,)", "True") + b"\0" * 8
        assert self.load(tmp_path, "popularity", one).shape == (2,)
        many = header("|i1", "(2, 2)", "True") + b"\0" * 4
        assert self.refused(tmp_path, "item_vectors_i8", many) == "item_vectors_i8.npy is in Fortran order"

    def test_share_their_sizes(self, tmp_path: Path) -> None:
        sizes = {"items": 2}
        assert self.load(tmp_path, "item_offsets", header("<i8", "(3,)") + b"\0" * 24, sizes).shape == (3,)
        said = "item_offsets.npy has shape (2,), but items+1 is 3"
        assert self.refused(tmp_path, "item_offsets", header("<i8", "(2,)") + b"\0" * 16, sizes) == said
        self.load(tmp_path, "item_vectors_i8", header("|i1", "(2, 4)") + b"\0" * 8, sizes)
        assert sizes == {"items": 2, "d_item": 4}
        said = "item_vectors_f16.npy has shape (2, 3), but d_item is 4"
        assert self.refused(tmp_path, "item_vectors_f16", header("<f2", "(2, 3)") + b"\0" * 12, sizes) == said

    def test_that_are_not_there_are_told(self, tmp_path: Path) -> None:
        with pytest.raises(SnapshotIntegrityError, match=r"^groups\.npy has no valid npy header$"):
            load_array(tmp_path, "groups", {})
