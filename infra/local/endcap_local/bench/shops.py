"""Catalogues to measure on: the bundled one, a snapshot of one's own, or random ones of any size; and shoppers."""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from endcap.encoders.text import CONFIG_FILE, ENCODER_FILES, EncoderConfig
from endcap.encoders.user import MODEL_FILE as USER_MODEL_FILE
from endcap.errors import SnapshotError
from endcap.events.interaction import Interaction
from endcap.profiles.profile import MAX_INTERACTIONS, UserProfile, profile_of
from endcap.snapshot.files import write_files
from endcap.snapshot.format import array_file
from endcap.snapshot.parts import TermWeight, Weights
from endcap.snapshot.snapshot import Snapshot, load_snapshot
from endcap.snapshot.write import SnapshotContents, write_snapshot
from endcap_local.bench.random_items import RandomItems, random_list, random_units
from endcap_local.bench.random_user_encoder import random_user_encoder_files
from endcap_local.demo_data import DEMO_DATA
from endcap_rebuild.job import rebuild
from endcap_rebuild.settings import Progress, RebuildSettings, cache_folder
from endcap_rebuild.user_encoder.plan import TowerSettings

D_TEXT, D_ITEM = 192, 128
_LISTS: Final = ("next", "together", "neighbours", "wording")
_TERMS: Final = (
    "similarity",
    *_LISTS,
    "text",
    "popularity",
    "trend",
    "category",
    "brand",
    "price",
    "again",
    "new_item",
)
_KINDS: Final = ("view", "view", "view", "click", "add_to_cart", "purchase")
_DAY_MS: Final = 86_400_000


def demo_snapshot(encoder: str, progress: Progress) -> Snapshot:
    """The snapshot of the bundled orders, built once and kept in the cache for as long as this code can read it."""
    data = [(DEMO_DATA / name).read_bytes() for name in ("items.jsonl.gz", "events.csv.gz")]
    digest = hashlib.sha256(b"".join(data) + encoder.encode()).hexdigest()[:12]
    folder = cache_folder() / "bench" / f"demo-{digest}"
    try:
        return load_snapshot(folder)
    except SnapshotError:
        rebuild(RebuildSettings(DEMO_DATA, folder, encoder=encoder, max_cases=400), progress)
        return load_snapshot(folder)


def random_snapshot(folder: Path, n_items: int, seed: int = 0, encoder: Path | None = None) -> Snapshot:
    """A snapshot of random items in the form that a full rebuild gives: lists of 50, every term of behaviour weighs.

    It carries a user encoder of the usual size with random weights, and the text encoder of a folder, if one is named.
    """
    rng = np.random.default_rng(seed)
    now_ms, tower = int(time.time() * 1000), TowerSettings()
    items = RandomItems(rng, n_items, now_ms)
    touched = items.counts > 0
    files = {} if encoder is None else {name: (encoder / name).read_bytes() for name in ENCODER_FILES}
    d_text = EncoderConfig.from_json(files[CONFIG_FILE]).d_text if files else D_TEXT
    write_snapshot(
        folder,
        SnapshotContents(
            documents=items,
            text_vectors=random_units(rng, n_items, d_text),
            item_vectors=random_units(rng, n_items, D_ITEM),
            whitening_mean=np.zeros(d_text, dtype=np.float32),
            whitening_projection=rng.standard_normal((d_text, D_ITEM), dtype=np.float32),
            lists={name: random_list(rng, touched if name != "wording" else np.ones_like(touched)) for name in _LISTS},
            popularity=np.log1p(items.counts).astype(np.float32),
            trend=np.where(touched, rng.normal(0, 0.2, n_items), 0).astype(np.float32),
            interaction_counts=items.counts,
            columns=items.columns,
            weights=Weights(terms={name: TermWeight(1.0) for name in _TERMS}),
            catalog_as_of_ms=now_ms,
            training_cutoff_ms=now_ms,
            clock_usable=True,
            created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            encoder_name="" if encoder is None else encoder.name,
            encoder_files={**files, **random_user_encoder_files(D_ITEM, tower.d_model, tower.heads, tower.layers)},
        ),
    )
    return load_snapshot(folder)


def altered(snapshot: Snapshot, folder: Path, number: int) -> Snapshot:
    """The same catalogue as another version: every weight of its score is larger by a `number` of tenths."""
    manifest, directory = snapshot.manifest, snapshot.directory
    arrays = {name: np.load(directory / array_file(name), mmap_mode="r") for name in manifest["arrays"]}
    plain = set(manifest["files"]) - {array_file(name) for name in arrays}
    blobs = {name: (directory / name).read_bytes() for name in plain}
    weights = snapshot.weights
    terms = {name: replace(term, weight=term.weight * (1 + number / 10)) for name, term in weights.terms.items()}
    blobs["weights.json"] = replace(weights, terms=terms).to_json()
    write_files(folder, arrays, blobs, manifest)
    return load_snapshot(folder)


def history(snapshot: Snapshot, user_id: str, length: int, rng: np.random.Generator) -> list[Interaction]:
    """Interactions of the last month with `length` items by chance."""
    now_ms = int(time.time() * 1000)
    positions = rng.integers(0, snapshot.n_items, length)
    ages_ms = np.sort(rng.integers(60_000, 30 * _DAY_MS, length))[::-1]
    return [
        Interaction(f"{user_id}-{k}", user_id, _KINDS[k % len(_KINDS)], now_ms - int(age), snapshot.item_ids[position])
        for k, (position, age) in enumerate(zip(positions, ages_ms, strict=True))
    ]


def shoppers(snapshot: Snapshot, n: int, seed: int = 0) -> dict[str, UserProfile]:
    """Profiles of `n` shoppers with as many interactions as a profile keeps."""
    rng = np.random.default_rng(seed)
    names = [f"user-{k}" for k in range(n)]
    return {name: profile_of(history(snapshot, name, MAX_INTERACTIONS, rng), None) for name in names}


def described(snapshot: Snapshot) -> dict[str, Any]:
    """What of a snapshot decides how long it takes."""
    manifest = snapshot.manifest
    return {
        "items": snapshot.n_items,
        "dims": dict(manifest["dims"]),
        "text_encoder": manifest["encoder"] or None,
        "user_encoder": USER_MODEL_FILE in manifest["files"],
        "terms": sorted(name for name, term in snapshot.weights.terms.items() if term.weight),
        "version": snapshot.version,
    }
