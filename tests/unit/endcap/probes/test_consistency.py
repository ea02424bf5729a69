"""Whether parts of a snapshot that say different things are found, each by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from endcap.errors import InvalidItemError
from endcap.probes import consistency
from endcap.probes.consistency import Differences, differences, items_alike, largest, texts_alike, told_apart
from endcap.snapshot.parts import ContextDemand, ItemList
from endcap.snapshot.snapshot import Snapshot
from tests.fakes.toy_snapshot import CUTOFF_MS, build_toy_snapshot
from tests.fakes.toy_user_encoder import toy_user_encoder_files

N_ITEMS = 40
NOW_MS = CUTOFF_MS + 5_000


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return build_toy_snapshot(tmp_path_factory.mktemp("plain"), N_ITEMS)


@pytest.fixture(scope="module")
def trained(plain: Snapshot, tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    names = ("text_encoder.onnx", "tokenizer.json", "encoder.json")
    files = {name: (plain.directory / name).read_bytes() for name in names} | toy_user_encoder_files()
    return build_toy_snapshot(tmp_path_factory.mktemp("trained"), N_ITEMS, encoder_files=files)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return build_toy_snapshot(tmp_path_factory.mktemp("bare"), N_ITEMS, encoder_files={}, encoder_name="")


class TestDocuments:
    @pytest.fixture
    def saying(self, plain: Snapshot, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Differences]:
        """Differences once documents of some rows say something else; None for what is no item."""
        document = type(plain).document

        def found(snapshot: Snapshot = plain, **said: dict[str, Any] | None) -> Differences:
            def other(self: Snapshot, row: int) -> dict[str, Any]:
                change = said.get(f"row_{row}", {})
                if change is None:
                    raise InvalidItemError([])
                return {**document(self, row), **change}

            monkeypatch.setattr(type(plain), "document", other)
            return differences(snapshot)

        return found

    def test_are_read_to_the_end_behind_one_that_is_no_item(self, saying: Callable[..., Differences]) -> None:
        assert saying() == Differences(0, 0, 0)
        assert saying(row_3=None, row_5={"price": 99.0}, row_39=None) == Differences(2, 1, 0)

    @pytest.mark.parametrize(
        "said",
        [
            {"price": None},
            {"price": 4.00001},
            {"brand": ""},
            {"brand": "Brook"},
            {"categories": ["home"]},
            {"categories": ["home", "bath", "toys"]},
            {"available": False},
            {"expires_at": "2030-01-01T00:00:00Z"},
            {"created_at": "2030-01-01T00:00:00Z"},
            {"created_at": None},
        ],
    )
    def test_that_say_other_than_the_columns_count_once(
        self, saying: Callable[..., Differences], said: dict[str, Any]
    ) -> None:
        assert saying(row_8=said) == Differences(0, 1, 0)

    def test_may_name_categories_in_any_order(self, saying: Callable[..., Differences]) -> None:
        assert saying(row_8={"categories": ["office", "home"], "title": "another"}) == Differences(0, 0, 0)

    def test_prices_are_as_near_as_a_column_keeps_them(
        self, plain: Snapshot, saying: Callable[..., Differences]
    ) -> None:
        price = np.array(plain.columns.price)
        price[8] = 0.1
        other = replace(plain, columns=replace(plain.columns, price=price))
        assert saying(other, row_8={"price": 0.1}) == Differences(0, 0, 0)
        price[8] = np.nan
        assert saying(replace(plain, columns=replace(plain.columns, price=price)), row_8={"price": None}).columns == 0

    def test_groups_are_one_for_one(self, plain: Snapshot, saying: Callable[..., Differences]) -> None:
        groups = np.array(plain.groups)
        groups[9] = groups[8]
        other = replace(plain, groups=groups)
        shared = {"row_8": {"group_id": "g"}, "row_9": {"group_id": "g"}}
        assert saying(other, **shared) == Differences(0, 0, 0)
        # One number for two names, and one name for two numbers.
        assert saying(other) == Differences(0, 0, 1)
        assert saying(plain, **shared) == Differences(0, 0, 1)


class TestVectors:
    def test_of_the_texts_are_alike(self, plain: Snapshot) -> None:
        steps: list[str] = []
        assert texts_alike(plain, steps.append) == pytest.approx(1.0, abs=0.01)
        assert items_alike(plain) == pytest.approx(1.0, abs=0.01)
        assert (len(steps), steps[0], steps[-1]) == (16, "the text of item 0", "the text of item 39")

    def test_of_other_items_have_nothing_in_common(self, plain: Snapshot) -> None:
        rolled = np.roll(np.asarray(plain.text_vectors_f16), 1, axis=0)
        assert texts_alike(replace(plain, text_vectors_f16=rolled), lambda _: None) == pytest.approx(0, abs=0.45)
        items = np.roll(np.asarray(plain.item_vectors_f16), 7, axis=0)
        assert items_alike(replace(plain, item_vectors_f16=items)) == pytest.approx(0, abs=0.45)

    def test_of_a_part_are_half_as_alike(self, plain: Snapshot) -> None:
        stored = np.asarray(plain.item_vectors_f16)
        half = items_alike(replace(plain, item_vectors_f16=stored * np.float16(0.5)))
        apart = float(
            np.median(np.vecdot(*(np.float32(v) for v in (_sampled(stored), np.roll(_sampled(stored), 1, axis=0)))))
        )
        assert half == pytest.approx((0.5 - apart) / (1 - apart), abs=0.01)

    def test_without_an_encoder_there_is_nothing_to_compare(self, bare: Snapshot, trained: Snapshot) -> None:
        assert texts_alike(bare, lambda _: None) is None
        assert items_alike(bare) is None
        assert items_alike(trained) is None
        assert texts_alike(trained, lambda _: None) == pytest.approx(1.0, abs=0.01)

    def test_of_fewer_than_four_texts_say_nothing(self, plain: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
        document = type(plain).document
        for n, said in ((3, None), (4, pytest.approx(1.0, abs=0.01))):
            keeps = [0, 2, 5, 7][:n]

            def some(self: Snapshot, row: int, keeps: list[int] = keeps) -> dict[str, Any]:
                if row not in keeps:
                    raise InvalidItemError([])
                return document(self, row)

            monkeypatch.setattr(type(plain), "document", some)
            assert texts_alike(plain, lambda _: None) == said

    def test_of_items_without_a_text_are_passed_over(self, plain: Snapshot) -> None:
        texts = np.array(plain.text_vectors_f16)
        texts[::2] = 0
        items = np.array(plain.item_vectors_f16)
        items[::2] = 1
        blank = replace(plain, text_vectors_f16=texts, item_vectors_f16=items)
        assert items_alike(blank) == pytest.approx(1.0, abs=0.01)

    def test_that_are_all_the_same_say_nothing(self, plain: Snapshot) -> None:
        texts = np.repeat(np.asarray(plain.text_vectors_f16)[:1], N_ITEMS, axis=0)
        same = np.repeat(np.asarray(plain.item_vectors_f16)[:1], N_ITEMS, axis=0)
        assert items_alike(replace(plain, text_vectors_f16=texts, item_vectors_f16=same)) is None


def _sampled(rows: Any) -> Any:
    return rows[np.unique(np.linspace(0, len(rows) - 1, 16).astype(np.int64))]


class TestLargest:
    def test_numbers_are_told_whatever_their_sign(self, plain: Snapshot) -> None:
        def lists(value: float) -> dict[str, ItemList]:
            rows = plain.lists["next"]
            weights = np.array(rows.weights)
            weights[3] = value
            return {"next": replace(rows, weights=weights)}

        empty = np.zeros(0, dtype=np.float32)
        other = replace(
            plain,
            popularity=np.float32([1, -7, 3]),
            trend=empty,
            lists=lists(-5.0),
        )
        assert largest(other) == {"popularity": 7.0, "trend": 0.0, "list next": 5.0}
        assert set(largest(plain)) == {"popularity", "trend", *(f"list {name}" for name in plain.lists)}

    def test_demand_by_context_counts(self, plain: Snapshot) -> None:
        rows = plain.lists["next"]
        demand = ContextDemand(
            (("country", "AT"),), np.float32([1]), items=replace(rows, weights=np.float16(rows.weights * 3))
        )
        assert largest(replace(plain, contexts=demand, lists={}))["contexts"] == 3.0


class TestToldApart:
    def test_what_differs_is_told_apart(self, plain: Snapshot, trained: Snapshot, bare: Snapshot) -> None:
        assert told_apart(plain, NOW_MS) == {"texts": True}
        assert told_apart(trained, NOW_MS) == {"texts": True, "shoppers": True}
        assert told_apart(bare, NOW_MS) == {}

    def test_an_encoder_that_says_the_same_of_all_is_found(
        self, trained: Snapshot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        one = np.full(16, 0.25, dtype=np.float32)
        monkeypatch.setattr(consistency, "user_vector_of", lambda *_: one)
        monkeypatch.setattr(type(trained.encoder), "encode", lambda *_: one)
        assert told_apart(trained, NOW_MS) == {"texts": False, "shoppers": False}

    @pytest.mark.parametrize(("step", "apart"), [(0.9e-4, False), (1.1e-4, True)])
    def test_by_more_than_a_ten_thousandth(
        self, trained: Snapshot, monkeypatch: pytest.MonkeyPatch, step: float, apart: bool
    ) -> None:
        asked: list[int] = []

        def vector(*_: object) -> Any:
            asked.append(1)
            return np.float32([step if len(asked) == 3 else 0.0, 0.0])

        monkeypatch.setattr(consistency, "user_vector_of", vector)
        assert told_apart(trained, NOW_MS)["shoppers"] is apart
        assert len(asked) == 16

    def test_shoppers_of_whom_the_encoder_says_nothing_are_none(
        self, trained: Snapshot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for n, said in ((3, {"texts": True}), (4, {"texts": True, "shoppers": True})):
            vectors = iter([np.eye(16, dtype=np.float32)[k] if k < n else None for k in range(16)])
            monkeypatch.setattr(consistency, "user_vector_of", lambda *_, vectors=vectors: next(vectors))
            assert told_apart(trained, NOW_MS) == said

    def test_where_items_do_not_differ_shoppers_need_not(self, trained: Snapshot) -> None:
        same = np.ones_like(np.asarray(trained.item_vectors_f16))
        assert told_apart(replace(trained, item_vectors_f16=same), NOW_MS) == {"texts": True}

    def test_each_shopper_has_looked_at_one_item_a_minute_ago(
        self, trained: Snapshot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen: list[int] = []

        def vector(profile: Any, *_: object) -> Any:
            (entry,) = profile.interactions
            seen.append(entry.timestamp_ms)
            return np.float32([len(seen)])

        monkeypatch.setattr(consistency, "user_vector_of", vector)
        told_apart(trained, NOW_MS)
        assert seen == [NOW_MS - 60_000] * 16
