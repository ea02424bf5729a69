"""Snapshots that are wrong and consistent in themselves: every hash is right, and nothing but a look inside tells.

`POISONS` maps a name to what it makes of the contents or of the written files of a sound snapshot, so that a promotion
can be asked about each. None of them may be served, unless it answers as a healthy one does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from endcap.checksums import sha256_file
from endcap.encoders.user import MODEL_FILE as USER_MODEL
from endcap.encoders.user import PROJECTION_FILE
from endcap.filenames import MANIFEST
from endcap.snapshot.files import content_hash
from endcap.snapshot.parts import ItemList, Repurchase, TermWeight, Weights
from endcap.snapshot.write import SnapshotContents, write_snapshot
from endcap_local.bench.random_user_encoder import random_weights
from endcap_rebuild.user_encoder.export import onnx_graph
from tests.fakes.toy_snapshot import toy_contents
from tests.fakes.toy_user_encoder import HEADS, LAYERS, WIDTH, toy_user_encoder_files

N_ITEMS: Final = 60
MEASURES: Final = {"ndcg_at_10": 0.2, "hit_rate_at_10": 0.4, "mrr": 0.15}
NEVER: Final = 253_402_300_799_000  # the last second of the year 9999
WEIGHTS: Final = Weights(
    terms={name: TermWeight(w) for name, w in {"next": 1.0, "text": 0.5, "similarity": 0.4, "popularity": 0.1}.items()},
    settings={"history_half_life_events": 2.0, "text_half_life_events": 2.0, "query_share": 0.3},
)

Contents = Callable[[SnapshotContents], SnapshotContents]
Files = Callable[[Path, dict[str, Any]], None]
"""Given the folder and the manifest, which is sealed again afterwards."""


@dataclass(frozen=True)
class Poison:
    """One way to be wrong.

    Attributes
    ----------
    contents : changes what is written
    files : changes what was written
    trained : whether the sound snapshot carries a user encoder
    hangs : ends no promotion unless it is examined apart
    """

    contents: Contents = lambda contents: contents
    files: Files | None = None
    trained: bool = True
    hangs: bool = False


@cache
def sound_contents(*, trained: bool = True) -> SnapshotContents:
    """What each poison is made from, with metrics as a rebuild of 2,000 events gives them."""
    plain = toy_contents(N_ITEMS)
    measured = {"validation": {"cases": 400, "after": MEASURES, "before": MEASURES}}
    files = {**plain.encoder_files, **(toy_user_encoder_files() if trained else {})}
    counts = {"events": 2000, "users": 300}
    return replace(plain, metrics=measured, counts=counts, encoder_files=files, weights=WEIGHTS)


def write_sound(folder: Path, *, trained: bool = True, **changes: Any) -> Path:
    """The sound snapshot in a folder."""
    write_snapshot(folder, replace(sound_contents(trained=trained), **changes))
    return folder


def write_poison(folder: Path, name: str) -> Path:
    """A poisoned one, all of whose hashes are right."""
    poison = {**POISONS, **HARMLESS}[name]
    write_snapshot(folder, poison.contents(sound_contents(trained=poison.trained)))
    if poison.files is not None:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        poison.files(folder, manifest)
        seal(folder, manifest)
    return folder


def seal(folder: Path, manifest: dict[str, Any]) -> None:
    """Give a manifest the sizes and hashes of the files that are there, and its own."""
    names = [path.name for path in folder.iterdir() if path.name != MANIFEST]
    manifest["files"] = {n: {"sha256": sha256_file(folder / n), "bytes": (folder / n).stat().st_size} for n in names}
    manifest["content_hash"] = content_hash(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest))


# ---- what poisons are made with


def changed(**fields: Any) -> Poison:
    return Poison(lambda contents: replace(contents, **fields))


def made(make: Callable[[SnapshotContents], Mapping[str, Any]], **kind: Any) -> Poison:
    return Poison(lambda contents: replace(contents, **make(contents)), **kind)


def encoder_file(name: str, make: Callable[[bytes], bytes | None], **kind: Any) -> Poison:
    """Another encoder file; None leaves it out."""

    def contents(sound: SnapshotContents) -> SnapshotContents:
        files = dict(sound.encoder_files)
        bad = make(files.pop(name))
        return replace(sound, encoder_files=files if bad is None else {**files, name: bad})

    # What `write_snapshot` reads of an encoder it reads from the sound one.
    return Poison(contents, **kind)


def tokenizer(change: Callable[[dict[str, Any]], None], **kind: Any) -> Poison:
    def make(raw: bytes) -> bytes:
        document = json.loads(raw)
        change(document)
        return json.dumps(document).encode()

    return encoder_file("tokenizer.json", make, **kind)


def expression(pattern: str) -> Poison:
    def change(document: dict[str, Any]) -> None:
        split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
        document["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [split, document["pre_tokenizer"]]}

    return tokenizer(change, hangs=True)


def config(**fields: Any) -> Poison:
    return encoder_file("encoder.json", lambda raw: json.dumps({**json.loads(raw), **fields}).encode())


def weights(**fields: Any) -> Poison:
    return changed(weights=replace(WEIGHTS, **fields))


def setting(name: str, value: Any) -> Poison:
    return weights(settings={**WEIGHTS.settings, name: value})


def term(weight: float, scale: float = 1.0) -> Poison:
    return weights(terms={**WEIGHTS.terms, "next": TermWeight(weight, scale)})


def raw_file(name: str, data: bytes) -> Poison:
    return Poison(files=lambda folder, _: (folder / name).write_bytes(data) and None)


def documents(change: Callable[[int, dict[str, Any]], Mapping[str, Any]]) -> Poison:
    """Other documents beside columns that stay as they were."""
    return made(lambda sound: {"documents": [change(k, dict(d)) for k, d in enumerate(sound.documents)]})


def raw_documents(change: Callable[[Sequence[bytes]], Sequence[bytes]]) -> Poison:
    def files(folder: Path, manifest: dict[str, Any]) -> None:
        lines = change((folder / "items.jsonl").read_bytes().splitlines(keepends=True))
        (folder / "items.jsonl").write_bytes(b"".join(lines))
        np.save(folder / "item_offsets.npy", np.cumsum([0, *map(len, lines)], dtype=np.int64))

    return Poison(files=files)


def rewritten(change: Callable[[int, dict[str, Any]], Mapping[str, Any]]) -> Poison:
    """Other documents that `write_snapshot` could not work with."""
    return raw_documents(
        lambda lines: [json.dumps(change(k, json.loads(line))).encode() + b"\n" for k, line in enumerate(lines)]
    )


def columns(make: Callable[[Any], Mapping[str, Any]]) -> Poison:
    return made(lambda sound: {"columns": replace(sound.columns, **make(sound.columns))})


def manifest(**fields: Any) -> Poison:
    return Poison(files=lambda _, found: found.update(fields))


def measured(validation: Any) -> Poison:
    return changed(metrics={"validation": validation})


def after(**fields: Any) -> Poison:
    return measured({"cases": 400, "after": {**MEASURES, **fields}})


def listed(make: Callable[[ItemList], ItemList]) -> Poison:
    return made(lambda sound: {"lists": {**sound.lists, "next": make(sound.lists["next"])}})


def array(name: str, make: Callable[[NDArray[Any]], NDArray[Any]]) -> Poison:
    def files(folder: Path, found: dict[str, Any]) -> None:
        np.save(folder / f"{name}.npy", make(np.load(folder / f"{name}.npy")))

    return Poison(files=files)


def part(count: int) -> Poison:
    """A snapshot of the first items alone, with all else as it was."""
    names = (
        *("documents", "text_vectors", "item_vectors", "whitening_mean", "whitening_projection", "lists"),
        *("popularity", "trend", "interaction_counts", "columns"),
    )

    def make(_: SnapshotContents) -> Mapping[str, Any]:
        small = toy_contents(count)
        return {name: getattr(small, name) for name in names}

    return made(make)


def renamed(share: float) -> Poison:
    return made(
        lambda sound: {
            "documents": [
                {**d, "item_id": f"other-{k}"} if k < share * N_ITEMS else d for k, d in enumerate(sound.documents)
            ]
        }
    )


def _silent_graph(_: bytes) -> bytes:
    """A user encoder that gives everybody one vector: what it ends with looks at nothing."""
    state = random_weights(16, 40, WIDTH, HEADS, LAYERS, 0)
    state["leave.weight"] = np.zeros_like(state["leave.weight"])
    state["shortcut"] = np.zeros_like(state["shortcut"])
    return onnx_graph(state, HEADS, LAYERS, False)


def _npy(matrix: NDArray[Any]) -> Callable[[bytes], bytes]:
    import io

    def make(_: bytes) -> bytes:
        file = io.BytesIO()
        np.save(file, matrix)
        return file.getvalue()

    return make


def _other_words(document: dict[str, Any]) -> None:
    vocabulary = document["model"]["vocab"]
    names = [name for name in vocabulary if not name.startswith("[")]
    numbers = [vocabulary[name] for name in names]
    vocabulary.update(zip(names, numbers[len(numbers) // 2 :] + numbers[: len(numbers) // 2], strict=True))


def _one_word(document: dict[str, Any]) -> None:
    vocabulary = document["model"]["vocab"]
    first = {name: number for name, number in vocabulary.items() if name.startswith("[")}
    document["model"]["vocab"] = first


_ROLL: Final = np.roll(np.arange(N_ITEMS), 7)
_DEEP: Final = b"[" * 3000 + b"]" * 3000

POISONS: Final[Mapping[str, Poison]] = {
    # the user encoder
    "user encoder of garbage": encoder_file(USER_MODEL, lambda _: b"garbage" * 100),
    "user encoder cut in half": encoder_file(USER_MODEL, lambda raw: raw[: len(raw) // 2]),
    "user encoder without its projection": encoder_file(PROJECTION_FILE, lambda _: None),
    "projection without its user encoder": encoder_file(USER_MODEL, lambda _: None),
    "projection of another width": encoder_file(PROJECTION_FILE, _npy(np.eye(8, dtype=np.float32))),
    "projection that is not finite": encoder_file(PROJECTION_FILE, _npy(np.full((16, 16), np.nan, dtype=np.float32))),
    "projection of garbage": encoder_file(PROJECTION_FILE, lambda _: b"garbage"),
    "user encoder that looks at nothing": encoder_file(USER_MODEL, _silent_graph),
    "user encoder of another space": made(
        lambda sound: {"encoder_files": {**sound.encoder_files, **toy_user_encoder_files(8)}}
    ),
    # the text encoder
    "text encoder of garbage": encoder_file("text_encoder.onnx", lambda _: b"garbage" * 100),
    "user encoder for a text encoder": made(
        lambda sound: {"encoder_files": {**sound.encoder_files, "text_encoder.onnx": sound.encoder_files[USER_MODEL]}}
    ),
    "tokenizer of garbage": encoder_file("tokenizer.json", lambda _: b"{}"),
    "tokenizer left out": Poison(files=lambda folder, _: (folder / "tokenizer.json").unlink()),
    "tokenizer with other words": tokenizer(_other_words),
    "tokenizer that knows no word": tokenizer(_one_word),
    "expression that never ends": expression("(a|aa)+$"),
    "expression that never ends, over any letter": expression(r"(\w|\w\w)+$"),
    "prefix of 2 MB": config(prefix="a " * 1_000_000),
    "texts of a billion tokens": config(max_tokens=1_000_000_000),
    "vectors of another width": config(d_text=64),
    # weights and settings
    "half-life of nothing": setting("history_half_life_events", 0.0),
    "half-life of next to nothing": setting("text_half_life_events", 1e-8),
    "half-life of for ever": setting("time_half_life_factor", 1e8),
    "half-life that is no number": raw_file(
        "weights.json", b'{"format":1,"terms":{},"settings":{"history_half_life_events":"nan"}}'
    ),
    "half-life in a list": raw_file(
        "weights.json", b'{"format":1,"terms":{},"settings":{"history_half_life_events":[1]}}'
    ),
    "weight without bounds": term(1e300),
    "weight of a million": term(1e6),
    "weight below nothing": term(-1.0),
    "weights of nothing": weights(terms={name: TermWeight(0.0) for name in WEIGHTS.terms}),
    "scale of nothing": term(1.0, 0.0),
    "scale of next to nothing": term(1.0, 1e-8),
    "share above one": setting("query_share", 50.0),
    "grades a million strong": setting("grade_strength", 1e6),
    "floor below nothing": setting("history_floor", -1.0),
    "weights of another format": raw_file("weights.json", b'{"format":2,"terms":{},"settings":{}}'),
    "weights that are no JSON": raw_file("weights.json", b"\x00\x01"),
    "weights nested without end": raw_file("weights.json", _DEEP),
    # documents
    "titles that are numbers": rewritten(lambda k, d: {**d, "title": k}),
    "categories that are a number": rewritten(lambda k, d: {**d, "categories": 3}),
    "attributes that are a list": rewritten(lambda k, d: {**d, "attributes": ["red"]}),
    "attributes of objects": documents(lambda k, d: {**d, "attributes": {"size": {"a": 1}}}),
    "prices that are words": documents(lambda k, d: {**d, "price": "dear"}),
    "prices below nothing": documents(lambda k, d: {**d, "price": -1.0}),
    "one title of a megabyte": documents(lambda k, d: {**d, "title": "a" * 900_000} if k == 9 else d),
    "ids of control characters": documents(lambda k, d: {**d, "item_id": f"\x01{k}"}),
    "dates that are none": documents(lambda k, d: {**d, "expires_at": "some day"}),
    "documents that are no JSON": raw_documents(lambda lines: [b"x" * len(line) for line in lines]),
    "one document cut off": raw_documents(lambda lines: [*lines[:7], lines[7][:-9] + b"\n", *lines[8:]]),
    "documents of others": raw_documents(lambda lines: [*lines[1:], lines[0]]),
    "one document nested without end": raw_documents(lambda lines: [*lines[:-1], _DEEP]),
    "titles of others": documents(lambda k, d: {**d, "title": f"steel lamp {k + 7}"}),
    "an id that comes twice": raw_documents(lambda lines: [lines[1], *lines[1:]]),
    # columns and groups
    "nothing available": made(
        lambda sound: {
            "columns": replace(sound.columns, available=np.zeros(N_ITEMS, dtype=np.bool_)),
            "documents": [{**d, "available": False} for d in sound.documents],
        }
    ),
    "far less available": made(
        lambda sound: {
            "columns": replace(sound.columns, available=np.arange(N_ITEMS) % 5 == 0),
            "documents": [{**d, "available": k % 5 == 0} for k, d in enumerate(sound.documents)],
        }
    ),
    "everything expired": made(
        lambda sound: {
            "columns": replace(sound.columns, expires_at_ms=np.full(N_ITEMS, 1_000_000_000_000, dtype=np.int64)),
            "documents": [{**d, "expires_at": 1_000_000_000} for d in sound.documents],
        }
    ),
    "one group": made(lambda sound: {"documents": [{**d, "group_id": "all"} for d in sound.documents]}),
    "few groups": made(
        lambda sound: {"documents": [{**d, "group_id": f"g{k % 3}"} for k, d in enumerate(sound.documents)]}
    ),
    "groups of others": array("groups", lambda groups: np.asarray(groups // 2, dtype=np.int32)),
    "group that is none": array("groups", lambda groups: np.asarray(groups - 1, dtype=np.int32)),
    "prices of others": columns(lambda c: {"price": c.price[_ROLL]}),
    "brands of others": columns(lambda c: {"brand": c.brand[_ROLL[::-1]]}),
    "brand out of range": columns(lambda c: {"brand": c.brand + 100}),
    "categories by other names": columns(lambda c: {"categories": c.categories[1:] + c.categories[:1]}),
    "sold out in the documents alone": documents(lambda k, d: {**d, "available": k % 2 == 0}),
    "price that is not finite": columns(lambda c: {"price": np.where(c.price > 9, np.inf, c.price)}),
    # vectors
    "text vectors of others": made(lambda sound: {"text_vectors": sound.text_vectors[_ROLL]}),
    "text vectors of nothing": made(lambda sound: {"text_vectors": np.zeros_like(sound.text_vectors)}),
    "one text vector for all": made(lambda sound: {"text_vectors": np.repeat(sound.text_vectors[:1], N_ITEMS, axis=0)}),
    "text vectors that are not finite": array("text_vectors_f16", lambda rows: rows * np.float16(np.nan)),
    "item vectors of others": made(lambda sound: {"item_vectors": sound.item_vectors[_ROLL]}, trained=False),
    "item vectors of nothing": made(lambda sound: {"item_vectors": np.zeros_like(sound.item_vectors)}, trained=False),
    "item vectors ten times as long": made(lambda sound: {"item_vectors": sound.item_vectors * 10}),
    "whitening that is not finite": made(lambda sound: {"whitening_mean": sound.whitening_mean * np.float32(np.inf)}),
    "whitening by chance": made(
        lambda sound: {
            "whitening_projection": np.random.default_rng(3)
            .normal(size=sound.whitening_projection.shape)
            .astype(np.float32)
        },
        trained=False,
    ),
    "int8 rows of others": array("item_vectors_i8", lambda rows: rows[_ROLL]),
    # the catalogue
    "no id in common": renamed(1.0),
    "few ids in common": renamed(0.7),
    "less than half of the items": part(25),
    "two items": part(2),
    "ids that lead elsewhere": array("id_slots", lambda slots: np.where(slots >= 0, (slots + 1) % N_ITEMS, slots)),
    "ids that lead nowhere": array("id_slots", lambda slots: np.full_like(slots, -1)),
    "ties broken otherwise": array("tie_keys", lambda keys: keys[::-1].copy()),
    "words of other items": array("word_items", lambda items: items[::-1].copy()),
    # times
    "catalogue of the year 9999": changed(catalog_as_of_ms=NEVER),
    "events of the year 9999": changed(training_cutoff_ms=NEVER),
    "made in the year 9999": changed(created="9999-01-02T03:04:05Z"),
    "made some day": changed(created="some day"),
    "catalogue of before time": changed(catalog_as_of_ms=-1),
    "time that is none": manifest(catalog_as_of_ms="soon"),
    # metrics
    "metrics left out": changed(metrics={}),
    "metrics that are null": manifest(metrics=None),
    "metrics in a list": measured({"cases": 400, "after": [0.2]}),
    "one metric left out": measured({"cases": 400, "after": {"ndcg_at_10": 0.2}}),
    "metric that is no number": after(ndcg_at_10="nan"),
    "metric that is true": after(hit_rate_at_10=True),
    "metric above one": after(ndcg_at_10=5.0),
    "quality of half": after(ndcg_at_10=0.1),
    "hit rate of half": after(hit_rate_at_10=0.2),
    "too few cases, it says": measured({"cases": 5, "reason": "fewer than 100 cases"}),
    "measured on a tenth": measured({"cases": 40, "after": MEASURES}),
    # events
    "a tenth of the events": changed(counts={"events": 200, "users": 30}),
    "events left out": changed(counts={}),
    "events in words": changed(counts={"events": "many"}),
    "events below nothing": changed(counts={"events": -2000}),
    # lists and demand
    "list with a weight that is none": listed(lambda rows: replace(rows, weights=rows.weights * np.float16(np.nan))),
    "list with a weight without bounds": listed(lambda rows: replace(rows, weights=rows.weights * np.float16(np.inf))),
    "list that drowns all others": listed(lambda rows: replace(rows, weights=rows.weights * np.float16(60_000))),
    "list of items that are none": listed(lambda rows: replace(rows, indices=rows.indices + N_ITEMS)),
    "list that goes back": listed(lambda rows: replace(rows, indptr=rows.indptr[::-1].copy())),
    "popularity the other way round": made(lambda sound: {"popularity": sound.popularity[::-1].copy()}),
    "popularity of nothing": made(lambda sound: {"popularity": np.zeros_like(sound.popularity)}),
    "popularity that is none": made(lambda sound: {"popularity": sound.popularity * np.float32(np.nan)}),
    "popularity without bounds": made(lambda sound: {"popularity": sound.popularity + np.float32(3e38)}),
    "trend without bounds": made(lambda sound: {"trend": np.where(np.arange(N_ITEMS) % 2, 3e38, -3e38)}),
    "repurchase of more than all": changed(
        repurchase=Repurchase(*(np.full(N_ITEMS, value, dtype=np.float32) for value in (2.0, 30.0, 1.0)))
    ),
    "popularity without bounds upwards": made(lambda sound: {"popularity": sound.popularity * np.float32(1e37)}),
    # the manifest
    "version of another": manifest(version="20200101T000000Z-000000000000"),
    "format of tomorrow": manifest(format_version=2),
    "scale of nothing for vectors": manifest(scales={"item_vectors": 0.0, "text_vectors": 0.0}),
    "file that the format does not know": raw_file("more.bin", b"more"),
}

HARMLESS: Final[Mapping[str, Poison]] = {
    "another card": changed(model_card="# Trust me\n"),
    "another teacher": changed(teacher_name="nobody"),
    "other evidence": weights(evidence={"tuned": "no"}),
    "more counts": changed(counts={"events": 2000, "users": 300, "moons": 3}),
    "metrics that nobody knows": changed(metrics={**sound_contents().metrics, "beauty": [1, 2, 3]}),
    "another run": changed(run={"host": "elsewhere", "seconds": 1e9}),
    "term that nobody knows": weights(terms={**WEIGHTS.terms, "moon": TermWeight(1.0)}),
}
"""Odd in what no answer depends on: these may pass."""
