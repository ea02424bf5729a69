"""Anonymous ids of files from before they had keys, and of files since."""

import json

from endcap.events.interaction import interaction_document, parse_interaction
from endcap_rebuild.data.identities import Identities
from endcap_rebuild.data.reading import ReadReport, read_events

NOW_MS = 1_768_471_200_000
COOKIE = {"user_id": "cookie", "event_type": "view", "item_id": "i", "timestamp": NOW_MS - 9}
LOGIN = {"user_id": "ann", "event_type": "identify", "anonymous_id": "cookie", "timestamp": NOW_MS - 5}


def keys_of(tmp_path, *rows):
    """Whose each event is, as far as it is no identify."""
    file = tmp_path / "events.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    identities = Identities()
    events = list(read_events(file, ReadReport(), NOW_MS, identities=identities))
    return [identities.keyed(event).user_id for event in events if event.event_type != "identify"]


def archived(row):
    return interaction_document(parse_interaction(row, NOW_MS))


def test_before_an_identified_id_stood_where_users_do(tmp_path):
    assert keys_of(tmp_path, COOKIE, LOGIN, {**COOKIE, "user_id": "ann"}) == ["anon:cookie", "ann"]


def test_since_then_it_stands_apart(tmp_path):
    seen = {**COOKIE, "user_id": None, "anonymous_id": "cookie"}
    assert keys_of(tmp_path, archived(seen), archived(LOGIN), archived(COOKIE)) == ["anon:cookie", "cookie"]


def test_a_user_is_not_taken_for_an_anonymous_id(tmp_path):
    mallory = {**LOGIN, "user_id": "mallory", "anonymous_id": "ann"}
    assert keys_of(tmp_path, {**COOKIE, "user_id": "ann"}, LOGIN, mallory) == ["ann"]
    # AND an identify of since means no user at all
    assert keys_of(tmp_path, {**COOKIE, "user_id": "bob"}, archived({**mallory, "anonymous_id": "bob"})) == ["bob"]
