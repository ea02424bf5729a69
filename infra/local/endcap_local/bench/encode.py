"""How long the encoders take, each on one thread: texts, and a shopper's history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from endcap.encoders.text import TextEncoder
from endcap.encoders.user import MODEL_FILE, PROJECTION_FILE, UserEncoder
from endcap.index.index import index_of
from endcap.profiles.profile import MAX_INTERACTIONS
from endcap.ranking.terms.similarity import user_encoder_of, user_inputs
from endcap.snapshot.snapshot import Snapshot
from endcap_local.bench.random_user_encoder import random_user_encoder_files
from endcap_local.bench.shops import shoppers
from endcap_local.bench.timing import Call, alternated, timed
from endcap_rebuild.user_encoder.plan import TowerSettings

GOAL_MS = 1.0
WARM_UP = 5
SHORT = {"en": "something to keep my tea hot", "zh": "送给园艺爱好者的礼物"}
LONG = {
    "en": " ".join(
        [
            "A kettle of brushed steel that boils a litre and a half of water in four minutes and keeps it hot for an",
            "hour. The handle stays cool, the lid opens with one hand, and the filter comes out for cleaning. It fits",
            "small kitchens and large families alike, and it comes with a guarantee of five years on all of its parts.",
        ]
        * 2
    ),
    "zh": "这款拉丝不锈钢电水壶容量一升半，四分钟即可烧开，并可保温一小时。手柄不烫手，单手即可开盖，滤网可拆卸清洗。"
    "适合小厨房，也适合大家庭，所有部件均享有五年保修。" * 3,
}


def bench_text(encoder: TextEncoder, languages: Sequence[str], runs: int) -> list[dict[str, Any]]:
    """Milliseconds for one text: a short query and a long description, in each language."""
    rows = []
    for language in languages:
        texts = {"short": SHORT[language], "long": LONG[language]}
        for text in texts.values():
            timed(encoder.encode, [text] * WARM_UP)
        found = {length: timed(encoder.encode, [text] * runs).timing() for length, text in texts.items()}
        rows += [
            {
                "encoder": encoder.config.name,
                "text": f"{language}, {length}",
                "tokens": encoder.count_tokens(texts[length]),
                **asdict(timing),
            }
            for length, timing in found.items()
        ]
    return rows


def bench_user(snapshot: Snapshot, runs: int) -> dict[str, Any]:
    """Milliseconds for the vector of a shopper with as many interactions as a profile keeps.

    With the snapshot's own encoder; where it carries none, with one of the usual size and random weights.
    """
    index, trained = index_of(snapshot), user_encoder_of(snapshot)
    tower = TowerSettings()
    d_item = snapshot.item_vectors_f16.shape[1]
    files = random_user_encoder_files(d_item, tower.d_model, tower.heads, tower.layers)
    encoder = trained or UserEncoder.from_bytes(files[MODEL_FILE], files[PROJECTION_FILE])
    (profile,) = shoppers(snapshot, 1).values()
    now_ms = snapshot.catalog_as_of_ms

    def features(_: int) -> Any:
        return user_inputs(profile, index, encoder, now_ms)

    inputs = features(0)
    assert inputs is not None  # the shopper's items are the snapshot's
    calls = {
        "encoder": Call(lambda _: encoder.encode(inputs), lambda turn: turn),
        "features": Call(features, lambda turn: turn),
    }
    alternated(calls, range(WARM_UP))
    found = alternated(calls, range(runs))
    return {
        "weights": "of the snapshot" if trained else "random, usual size",
        "interactions": MAX_INTERACTIONS,
        **{name: asdict(timing) for name, timing in found.items()},
        "goal_ms": GOAL_MS,
        "goal_met": found["encoder"].p50_ms <= GOAL_MS,
    }
