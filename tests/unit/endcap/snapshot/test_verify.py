"""What a promotion checks beyond a load, at the borders: each part by itself, on a snapshot in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from endcap.encoders.text import ENCODER_FILES
from endcap.encoders.user import USER_ENCODER_FILES
from endcap.errors import EncoderError, SnapshotIntegrityError
from endcap.snapshot import verify
from endcap.snapshot.snapshot import Quantized, Snapshot
from endcap.snapshot.verify import load_verified, verify_snapshot
from tests.fakes.toy_snapshot import build_toy_snapshot
from tests.fakes.toy_user_encoder import toy_user_encoder_files

N_ITEMS = 12


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return build_toy_snapshot(tmp_path_factory.mktemp("verified"), N_ITEMS)


@pytest.fixture(scope="module")
def trained(toy: Snapshot, tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    files = {name: (toy.directory / name).read_bytes() for name in ENCODER_FILES} | toy_user_encoder_files(
        toy.item_vectors_f16.shape[1]
    )
    return build_toy_snapshot(tmp_path_factory.mktemp("trained"), N_ITEMS, encoder_files=files)


@pytest.fixture
def refused(toy: Snapshot, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str | None]:
    """What is wrong with a snapshot, the toy one with `changes` unless it is given; None for nothing."""

    def ask(snapshot: Snapshot = toy, **changes: Any) -> str | None:
        changed = replace(snapshot, **changes)
        monkeypatch.setattr(verify, "load_snapshot", lambda _: changed)
        try:
            assert load_verified(Path("anywhere")) is changed
        except SnapshotIntegrityError as exc:
            return str(exc)
        return None

    return ask


Refused = Callable[..., str | None]


def test_a_sound_one_is_given_with_its_manifest(toy: Snapshot, trained: Snapshot) -> None:
    for snapshot in (toy, trained):
        assert verify_snapshot(snapshot.directory) == snapshot.manifest


class TestRows:
    @pytest.mark.parametrize("name", ["item", "text"])
    @pytest.mark.parametrize("scale", [0.0, -1.0, np.nan, np.inf])
    def test_have_a_scale(self, refused: Refused, name: str, scale: float) -> None:
        assert refused(**{f"{name}_scale": scale}) == f"{name}_vectors has an unusable scale"

    @pytest.mark.parametrize("name", ["item_vectors", "text_vectors"])
    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_are_finite(self, toy: Snapshot, refused: Refused, name: str, value: float) -> None:
        rows = np.array(getattr(toy, f"{name}_f16"))
        rows[-1, -1] = value
        assert refused(**{f"{name}_f16": rows}) == f"{name} holds a value that is not finite"

    @pytest.mark.parametrize(
        ("length", "passes"), [(0.0, True), (0.5, False), (0.965, False), (0.975, True), (1.025, True), (1.035, False)]
    )
    def test_have_a_length_of_one_or_none(self, toy: Snapshot, refused: Refused, length: float, passes: bool) -> None:
        fine = np.array(toy.item_vectors_f16, dtype=np.float32)
        fine[3] *= length / np.linalg.norm(fine[3])
        coarse = np.rint(fine / toy.item_scale).astype(np.int8)
        found = refused(item_vectors_f16=fine.astype(np.float16), item_vectors_i8=coarse)
        assert found == (None if passes else "item_vectors: a row has length != 1")

    @pytest.mark.parametrize(("step", "passes"), [(1, True), (-1, True), (3, False), (-3, False)])
    def test_are_the_same_in_both_widths(self, toy: Snapshot, refused: Refused, step: int, passes: bool) -> None:
        scale = 1 / 64
        coarse = np.zeros((N_ITEMS, 16), dtype=np.int8)
        coarse[:, 0] = 64
        fine = np.zeros((N_ITEMS, 16), dtype=np.float16)
        fine[:, 0] = 1
        moved = coarse.copy()
        moved[5, 1] = step
        found = refused(item_vectors_f16=fine, item_vectors_i8=moved, item_scale=scale)
        assert found == (None if passes else "item_vectors: int8 and fp16 rows differ")

    @pytest.mark.parametrize("row", range(N_ITEMS))
    def test_of_every_block_are_looked_at(
        self, toy: Snapshot, refused: Refused, monkeypatch: pytest.MonkeyPatch, row: int
    ) -> None:
        monkeypatch.setattr(verify, "BLOCK", 5)
        assert refused() is None
        coarse = np.array(toy.item_vectors_i8)
        coarse[row] = -coarse[row]
        assert refused(item_vectors_i8=coarse) == "item_vectors: int8 and fp16 rows differ"

    @pytest.mark.parametrize("part", ["described", "image"])
    def test_of_later_parts_are_looked_at_too(self, toy: Snapshot, refused: Refused, part: str) -> None:
        good = Quantized(np.asarray(toy.text_vectors_i8), np.asarray(toy.text_vectors_f16), toy.text_scale)
        assert refused(**{part: good}) is None
        assert refused(**{part: good._replace(scale=0.0)}) == f"{part}_vectors has an unusable scale"


class TestDocuments:
    def test_stand_at_their_offsets(self, toy: Snapshot, refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
        document = type(toy).document
        monkeypatch.setattr(type(toy), "document", lambda one, row: document(one, 0 if row == N_ITEMS - 1 else row))
        assert refused() == "an item's document is not at its offset"

    @pytest.mark.parametrize("error", [EncoderError("so"), ValueError("so"), OSError("so")])
    def test_that_can_not_be_read_are_told(
        self, toy: Snapshot, refused: Refused, monkeypatch: pytest.MonkeyPatch, error: Exception
    ) -> None:
        def document(one: Snapshot, row: int) -> Any:
            raise error

        monkeypatch.setattr(type(toy), "document", document)
        assert refused() == "the snapshot's encoder or catalogue is unusable: so"


class TestDerived:
    def test_ids_lead_to_their_rows(self, toy: Snapshot, refused: Refused) -> None:
        assert toy.tie_keys is not None
        assert refused(tie_keys=None) is None
        assert refused(tie_keys=np.asarray(toy.tie_keys) + np.uint32(1)) == "the tie keys are not the ids'"

    def test_an_id_that_leads_elsewhere_is_told(
        self, toy: Snapshot, refused: Refused, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Ids(list[str]):
            def row(self, item_id: str) -> int:
                return 0

        assert refused(item_ids=Ids(toy.item_ids)) == "an id leads to another row"

    @pytest.mark.parametrize("part", ["words", "numbers"])
    @pytest.mark.parametrize("name", ["hashes", "indptr", "items"])
    def test_words_are_those_of_the_items(self, toy: Snapshot, refused: Refused, part: str, name: str) -> None:
        assert toy.lexical is not None
        postings = getattr(toy.lexical, part)
        other = replace(postings, **{name: np.append(np.asarray(getattr(postings, name)), [0])})
        assert refused(lexical=replace(toy.lexical, **{part: other})) == "the words are not those of the items"
        assert refused(lexical=None) is None

    @pytest.mark.parametrize("name", ["text", "offsets", "items"])
    def test_codes_are_those_of_the_items(self, toy: Snapshot, refused: Refused, name: str) -> None:
        assert toy.lexical is not None
        assert toy.lexical.codes is not None
        other = replace(toy.lexical.codes, **{name: np.append(np.asarray(getattr(toy.lexical.codes, name)), [0])})
        assert refused(lexical=replace(toy.lexical, codes=other)) == "the codes are not those of the items"

    @pytest.mark.parametrize(
        ("step", "factor", "passes"),
        [(0, 1.0, True), (1, 1.0, True), (-1, 1.0, True), (2, 1.0, False), (0, 1.0005, True), (0, 1.002, False)],
    )
    def test_whitened_rows_are_the_texts(
        self, toy: Snapshot, refused: Refused, step: int, factor: float, passes: bool
    ) -> None:
        coarse, scale = verify.coarse_white(toy.text_vectors_f16, toy.whitening_mean, toy.whitening_projection)
        moved = coarse.copy()
        moved[2, 2] += step if abs(int(moved[2, 2]) + step) < 127 else -step
        problem = "the whitened rows are not the texts'"
        assert refused(white=(moved, scale * factor)) == (None if passes else problem)
        assert refused(white=(coarse[:-1], scale)) == problem


class TestEncoders:
    def without(self, snapshot: Snapshot, *names: str) -> dict[str, Any]:
        files = {name: entry for name, entry in snapshot.manifest["files"].items() if name not in names}
        return {"manifest": {**snapshot.manifest, "files": files}}

    @pytest.mark.parametrize("name", ENCODER_FILES)
    def test_come_with_all_of_their_files(self, toy: Snapshot, refused: Refused, name: str) -> None:
        assert refused(**self.without(toy, name)) is not None

    def test_may_lack(self, toy: Snapshot, refused: Refused) -> None:
        assert refused(**self.without(toy, *ENCODER_FILES)) is None

    def test_give_vectors_of_the_snapshots_width(self, toy: Snapshot, refused: Refused) -> None:
        width = toy.manifest["dims"]["text"] + 1
        other = {**toy.manifest, "dims": {**toy.manifest["dims"], "text": width}}
        assert refused(manifest=other) == f"the encoder does not give {width} numbers"

    @pytest.mark.parametrize("name", USER_ENCODER_FILES)
    def test_of_shoppers_come_with_all_of_their_files(self, trained: Snapshot, refused: Refused, name: str) -> None:
        assert refused(trained) is None
        assert refused(trained, **self.without(trained, name)) == "the user encoder's files are incomplete"
        assert refused(trained, **self.without(trained, *USER_ENCODER_FILES)) is None

    @pytest.mark.parametrize("error", [EncoderError("so"), ValueError("so"), OSError("so")])
    def test_of_shoppers_that_can_not_be_read_are_told(
        self, trained: Snapshot, refused: Refused, monkeypatch: pytest.MonkeyPatch, error: Exception
    ) -> None:
        def read(*_: object) -> Any:
            raise error

        monkeypatch.setattr(verify.UserEncoder, "from_bytes", read)
        assert refused(trained) == "the snapshot's user encoder is unusable: so"

    def test_of_shoppers_live_where_the_items_do(self, trained: Snapshot, refused: Refused) -> None:
        wide = np.concatenate([np.asarray(trained.item_vectors_f16), np.zeros((N_ITEMS, 1), np.float16)], axis=1)
        coarse = np.concatenate([np.asarray(trained.item_vectors_i8), np.zeros((N_ITEMS, 1), np.int8)], axis=1)
        problem = "the user encoder lives in another space than the items"
        assert refused(trained, item_vectors_f16=wide, item_vectors_i8=coarse) == problem
