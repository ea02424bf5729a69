"""A built-in type is one row: a copy of the package with one row more reads, keeps, ranks and says it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import endcap

ROOT = Path(__file__).parents[4]
END_OF_ROWS = "\n)\n\nEVENT_TYPES: Final"
ROW = """
    EventType(
        "subscribe", 20, 0.9, 90 * DAY_S, strong=True, clicked=True, looked=True, past=("subscribed",),
        aliases=("follow",), ga4=("join_group",), segment=("Subscription Started",), personalize=("subscribed_to",),
    ),"""
SCRIPT = """
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

import endcap
from endcap.api.personalize import put_events
from endcap.encoders.user import CUSTOM_FOR, N_KINDS, UserEncoder, kind_code
from endcap.events.counts import CLICKED, DEMAND, kinds_of
from endcap.events.formats import read_event
from endcap.events.interaction import parse_interaction
from endcap.events.types import ALIASES, EVENT_TYPES, event_types
from endcap.index.index import index_of
from endcap.messages.language import LANGUAGES, TEXTS
from endcap.messages.reasons import sentence
from endcap.profiles.codec import decode_profile, encode_profile
from endcap.profiles.profile import profile_of
from endcap.profiles.summary.intent import recent_intent
from endcap.ranking.features import features_of
from endcap.ranking.terms.similarity import user_inputs
from endcap_local.bench.random_user_encoder import random_weights
from endcap_rebuild.user_encoder.export import onnx_graph
from endcap_rebuild.user_encoder.item_vectors import projection_file, projection_of
from tests.fakes.toy_snapshot import CUTOFF_MS, build_toy_snapshot

folder = Path(sys.argv[1])
assert Path(endcap.__file__).is_relative_to(folder)

# Every format calls it by its name there.
ours = parse_interaction({"event_type": "follow", "user_id": "ann", "item_id": "item-3"}, CUTOFF_MS)
(googles,) = read_event(
    {"client_id": "ann", "events": [{"name": "join_group", "params": {"items": [{"item_id": "item-3"}]}}]},
    CUTOFF_MS,
    EVENT_TYPES,
)
(segments,) = read_event(
    {"type": "track", "event": "Subscription Started", "userId": "ann", "properties": {"product_id": "item-3"}},
    CUTOFF_MS,
    EVENT_TYPES,
)
told = {"eventType": "SubscribedTo", "itemId": "item-3", "sentAt": CUTOFF_MS / 1000}
personalizes = put_events(
    {"trackingId": "t", "userId": "ann", "sessionId": "s", "eventList": [told]}, CUTOFF_MS, EVENT_TYPES
)
assert {event.event_type for event in (ours, googles, segments, personalizes[0])} == {"subscribe"}

# It is kept by its code, among what browsing can't push out.
profile = profile_of([ours])
stored = encode_profile(profile)
assert decode_profile(stored) == profile
assert b"subscribe" not in stored and profile.strong == profile.interactions

# It counts for what its row says.
assert set(kinds_of(ours.event_type)) == {CLICKED, DEMAND}
index = index_of(build_toy_snapshot(folder))
assert features_of(profile, index, CUTOFF_MS).weights.tolist() == [np.float32(0.9)]
assert recent_intent(profile, {}, CUTOFF_MS).looked_at[0].item_id == "item-3"

# The user encoder has a number for it, and one that was trained before reads it as a custom one of its sign.
assert (N_KINDS, kind_code("subscribe")) == (21, 20)
assert kind_code("quiz", event_types({"quiz": 1.0})) == CUSTOM_FOR == 17
weights = random_weights(16, 40, 8, 2, 2)
projection = projection_file(projection_of(weights))
encoder = UserEncoder.from_bytes(onnx_graph(weights, 2, 2), projection)
before = weights | {name: weights[name][:20] for name in ("kind.weight", "telling.weight")}
old = UserEncoder.from_bytes(onnx_graph(before, 2, 2), projection)
inputs = user_inputs(profile, index, encoder, CUTOFF_MS)
custom = {**inputs, "kinds": np.asarray([CUSTOM_FOR])}
assert inputs["kinds"].tolist() == [20]
assert np.array_equal(old.encode(inputs), old.encode(custom))
assert np.allclose(old.encode(inputs), encoder.encode(custom), atol=1e-6)
assert np.abs(encoder.encode(inputs) - encoder.encode(custom)).max() > 1e-3

# Until a language has a word for it, it is spoken of as something that was chosen.
for language in LANGUAGES:
    assert TEXTS[language].past_other in sentence("next", 1.0, language, ["Mug"], ["subscribe"])
"""


def test_one_row_makes_a_type_of_events(tmp_path: Path) -> None:
    copy = tmp_path / "endcap"
    shutil.copytree(Path(endcap.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    rows = copy / "events" / "types.py"
    before = rows.read_text()
    assert before.count(END_OF_ROWS) == 1
    rows.write_text(before.replace(END_OF_ROWS, ROW + END_OF_ROWS))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
