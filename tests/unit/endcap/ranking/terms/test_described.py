"""What was written about the items as a vector of its own: served where it weighs something, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from endcap.arrays import F32
from endcap.catalog.item import Item, item_text
from endcap.catalog.row import GENERATED_TAGS, Generated
from endcap.encoders.quantize import quantize_unit
from endcap.errors import SnapshotIntegrityError
from endcap.events.interaction import Interaction
from endcap.index.index import index_of
from endcap.index.overlay import ChangedItem, Overlay
from endcap.index.vectors import without_mean
from endcap.profiles.profile import EMPTY_PROFILE, UserProfile, profile_of
from endcap.ranking.terms.registry import TERMS
from endcap.recommend.pipeline import prepared, recommend
from endcap.recommend.request import RecommendationRequest
from endcap.snapshot.described import described_by
from endcap.snapshot.parts import TermWeight, Weights
from endcap.snapshot.snapshot import Snapshot
from endcap.snapshot.verify import verify_snapshot
from tests.fakes.toy_snapshot import CUTOFF_MS, build_toy_snapshot, toy_contents

N = 40
ROWS = [TERMS.index(name) for name in ("described", "described_query")]
LIKED = profile_of([Interaction("e", "u", "like", CUTOFF_MS - 1000, "item-7")], None)


@pytest.fixture(scope="module")
def vectors() -> F32:
    """What was written: even and odd items are of two kinds, and of item 3 nothing is known."""
    dim = toy_contents(N).text_vectors.shape[1]
    kinds = np.random.default_rng(1).normal(size=(2, dim)).astype(np.float32)
    rows = without_mean(kinds[np.arange(N) % 2] * 1.0, np.zeros(dim, dtype=np.float32))
    rows[3] = 0
    return rows


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory, vectors: F32) -> Snapshot:
    weights = Weights({"text": TermWeight(0.5), "described": TermWeight(5.0, 1.0), "described_query": TermWeight(0.0)})
    folder = tmp_path_factory.mktemp("described")
    found = build_toy_snapshot(folder, N, described=vectors, weights=weights)
    verify_snapshot(folder)
    return found


def shares(
    snapshot: Snapshot, profile: UserProfile, request: RecommendationRequest, overlay: Overlay | None = None
) -> F32:
    made = prepared(snapshot, profile, request, CUTOFF_MS, overlay)
    return np.asarray(made.scores.contributions(np.arange(made.index.n_items)))[ROWS]


def test_items_of_the_kind_of_a_liked_one_come_first(snapshot: Snapshot) -> None:
    found = recommend(snapshot, LIKED, RecommendationRequest(limit=15), CUTOFF_MS)
    numbers = [int(item.item_id.removeprefix("item-")) for item in found.items]
    assert all(number % 2 for number in numbers)
    assert 3 not in numbers
    reasons = [reason for reason in found.items[0].reasons if reason.kind == "described"]
    assert reasons[0].evidence[0].item_id == "item-7"
    assert "Similar in kind and use to" in reasons[0].text


def test_what_weighs_nothing_says_nothing(snapshot: Snapshot, tmp_path: Path) -> None:
    plain = build_toy_snapshot(tmp_path, N)
    query = RecommendationRequest(query="red mug")
    assert not shares(plain, LIKED, query).any()
    assert plain.described is None
    assert not shares(snapshot, EMPTY_PROFILE, query).any()
    weighed = replace(query, weights={"described_query": 1.0})
    assert shares(snapshot, EMPTY_PROFILE, weighed)[1].any()


def test_what_has_changed_since_is_not_what_was_described(snapshot: Snapshot) -> None:
    changed = [Item("item-9", "Quite another thing"), Item("fresh", "A new thing")]
    overlay = Overlay(snapshot, [ChangedItem(item.item_id, CUTOFF_MS, item) for item in changed])
    made = shares(snapshot, LIKED, RecommendationRequest(), overlay)[0]
    assert made[snapshot.index["item-9"]] == 0
    assert made[N] == 0
    assert made[snapshot.index["item-11"]] > 0


def test_a_language_may_count_less(tmp_path: Path, vectors: F32) -> None:
    weights = Weights(
        {"text": TermWeight(0.5), "described": TermWeight(5.0, 1.0), "described_query": TermWeight(1.0, 1.0)}
    )
    pairs = np.ones((N, 2), dtype=np.float32)
    pairs[9], pairs[11] = (0.5, 0.0), (0.0, 0.25)
    found = [
        build_toy_snapshot(tmp_path / name, N, described=vectors, weights=weights, described_shares=own)
        for name, own in (("all", None), ("less", pairs))
    ]
    for request in (RecommendationRequest(), RecommendationRequest(query="red mug")):
        whole, less = (shares(one, LIKED, request) for one in found)
        np.testing.assert_allclose(less[0], whole[0] * pairs[:, 0], atol=1e-6)
        np.testing.assert_allclose(less[1], whole[1] * pairs[:, 1], atol=1e-6)
    weight = []
    for one in found:
        listed = recommend(one, LIKED, RecommendationRequest(limit=N), CUTOFF_MS).items
        (item,) = [item for item in listed if item.item_id == "item-9"]
        weight.append(sum(reason.weight for reason in item.reasons if reason.kind == "described"))
    assert weight[1] == pytest.approx(weight[0] / 2, rel=1e-3)
    verify_snapshot(tmp_path / "less")


@pytest.mark.parametrize(("pairs", "message"), [(np.full((N, 2), np.nan), "finite"), (np.ones((N, 3)), "two terms")])
def test_shares_that_are_none_are_refused(tmp_path: Path, vectors: F32, pairs: F32, message: str) -> None:
    with pytest.raises(SnapshotIntegrityError, match=message):
        build_toy_snapshot(tmp_path, N, described=vectors, described_shares=pairs.astype(np.float32))


class TestDescribedSince:
    """What is written about items after the snapshot counts as what was written before."""

    BY: ClassVar = {
        "enrichment": {
            "writer": "rules:1",
            "prompt": "enrich-1",
            "fields": ["kind", "uses"],
            "shares": {"zh": [0.0, 0.5]},
            "other_shares": [1.0, 1.0],
        }
    }

    @pytest.fixture
    def own(self, tmp_path: Path) -> Snapshot:
        """Items described by their own texts."""
        contents = toy_contents(N)
        return build_toy_snapshot(
            tmp_path,
            N,
            described=without_mean(contents.text_vectors, contents.whitening_mean),
            described_mean=contents.whitening_mean,
            metrics=self.BY,
            weights=Weights({"text": TermWeight(0.5), "described": TermWeight(5.0, 1.0)}),
        )

    @staticmethod
    def row(own: Snapshot, item: Item, about: str, tag: bytes | None = None) -> ChangedItem:
        tables = index_of(own).tables
        encoder = own.encoder
        assert encoder is not None
        assert tables.described_tag is not None
        text, told = (quantize_unit(encoder.encode(words)).tobytes() for words in (item_text(item), about))
        generated = Generated("key", {GENERATED_TAGS: ("gift",)}, tag or tables.described_tag, told)
        return ChangedItem(item.item_id, CUTOFF_MS, item, text, tables.item_tag, generated)

    def test_it_has_a_vector_and_tags(self, own: Snapshot) -> None:
        like = own.document(own.index["item-7"])["title"]
        item = Item("fresh", like, attributes={"colour": ("red",)})
        overlay = Overlay(own, [self.row(own, item, like)])
        assert shares(own, LIKED, RecommendationRequest(), overlay)[0, N] > 0
        index = overlay.index
        assert index.document(N)["attributes"] == {GENERATED_TAGS: ["gift"], "colour": ["red"]}

    def test_what_is_of_another_kind_or_about_something_else_does_not_count(self, own: Snapshot) -> None:
        title = own.document(own.index["item-7"])["title"]
        plain = replace(self.row(own, Item("fresh", title), title), generated=None)
        for row in (
            self.row(own, Item("fresh", title), title, b"othe"),
            plain,
            replace(self.row(own, Item("fresh", title), title), vector=None, tag=None),
        ):
            assert shares(own, LIKED, RecommendationRequest(), Overlay(own, [row]))[0, N] == 0
        encoder = own.encoder
        assert encoder is not None
        item = Item("fresh", title)
        others = [own.document(row)["title"] for row in range(N)]
        near = [float(encoder.encode(other) @ encoder.encode(item_text(item))) for other in others]
        farthest = others[int(np.argmin(near))]
        about = shares(own, LIKED, RecommendationRequest(), Overlay(own, [self.row(own, item, farthest)]))
        assert about[0, N] == 0

    def test_it_counts_as_its_language_does(self, own: Snapshot) -> None:
        title = own.document(own.index["item-7"])["title"]
        item = Item("fresh", title, language="zh")
        assert shares(own, LIKED, RecommendationRequest(), Overlay(own, [self.row(own, item, title)]))[0, N] == 0

    def test_the_order_in_which_rows_are_read_does_not_matter(self, own: Snapshot) -> None:
        title = own.document(own.index["item-7"])["title"]
        rows = [self.row(own, Item("fresh", title), title), ChangedItem("other", CUTOFF_MS + 1, Item("other", "Lamp"))]
        rows.append(replace(rows[0], generated=None))
        one, two = Overlay(own, rows), Overlay(own, rows[:1]).with_rows(rows[1:])
        three = Overlay(own, rows[::-1])
        for other in (two, three):
            found = [shares(own, LIKED, RecommendationRequest(), x)[:, x.index.position("fresh")] for x in (one, other)]
            np.testing.assert_array_equal(*found)
            assert found[0][0] > 0


def test_a_manifest_says_by_whom_items_were_described() -> None:
    by = described_by({"metrics": TestDescribedSince.BY})
    assert by is not None
    assert (by.shares_of("zh"), by.shares_of("en")) == ((0.0, 0.5), (1.0, 1.0))
    assert by.tag(b"abcd") != by.tag(b"abce")
    assert len(by.tag(b"abcd")) == 4
    told = TestDescribedSince.BY["enrichment"]
    for odd in (
        {},
        {"enrichment": {}},
        {"enrichment": told | {"fields": []}},
        {"enrichment": told | {"shares": {"zh": 1}}},
    ):
        assert described_by({"metrics": odd}) is None
    assert described_by({}) is None
    own = described_by({"metrics": {"enrichment": told | {"language_fields": {"zh": ["kind", "themes"]}}}})
    assert own is not None
    assert (own.fields_of("zh"), own.fields_of("en")) == (("kind", "themes"), ("kind", "uses"))
    assert own.tag(b"abcd") != by.tag(b"abcd")
    tagged = described_by({"metrics": {"enrichment": told | {"fields": [], "tags": ["gift"]}}})
    assert tagged is not None
    assert (tagged.fields, tagged.tags) == ((), ("gift",))


def test_an_item_whose_language_says_nothing_speaks_for_no_other(tmp_path: Path, vectors: F32) -> None:
    weights = Weights({"text": TermWeight(0.5), "described": TermWeight(5.0, 1.0)})
    pairs = np.ones((N, 2), dtype=np.float32)
    pairs[7] = 0.0  # the liked one
    found = build_toy_snapshot(tmp_path, N, described=vectors, weights=weights, described_shares=pairs)
    assert not shares(found, LIKED, RecommendationRequest())[0].any()
    items = recommend(found, LIKED, RecommendationRequest(limit=N), CUTOFF_MS).items
    assert not [reason for item in items for reason in item.reasons if reason.kind == "described"]
