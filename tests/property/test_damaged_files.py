"""What is damaged, whole hashes or not, raises what its reader says it raises, and what was good before stays."""

from __future__ import annotations

import json
import math
import random
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from endcap.api.responses import answer
from endcap.api.scenarios import read_scenarios
from endcap.errors import EncoderError, EndcapError, SnapshotError
from endcap.events.interaction import Interaction
from endcap.experiments.config import read_experiments
from endcap.filters.parser import expression
from endcap.live.document import Configured
from endcap.live.snapshot import POLL_S, RETRY_S, Followed, read_snapshot
from endcap.profiles.codec import ProfileFormatError, decode_profile, encode_profile
from endcap.profiles.entries import register
from endcap.profiles.profile import EMPTY_PROFILE, UserProfile, profile_of
from endcap.recommend.pipeline import recommend
from endcap.recommend.request import RecommendationRequest
from endcap.snapshot.snapshot import Snapshot
from endcap.snapshot.verify import load_verified
from tests.fakes.effort import examples, proved
from tests.fakes.odd_bytes import ODD_JSON, damaged, sealed
from tests.fakes.toy_snapshot import CUTOFF_MS, DAY_MS, build_toy_snapshot

NOW_MS = CUTOFF_MS + DAY_MS
BOUGHT = profile_of([Interaction(f"e{k}", "u", "purchase", NOW_MS - k * 1000, f"item-{k}") for k in range(3)], None)
ASKED = (
    (BOUGHT, RecommendationRequest(limit=40)),
    (EMPTY_PROFILE, RecommendationRequest(limit=40)),
    (EMPTY_PROFILE, RecommendationRequest(query="red mug")),
    (BOUGHT, RecommendationRequest(relation="similar", items=("item-3",))),
    (BOUGHT, RecommendationRequest(filter=expression("price > 3 AND categories CONTAINS 'home'"), fields=("title",))),
    (BOUGHT, RecommendationRequest(relation="buy_again", diversity=0.5, calibration=0.5)),
)
VARIANTS = 240

pytestmark = [
    pytest.mark.filterwarnings("ignore:No application metrics"),
    pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning"),
]


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return build_toy_snapshot(tmp_path_factory.mktemp("toy"))


class Bucket:
    """Hands out folders; what is current changes with each look, and nobody signs."""

    signature = None

    def __init__(self, folder: Path) -> None:
        self.version, self.folders = "good", {"good": folder}

    @property
    def etag(self) -> str:
        return self.version

    def current(self, known_etag: str | None) -> Bucket | None:
        return None if known_etag == self.version else self

    def download(self, version: str, *_: object) -> Path:
        return self.folders[version]

    def keeps(self, version: str) -> bool:
        return True

    def forget(self, version: str) -> None:
        """Keep it: it is somebody else's."""


@proved
def test_damaged_snapshots_are_refused_or_serve_and_the_good_one_stays(toy: Snapshot, tmp_path: Path) -> None:
    names = sorted(path.name for path in toy.directory.iterdir() if path.name != "manifest.json")
    bucket, now_s = Bucket(toy.directory), [0.0]
    followed = Followed(bucket, read_snapshot, clock=lambda: now_s[0])
    kept = followed.get()
    assert kept is not None
    refused = 0
    for seed in range(examples(VARIANTS)):
        chance = random.Random(seed)
        folder = tmp_path / "damaged"
        shutil.copytree(toy.directory, folder)
        name = chance.choice([*names, *["items.jsonl", "weights.json", "vocabularies.json", "tokenizer.json"] * 4])
        (folder / name).write_bytes(damaged((folder / name).read_bytes(), name, chance))
        if seed % 8:  # else the hashes give it away
            sealed(folder)
        bucket.version, bucket.folders[f"v{seed}"] = f"v{seed}", folder
        now_s[0] += POLL_S + RETRY_S
        found = followed.get()
        assert found is not None, (seed, name)
        if found is kept:
            refused += 1
        else:
            use(found, (seed, name))
            kept = found
        with suppress(SnapshotError, EncoderError):
            load_verified(folder)
        shutil.rmtree(folder)
    assert refused > examples(VARIANTS) / 2


def use(snapshot: Snapshot, what: object) -> None:
    """Ask for lists; what can't be answered fails with an error of ours, and what is answered is JSON."""
    for profile, request in ASKED:
        try:
            found = recommend(snapshot, profile, request, NOW_MS)
        except EndcapError:
            continue
        except Exception as exc:
            raise AssertionError(what) from exc
        body = answer(found, "id", 0)
        assert numbers_are_finite(body), (what, request)
        json.dumps(body, allow_nan=False)


def numbers_are_finite(body: Any) -> bool:
    if isinstance(body, dict):
        return all(map(numbers_are_finite, body.values()))
    if isinstance(body, list):
        return all(map(numbers_are_finite, body))
    return not isinstance(body, float) or math.isfinite(body)


class Edited:
    """A document that is another one at each look."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def read(self, known_etag: str | None) -> tuple[bytes, str] | None:
        """See `endcap.live.document.Document`."""
        return None if known_etag == str(hash(self.data)) else (self.data, str(hash(self.data)))


SCENARIOS = b'{"home": {"limit": 3, "weights": {"next": 1.0}, "filter": "price > 3"}, "cart": {"relation": "together"}}'
EXPERIMENTS = (
    b'{"experiments": [{"name": "a", "variants": [{"name": "v", "share": 0.5, "weights": {"next": 2}}], "end": 9e9}]}'
)


@pytest.mark.parametrize(
    ("good", "read"), [(SCENARIOS, read_scenarios), (EXPERIMENTS, read_experiments)], ids=["scenarios", "experiments"]
)
def test_damaged_documents_leave_the_good_one(good: bytes, read: Callable[[bytes], object]) -> None:
    document, now_s = Edited(good), [0.0]
    configured = Configured[object](document, "documents", read, {}, 2.0, lambda: now_s[0])
    first = configured.current()
    assert first
    for seed in range(VARIANTS):
        document.data = damaged(good, "document.json", random.Random(seed))
        now_s[0] += 2.0
        assert configured.current() is not None, seed
    for text in ODD_JSON:
        document.data, now_s[0] = text.encode(), now_s[0] + 2.0
        assert configured.current() is not None
    document.data, now_s[0] = good, now_s[0] + 2.0
    assert configured.current() == first


def test_damaged_profiles_are_refused_or_can_be_ranked_with(toy: Snapshot) -> None:
    whole = UserProfile(
        interactions=BOUGHT.interactions,
        strong=BOUGHT.strong,
        preferences=register({"colour": "red"}, NOW_MS),
        consent=register({"personalization": True}, NOW_MS),
    )
    data = encode_profile(whole)
    for seed in range(4 * VARIANTS):
        try:
            profile = decode_profile(damaged(data, "profile", random.Random(seed)))
        except ProfileFormatError:
            continue
        try:
            found = recommend(toy, profile, RecommendationRequest(), NOW_MS)
        except Exception as exc:
            raise AssertionError(seed, profile) from exc
        body = answer(found, "id", 0)
        assert numbers_are_finite(body), (seed, profile)
        json.dumps(body, allow_nan=False)
