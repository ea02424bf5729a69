"""What ranking derives once from a snapshot: float vectors, inverted categories, words, scales."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, lru_cache, partial
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F16, F32, F64, I32, I64
from endcap.catalog.item import document_text
from endcap.encoders.items import item_tag
from endcap.encoders.text import CONFIG_FILE, MODEL_FILE, TAG_BYTES, TOKENIZER_FILE, EncoderConfig
from endcap.identifiers import item_key
from endcap.index.columns import TEXT_FIELDS, ItemFields
from endcap.index.fields import fields_of
from endcap.index.inverted import CategorySets, inverted, ranges, rows_of
from endcap.index.names import Names
from endcap.index.tagged import tag_spread
from endcap.index.vectors import VectorTable, whitened, without_mean
from endcap.snapshot.ids import tie_keys_of
from endcap.snapshot.lexical import LexicalIndex
from endcap.snapshot.parts import ItemList, is_scale
from endcap.snapshot.snapshot import Quantized, Snapshot
from endcap.snapshot.whitening import coarse_white, is_text_alone, whiten
from endcap.text.tokens import Wording, tokens_of

Beside = Literal["described", "image", "tag"]
"""Vectors that items have beside those of their texts."""
_SAMPLE: Final = 64
_DESCRIBED_SAMPLE: Final = 256
_WORD_SAMPLE: Final = 256
_LIST_SAMPLE: Final = 65_536
_KEPT_ITEMS: Final = 2048
_KEPT_WORDS: Final = 8192
_WARMED_ITEMS: Final = 200_000  # the texts of more would take hundreds of megabytes that few shops filter by


class SnapshotTables:
    """What is derived once from a snapshot and shared by every index over it."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.n_items = snapshot.n_items
        columns = snapshot.columns
        # Plain views: indexing a mapped file goes through a slow subclass.
        self._category_indptr = np.asarray(columns.category_indptr)
        self._category_indices = np.asarray(columns.category_indices)
        self.names = Names(snapshot)

    def warm(self) -> None:
        """Work out what the first lists and searches would wait for."""
        for name in ("encoder_tag", "scales", "spreads", "category_sets", "list_row", "lexical", "tie_keys"):
            getattr(self, name)
        self.white.spread_of(np.zeros(self.white.dim, dtype=np.float32))
        self.rarity_of("")

    def warm_fields(self) -> None:
        """Read the fields that filters may ask for, unless there are so many that they would take too much memory."""
        if self.n_items <= _WARMED_ITEMS:
            self.fields.build(TEXT_FIELDS)

    @cached_property
    def encoder_tag(self) -> bytes | None:
        """The tag of the snapshot's encoder, from the manifest's hashes: ranking alone needn't load the graph."""
        files = self.snapshot.manifest["files"]
        if MODEL_FILE not in files:
            return None
        config = EncoderConfig.from_json((self.snapshot.directory / CONFIG_FILE).read_bytes())
        digests = [bytes.fromhex(files[name]["sha256"]) for name in (MODEL_FILE, TOKENIZER_FILE)]
        digests.append(hashlib.sha256(config.to_json().encode()).digest())
        return hashlib.sha256(b"".join(digests)).digest()[:TAG_BYTES]

    @cached_property
    def item_tag(self) -> bytes | None:
        """The tag of items' vectors that the snapshot's encoder has made; None without encoder."""
        return None if self.encoder_tag is None else item_tag(self.encoder_tag, self.snapshot.text_fields)

    @cached_property
    def described_tag(self) -> bytes | None:
        """The tag of what was written since by whom the snapshot's items were described; None where nobody was."""
        by = self.snapshot.described_by
        return None if by is None or self.encoder_tag is None else by.tag(self.encoder_tag)

    @cached_property
    def described_sample(self) -> F32:
        """float32 (n, d_text): texts of evenly spread items, less their mean."""
        rows = np.arange(0, self.n_items, max(1, self.n_items // _DESCRIBED_SAMPLE))
        return without_mean(self.raw.rows(rows), self.snapshot.whitening_mean)

    @cached_property
    def raw(self) -> VectorTable:
        """Text vectors as the encoder gave them."""
        s = self.snapshot
        return VectorTable(s.text_vectors_f16, s.text_vectors_i8, s.text_scale)

    @cached_property
    def white(self) -> VectorTable:
        """Whitened text vectors; the stored item vectors where these are just that (no trained part)."""
        s = self.snapshot
        by = s.whitening_mean, s.whitening_projection
        if is_text_alone(s.item_vectors_f16, s.text_vectors_f16, *by):
            return self.items
        return whitened(
            s.text_vectors_f16,
            partial(whiten, s),
            s.whitening_projection.shape[1],
            lambda: s.white or coarse_white(s.text_vectors_f16, *by),
        )

    @cached_property
    def items(self) -> VectorTable:
        """Item vectors: the space of the user encoder."""
        s = self.snapshot
        return VectorTable(s.item_vectors_f16, s.item_vectors_i8, s.item_scale)

    @cached_property
    def beside(self) -> Mapping[Beside, VectorTable | None]:
        """Vectors of what was written about the items, their pictures and tags; None where they are not worth it."""
        s = self.snapshot
        kept: Mapping[Beside, Quantized | None] = {"described": s.described, "image": s.image, "tag": s.tag}
        return {part: None if q is None else VectorTable(q.fine, q.coarse, q.scale) for part, q in kept.items()}

    @cached_property
    def lists(self) -> dict[str, ItemList]:
        """The item-to-item lists as plain arrays."""
        return {
            name: ItemList(np.asarray(rows.indptr), np.asarray(rows.indices), np.asarray(rows.weights))
            for name, rows in self.snapshot.lists.items()
        }

    @cached_property
    def list_row(self) -> I32:
        """Per item the row of the lists that speaks for it: its own, or that of its group's most bought variant."""
        snapshot = self.snapshot
        counts, groups = np.asarray(snapshot.interaction_counts), np.asarray(snapshot.groups)
        order = np.lexsort((np.arange(self.n_items), -counts, groups))
        best_of_group = np.full(int(groups.max(initial=-1)) + 1, -1, dtype=np.int64)
        best_of_group[groups[order[::-1]]] = order[::-1]  # the last write of a group is its most bought variant
        return np.where(counts > 0, np.arange(self.n_items), best_of_group[groups]).astype(np.int32)

    @cached_property
    def _by_group(self) -> tuple[I32, I32]:
        return inverted(np.asarray(self.snapshot.groups))

    def members_of(self, groups: I64) -> I64:
        """The rows of all variants of some groups, group by group."""
        return rows_of(self._by_group, groups)

    @cached_property
    def _by_brand(self) -> tuple[I32, I32]:
        return inverted(np.asarray(self.snapshot.columns.brand))

    def items_of_brand(self, brand: int) -> I64:
        """The rows of a brand's items, ascending."""
        return rows_of(self._by_brand, np.asarray([brand]))

    @cached_property
    def seen(self) -> I64:
        """Rows of the items that someone has touched, ascending."""
        return np.flatnonzero(np.asarray(self.snapshot.interaction_counts) > 0)

    @cached_property
    def rows_by_key(self) -> dict[bytes, tuple[int, ...]]:
        """The rows of the items that impressions know by each key; made by the first request that rotates."""
        return rows_by_key(self.snapshot.item_ids)

    @cached_property
    def lexical(self) -> LexicalIndex:
        """The words of the snapshot's items; an older snapshot brings none, and its first search builds them."""
        stored = self.snapshot.lexical
        return stored or LexicalIndex.of([self.snapshot.document(position) for position in range(self.n_items)])

    @cached_property
    def _sampled_words(self) -> tuple[Counter[str], int]:
        """In how many of some evenly spread items each token stands, and of how many items."""
        rows = range(0, self.n_items, max(1, self.n_items // _WORD_SAMPLE))
        counts = Counter(token for row in rows for token in tokens_of(document_text(self.snapshot.document(row))))
        return counts, len(rows)

    @cached_property
    def document(self) -> Callable[[int], Mapping[str, Any]]:
        """Row -> item as a JSON object, not to be written to; those that were asked for last are kept."""
        return lru_cache(maxsize=_KEPT_ITEMS)(self.snapshot.document)

    @cached_property
    def wording(self) -> Callable[[int], Wording]:
        """Row -> the wording of the item's whole text; those that were asked for last are kept."""
        return lru_cache(maxsize=_KEPT_ITEMS)(lambda row: Wording.of(document_text(self.document(row))))

    @cached_property
    def rarity_of(self) -> Callable[[str], tuple[float, float]]:
        """See `_rarity_of`; those that were asked for last are kept."""
        return lru_cache(maxsize=_KEPT_WORDS)(self._rarity_of)

    def _rarity_of(self, phrase: str) -> tuple[float, float]:
        """How rare a phrase is among n sampled items, mean log((n + 1) / (items + 1)) of its tokens; and its share."""
        counts, n = self._sampled_words
        found = [counts[token] for token in tokens_of(phrase)] or [0]
        return math.fsum(math.log((n + 1) / (count + 1)) for count in found) / len(found), min(found) / max(1, n)

    @cached_property
    def scales(self) -> dict[str, float]:
        """Natural scales of terms on this snapshot, for weights that come without one.

        Lists: mean of the rows' largest weights. Popularity, trend: their spread. Raw text, user vectors: the spread of
        the cosines between sampled items. Terms that are not named lie between -1 and 1 by themselves. What nothing can
        be divided by counts as 1.
        """
        snapshot = self.snapshot
        scales = {"text": 0.5}
        scales |= {name: peak for name, (peak, _) in self._list_sizes.items()}
        for name, values in (("popularity", snapshot.popularity), ("trend", snapshot.trend)):
            # Of equal values rounding leaves a spread of a millionth, which would blow the term up.
            scales[name] = float(np.std(values)) if len(values) and np.ptp(values) > 0 else 1.0
        scales["context"] = scales["popularity"]
        rows = np.arange(0, self.n_items, max(1, self.n_items // _SAMPLE))
        if len(rows) > 1:
            scales["words"] = scales["query"] = _spread_of_cosines(self.raw.rows(rows))
            scales["similarity"] = _spread_of_cosines(self.items.rows(rows))
            # As wide as the terms that they stand beside.
            if (described := self.beside["described"]) is not None:
                scales["described_query"] = _spread_of_cosines(described.rows(rows))
                scales["described"] = scales["text"] * scales["described_query"] / self.spreads["text"]
            if (image := self.beside["image"]) is not None:
                scales["image_similar"] = _spread_of_cosines(image.rows(rows)) / self.spreads["text"]
                scales["image"] = scales["text"] * scales["image_similar"]
            if snapshot.tag is not None:
                scales["tags"] = scales["text"] * tag_spread(snapshot.tag.fine) / self.spreads["text"]
        return {name: scale if is_scale(scale) else 1.0 for name, scale in scales.items()}

    @cached_property
    def spreads(self) -> dict[str, float]:
        """Usual standard deviation of a term over the items, for a history of one item.

        Lists: root of the rows' mean square. Text: the spread of the cosines between sampled items.
        """
        spreads = {name: math.sqrt(squares / self.n_items) for name, (_, squares) in self._list_sizes.items()}
        rows = np.arange(0, self.n_items, max(1, self.n_items // _SAMPLE))
        if len(rows) > 1:
            spreads["text"] = _spread_of_cosines(self.white.rows(rows))
        return spreads

    @cached_property
    def _list_sizes(self) -> dict[str, tuple[float, float]]:
        """Of the rows of each list that has any: the mean of their largest weights, and of their sums of squares.

        Of a list with many rows by some, evenly spread.
        """
        sizes = {}
        for name, neighbours in self.lists.items():
            filled = np.flatnonzero(np.diff(neighbours.indptr))
            filled = filled[:: max(1, len(filled) // _LIST_SAMPLE)]
            if len(filled):
                starts, ends = neighbours.indptr[filled], neighbours.indptr[filled + 1]
                weights = neighbours.weights[ranges(starts, ends)].astype(np.float32)
                peaks = np.maximum.reduceat(weights, np.cumsum(ends - starts) - (ends - starts))
                squares = np.square(weights, dtype=np.float64).sum() / len(filled)
                sizes[name] = float(peaks.mean()), float(squares)
        return sizes

    @cached_property
    def category_sets(self) -> CategorySets:
        """The distinct sets of categories that items have: far fewer than items, as shops sort things into paths."""
        mixed = np.random.default_rng(0).integers(1, 2**63, max(1, self.names.n_categories), dtype=np.uint64)
        whole = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(mixed[self._category_indices])])
        sums = whole[self._category_indptr[1:]] - whole[self._category_indptr[:-1]]  # wraps around as it should
        _, first, number = np.unique(sums, return_index=True, return_inverse=True)
        owner, categories, shares = self.category_shares(first)
        return CategorySets(number.astype(np.int32), len(first), owner, categories, shares)

    def category_shares(self, positions: I64) -> tuple[I64, I64, F16]:
        """Categories of some of the snapshot's items: index within `positions`, vocabulary id, and share.

        A share is how much of an item's description the category is: rarer ones say more (inverse document frequency),
        and an item's shares add up to 1.
        """
        starts, ends = self._category_indptr[positions], self._category_indptr[positions + 1]
        owner = np.repeat(np.arange(len(positions)), ends - starts)
        categories = self._category_indices[ranges(starts, ends)]
        idf = self.category_idf[categories]
        totals = np.bincount(owner, weights=idf, minlength=len(positions))
        return owner, categories.astype(np.int64), (idf / np.maximum(totals[owner], 1e-9)).astype(np.float16)

    def categories_of(self, position: int) -> tuple[int, ...]:
        """Vocabulary ids of the categories of one of the snapshot's items."""
        start, end = self._category_indptr[position], self._category_indptr[position + 1]
        return tuple(self._category_indices[start:end].tolist())

    @cached_property
    def category_idf(self) -> F32:
        """Float32 (categories,): log((n + 1) / (items of the category + 1)), at least a tenth."""
        columns = self.snapshot.columns
        sizes = np.bincount(columns.category_indices, minlength=len(columns.categories))
        return np.maximum(np.log((self.n_items + 1) / (sizes + 1)), 0.1).astype(np.float32)

    def idf_of(self, category: int) -> float:
        """Rarity of a category; one that only changed items have is as rare as can be."""
        known = self.category_idf
        return float(known[category]) if category < len(known) else float(np.log(self.n_items + 2))

    def idf_at(self, categories: I64) -> F64:
        """`idf_of` several categories: float64 (k,)."""
        known = self.category_idf
        rare = np.full(len(categories), np.log(self.n_items + 2))
        found = categories < len(known)
        rare[found] = known[categories[found]]
        return rare

    @cached_property
    def fields(self) -> ItemFields:
        """The items' fields as columns, for filters; what the snapshot keeps as arrays is not read again."""
        return fields_of(self.snapshot)

    @cached_property
    def tie_keys(self) -> NDArray[np.uint32]:
        """Per item a number that has nothing to do with the order of ids; settles what scores leave open."""
        stored = self.snapshot.tie_keys
        return tie_keys_of(self.snapshot.item_ids) if stored is None else np.asarray(stored)


def _spread_of_cosines(sample: F32) -> float:
    cosines = np.vecdot(sample[:, None, :], sample[None, :, :])
    return max(float(np.std(cosines[~np.eye(len(sample), dtype=bool)])), 0.01)


def rows_by_key(item_ids: Iterable[str]) -> dict[bytes, tuple[int, ...]]:
    """The key of `endcap.identifiers.item_key` -> the items that have it: mostly one."""
    rows: dict[bytes, tuple[int, ...]] = {}
    for row, item_id in enumerate(item_ids):
        key = item_key(item_id)
        rows[key] = (*rows.get(key, ()), row)
    return rows
