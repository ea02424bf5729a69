"""Whatever JSON a client or a stream sends: it is understood, or refused with findings; nothing else happens."""

import json

from hypothesis import given
from hypothesis import strategies as st

from endcap.catalog.item import content_hash, item_document, parse_item
from endcap.errors import InvalidInputError
from endcap.events.interaction import InteractionInput, interaction_document, parse_interaction
from endcap.events.types import ALIASES, EVENT_TYPES
from endcap.profiles.attributes import UserInput, stated
from endcap.profiles.codec import ProfileFormatError, decode_profile, encode_profile
from endcap.profiles.profile import profile_of
from tests.fakes.effort import tried
from tests.fakes.profile_store import MemoryProfiles

NOW_MS = 1_768_471_200_000
ITEM_FIELDS = (
    "item_id",
    "id",
    "title",
    "categories",
    "price",
    "available",
    "created_at",
    "attributes",
    "attrs",
    "brand",
)

numbers = st.one_of(
    st.integers(), st.floats(), st.booleans(), st.sampled_from([0, 1, 1e11, 1e308, 10**400, -(10**400), NOW_MS, 5e-324])
)
texts = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["", "nan", "1e999", "2026-01-15T10:00:00Z", "0001-01-01T00:00:00+23:59", "\ud800", "4.5", "a" * 129]
    ),
)
anything = st.recursive(
    st.one_of(st.none(), numbers, texts),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)


def objects(names, **known):
    fields = st.dictionaries(st.sampled_from(names), anything, max_size=6)
    return st.builds(lambda good, other: good | other, st.fixed_dictionaries({}, optional=known), fields)


events = objects(
    tuple(InteractionInput.model_fields),
    user_id=st.text(min_size=1, max_size=8),
    item_id=st.text(min_size=1, max_size=8),
    event_type=st.sampled_from([*EVENT_TYPES, *ALIASES]),
    text=st.text(max_size=8),
    value=st.floats(0.5, 5),
    anonymous_id=st.just("cookie"),
)


def understood(read):
    """What `read` makes of its input, None where it refuses it with findings that can be sent."""
    try:
        return read()
    except InvalidInputError as exc:
        errors = exc.errors
    assert errors
    json.dumps(errors, ensure_ascii=False).encode()
    return None


@tried(300)
@given(events | anything)
def test_an_event_is_understood_the_same_from_its_own_document_or_refused(raw):
    interaction = understood(lambda: parse_interaction(raw, NOW_MS))
    if interaction is None:
        return
    text = json.dumps(interaction_document(interaction), allow_nan=False, ensure_ascii=False)
    assert parse_interaction(json.loads(text.encode()), NOW_MS) == interaction
    profile = profile_of([interaction])
    assert decode_profile(encode_profile(profile)) == profile


@tried(300)
@given(objects(ITEM_FIELDS, item_id=st.text(min_size=1, max_size=8), title=st.text(max_size=20)) | anything)
def test_an_item_is_understood_the_same_from_its_own_document_or_refused(raw):
    item = understood(lambda: parse_item(raw))
    if item is None:
        return
    text = json.dumps(item_document(item), allow_nan=False, ensure_ascii=False)
    again = parse_item(json.loads(text.encode()))
    assert again == item
    assert content_hash(again) == content_hash(item)


@tried(200)
@given(objects(tuple(UserInput.model_fields)) | anything)
def test_a_statement_is_kept_or_refused(raw):
    statement = understood(lambda: stated(raw, NOW_MS))
    if statement is None:
        return
    profile, _ = statement.state("ann", MemoryProfiles())
    assert decode_profile(encode_profile(profile)) == profile


@tried(300)
@given(st.builds(bytes.__add__, st.sampled_from([b"", b"\1", b"\2", b"\3"]), st.binary(max_size=60)))
def test_any_bytes_are_a_profile_or_refused_as_none(data):
    try:
        profile = decode_profile(data)
    except ProfileFormatError:
        return
    assert decode_profile(encode_profile(profile)) == profile
