"""Text vectors and their cache, whitening, wording, columns, and resumable steps."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from endcap.catalog.item import Item
from endcap.encoders.text import TextEncoder
from endcap.errors import InvalidInputError
from endcap.snapshot.parts import empty_list
from endcap_rebuild.behaviour.tfidf import wording_matrix
from endcap_rebuild.data.columns import PRICE_BANDS, columns_of
from endcap_rebuild.settings import no_progress
from endcap_rebuild.steps.runner import Outputs, Step, json_array, json_value, list_arrays, lists_of, run_steps
from endcap_rebuild.text.vectors import TextVectorCache
from endcap_rebuild.text.whitening import fit_whitening
from tests.fakes.toy_snapshot import TINY_ENCODER


class CountingEncoder:
    """The tiny encoder, counting what it is asked for."""

    def __init__(self) -> None:
        self.encoder = TextEncoder.from_dir(TINY_ENCODER)
        self.sha256, self.d_text = self.encoder.sha256, self.encoder.d_text
        self.texts: list[str] = []

    def encode_many(self, texts: list[str], progress: object = None, threads: int = 1) -> np.ndarray:  # type: ignore[type-arg]
        self.texts += texts
        return self.encoder.encode_many(texts, progress, threads)  # type: ignore[arg-type]


# ------------------------------------------------------------------ text vectors


def test_no_text_is_encoded_twice(tmp_path: Path) -> None:
    encoder = CountingEncoder()
    first = TextVectorCache(tmp_path, encoder).vectors(["red mug", "blue mug", "red mug"])  # type: ignore[arg-type]
    again = TextVectorCache(tmp_path, encoder).vectors(["blue mug", "green lamp", "red mug"])  # type: ignore[arg-type]
    assert encoder.texts == ["red mug", "blue mug", "green lamp"]
    np.testing.assert_array_equal(first[[1, 0]], again[[0, 2]])
    np.testing.assert_array_equal(again[1], encoder.encoder.encode("green lamp"))


def test_empty_text_has_a_zero_row_and_is_not_encoded(tmp_path: Path) -> None:
    encoder = CountingEncoder()
    rows = TextVectorCache(tmp_path, encoder).vectors(["", "mug"])  # type: ignore[arg-type]
    assert not rows[0].any()
    assert encoder.texts == ["mug"]


def test_damaged_block_is_encoded_again(tmp_path: Path) -> None:
    encoder = CountingEncoder()
    TextVectorCache(tmp_path, encoder).vectors(["red mug"])  # type: ignore[arg-type]
    (block,) = tmp_path.rglob("*.npz")
    block.write_bytes(block.read_bytes()[:100])
    TextVectorCache(tmp_path, encoder).vectors(["red mug"])  # type: ignore[arg-type]
    assert encoder.texts == ["red mug", "red mug"]


def test_progress_counts_what_is_missing(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    cache = TextVectorCache(tmp_path, CountingEncoder())  # type: ignore[arg-type]
    cache.vectors(["a", "b", "c"], lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


# ------------------------------------------------------------------ whitening


def test_whitened_vectors_are_centred_and_of_equal_spread() -> None:
    chance = np.random.default_rng(0)
    raw = (chance.normal(size=(500, 6)) * [5, 3, 1, 1, 0.5, 0.1] + 2).astype(np.float32)
    whitening = fit_whitening(raw, 4)
    projected = (raw - whitening.mean) @ whitening.projection
    np.testing.assert_allclose(projected.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(projected.std(axis=0), 1, atol=0.01)
    np.testing.assert_allclose(np.linalg.norm(whitening.apply(raw), axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize(("rows", "dim"), [(1, 4), (2, 1), (3, 2), (50, 4)])
def test_small_catalogues_have_fewer_dimensions(rows: int, dim: int) -> None:
    raw = np.random.default_rng(1).normal(size=(rows, 5)).astype(np.float32)
    whitening = fit_whitening(raw, 4)
    assert whitening.projection.shape == (5, dim)
    assert np.isfinite(whitening.apply(raw)).all()


def test_items_without_text_stay_zero_and_do_not_shift_the_mean() -> None:
    raw = np.random.default_rng(2).normal(size=(20, 4)).astype(np.float32)
    padded = np.vstack([raw, np.zeros((30, 4), dtype=np.float32)])
    np.testing.assert_array_equal(fit_whitening(padded, 3).projection, fit_whitening(raw, 3).projection)
    assert not fit_whitening(padded, 3).apply(padded)[20:].any()


def test_equal_texts_do_not_blow_up() -> None:
    whitening = fit_whitening(np.ones((9, 4), dtype=np.float32), 3)
    assert np.isfinite(whitening.projection).all()


# ------------------------------------------------------------------ wording


def test_shared_rare_words_make_neighbours() -> None:
    titles = ["Ardell lash glue", "Ardell lash brush", "lamp glue", "desk lamp", "garden chair", "office chair"]
    matrix = wording_matrix([Item(str(k), title) for k, title in enumerate(titles)], 10).toarray()
    assert matrix[0].argmax() == 1
    assert matrix[0, 2] > matrix[0, 4] == 0
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-6)
    assert not np.diag(matrix).any()


def test_chinese_titles_share_bigrams() -> None:
    titles = ["纯棉四件套", "刺绣四件套", "羊毛被"]
    matrix = wording_matrix([Item(str(k), title) for k, title in enumerate(titles)], 10).toarray()
    assert matrix[0, 1] > 0 == matrix[0, 2]


def test_items_without_words_have_no_neighbours() -> None:
    assert wording_matrix([Item("a"), Item("b")], 5).nnz == 0
    assert wording_matrix([], 5).shape == (0, 0)


# ------------------------------------------------------------------ columns


def test_price_bands_are_quantiles_of_the_catalogue() -> None:
    columns = columns_of([Item(str(k), price=float(k)) for k in range(80)] + [Item("free")])
    counts = np.bincount(columns.price_band[:80])
    assert len(counts) == PRICE_BANDS
    assert counts.min() >= 9
    assert columns.price_band[80] == -1


def test_few_or_equal_prices_make_one_band() -> None:
    assert set(columns_of([Item(str(k), price=float(k)) for k in range(5)]).price_band.tolist()) == {0}
    assert set(columns_of([Item(str(k), price=2.0) for k in range(50)]).price_band.tolist()) == {0}


def test_brands_and_categories_are_numbered_once() -> None:
    items = [Item("a", brand="X", categories=("p", "q")), Item("b", categories=("q",)), Item("c", brand="X")]
    columns = columns_of(items)
    assert (columns.brand.tolist(), columns.brands) == ([0, -1, 0], ("X",))
    assert columns.category_indptr.tolist() == [0, 2, 3, 3]
    assert [columns.categories[k] for k in columns.category_indices] == ["p", "q", "q"]


# ------------------------------------------------------------------ steps


def steps(calls: list[str]) -> list[Step[int]]:
    def first(job: int, _: Mapping[str, Outputs]) -> Outputs:
        calls.append("first")
        return {"x": np.array([job])}

    def second(job: int, needed: Mapping[str, Outputs]) -> Outputs:
        calls.append("second")
        return {"y": needed["first"]["x"] + job}

    return [Step("first", first), Step("second", second, needs=("first",), settings=("seed",))]


def test_steps_run_in_order_and_see_what_they_need() -> None:
    outputs = run_steps(steps([]), 3, {"seed": 0}, "data", None, no_progress)
    assert outputs["second"]["y"].tolist() == [6]


def test_finished_steps_are_not_run_again(tmp_path: Path) -> None:
    calls: list[str] = []
    for _ in range(2):
        outputs = run_steps(steps(calls), 3, {"seed": 0}, "data", tmp_path, no_progress)
    assert calls == ["first", "second"]
    assert outputs["second"]["y"].tolist() == [6]


def test_only_steps_that_read_a_changed_setting_run_again(tmp_path: Path) -> None:
    calls: list[str] = []
    for seed in (0, 1):
        run_steps(steps(calls), 3, {"seed": seed}, "data", tmp_path, no_progress)
    assert calls == ["first", "second", "second"]


def test_other_data_runs_everything_again(tmp_path: Path) -> None:
    calls: list[str] = []
    for data in ("a", "b"):
        run_steps(steps(calls), 3, {"seed": 0}, data, tmp_path, no_progress)
    assert calls == ["first", "second"] * 2


def test_cut_off_output_is_made_again(tmp_path: Path) -> None:
    calls: list[str] = []
    run_steps(steps(calls), 3, {"seed": 0}, "data", tmp_path, no_progress)
    for path in tmp_path.glob("second-*"):
        path.write_bytes(path.read_bytes()[:40])
    run_steps(steps(calls), 3, {"seed": 0}, "data", tmp_path, no_progress)
    assert calls == ["first", "second", "second"]


def test_step_before_what_it_needs_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="second needs first"):
        run_steps(steps([])[::-1], 3, {"seed": 0}, "data", None, no_progress)


def test_json_and_lists_survive_as_outputs() -> None:
    assert json_value(json_array({"a": [1, None, "ü"]})) == {"a": [1, None, "ü"]}
    lists = lists_of({**list_arrays({"next": empty_list(3), "wording": empty_list(3)}), "other": np.zeros(1)})
    assert sorted(lists) == ["next", "wording"]
    assert lists["next"].indptr.tolist() == [0, 0, 0, 0]
