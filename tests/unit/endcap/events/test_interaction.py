import json
from datetime import UTC, datetime

import pytest

from endcap.errors import InvalidInteractionError
from endcap.events.interaction import interaction_document, parse_interaction
from endcap.events.types import event_types
from endcap.validation import timestamp_ms, timestamp_number

NOW_MS = 1_768_471_200_000  # 2026-01-15T10:00:00Z
MINUTE_MS = 60_000
VIEW = {"user_id": "u", "event_type": "view", "item_id": "i"}
TIMED = {**VIEW, "timestamp": NOW_MS}
PLACEHOLDERS = ["undefined", "null", "NULL", "None", "(not set)", "NaN", " nan ", "\\N", "[object Object]", "", "  "]


def parsed(arrival_ms=NOW_MS, **fields):
    return parse_interaction({**VIEW, **fields}, arrival_ms)


def complaints(raw, **options):
    with pytest.raises(InvalidInteractionError) as caught:
        parse_interaction(raw, NOW_MS, **options)
    return {error["field"]: error["message"] for error in caught.value.errors}


@pytest.mark.parametrize(
    "given",
    [
        1_768_471_200,
        1_768_471_200.0,
        "1768471200",
        1_768_471_200_000,
        "1768471200000",
        "2026-01-15T10:00:00Z",
        "2026-01-15T10:00:00",
        "2026-01-15T18:00:00+08:00",
        "2026-01-15 10:00:00.000",
    ],
)
def test_one_moment_in_every_spelling(given):
    assert timestamp_ms(given) == NOW_MS


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (0, 0),
        (1.5, 1500),
        (1_768_471_200.123, 1_768_471_200_123),
        (99_999_999_999, 99_999_999_999_000),
        (100_000_000_000, 100_000_000_000),
        ("1970-01-01T00:00:00.001Z", 1),
        ("1972-12-31T23:59:59Z", 94_694_399_000),
    ],
)
def test_numbers_from_1e11_on_are_milliseconds(given, expected):
    assert timestamp_ms(given) == expected


@pytest.mark.parametrize(
    "given",
    [
        None,
        True,
        [],
        {},
        "",
        "yesterday",
        "nan",
        "inf",
        float("nan"),
        float("inf"),
        float("-inf"),
        -1,
        "1969-12-31T23:59:59Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        10**300,
        10**400,
        -(10**400),
        1e308,
    ],
)
def test_what_is_no_time_between_1970_and_9999_is_refused(given):
    with pytest.raises(ValueError):
        timestamp_ms(given)


@pytest.mark.parametrize("ms", [0, 1, 1500, 94_694_399_000, 10**11 - 1, 10**11, NOW_MS, 253_402_300_799_999])
def test_times_are_written_so_that_they_read_back(ms):
    assert timestamp_ms(timestamp_number(ms)) == ms


def test_null_and_empty_fields_are_absent():
    full = dict.fromkeys(("event_id", "value", "text", "timestamp", "session_id", "position", "properties"))
    empty = dict.fromkeys(full, "")
    assert parsed(**full) == parsed(**empty) == parsed()
    assert parsed(properties={"colour": None, "size": ""}).properties == {}


def test_numbers_may_come_as_text_as_in_a_csv_file():
    rating = parsed(event_type="rating", value="4.5", position="3")
    assert (rating.value, rating.position) == (4.5, 3)


@pytest.mark.parametrize(
    ("alias", "name", "fields"),
    [
        ("view_item", "view", {}),
        ("select_item", "click", {}),
        ("refund", "return", {}),
        ("add_to_wishlist", "wishlist", {}),
        ("view_item_list", "impression", {}),
        ("comment", "review", {"text": "lovely"}),
        ("view_search_results", "search", {"text": "lamp"}),
    ],
)
def test_other_names_for_a_kind(alias, name, fields):
    assert parsed(event_type=alias, **fields).event_type == name


def test_a_kind_of_the_storefront_goes_before_an_alias():
    kinds = event_types({"comment": 0.1})
    assert parse_interaction({**VIEW, "event_type": "comment"}, NOW_MS, kinds).event_type == "comment"


def test_unknown_kinds_are_refused_by_name():
    assert "'teleport'" in complaints({**VIEW, "event_type": "teleport"})["event_type"]


@pytest.mark.parametrize(
    ("event_type", "missing"),
    [
        ("view", {"item_id"}),
        ("purchase", {"item_id"}),
        ("rating", {"item_id", "value"}),
        ("search", {"text"}),
        ("tag", {"text"}),
        ("identify", {"anonymous_id"}),
        ("post", {"text"}),
    ],
)
def test_an_event_that_would_say_nothing_is_refused(event_type, missing):
    assert set(complaints({"user_id": "u", "event_type": event_type})) == missing


@pytest.mark.parametrize("event_type", ["comment", "review"])
def test_a_comment_on_nothing_that_is_sold_is_a_post(event_type):
    event = {"user_id": "u", "event_type": event_type, "text": "we go camping in June", "value": 9}
    found = parse_interaction(event, NOW_MS)
    assert (found.event_type, found.item_id, found.text) == ("post", None, "we go camping in June")
    assert parse_interaction({**event, "item_id": "tent", "value": 4}, NOW_MS).event_type == "review"
    assert set(complaints({"user_id": "u", "event_type": event_type, "value": 4})) == {"item_id"}


def test_a_post_of_the_storefronts_own_about_an_item_needs_no_text():
    assert parsed(event_type="post").item_id is not None


def test_a_review_needs_neither_text_nor_grade():
    assert parsed(event_type="review").value is None


@pytest.mark.parametrize("event_type", ["rating", "review"])
@pytest.mark.parametrize("value", [0, 0.49, 5.01, -1, 100])
def test_a_grade_lies_between_one_half_and_five(event_type, value):
    assert "grade" in complaints({**VIEW, "event_type": event_type, "value": value})["value"]


@pytest.mark.parametrize("value", [-12.5, 0, 99_999.0])
def test_elsewhere_a_value_is_whatever_the_storefront_means(value):
    assert parsed(event_type="purchase", value=value).value == value


def told(**fields):
    """The interaction, and what is said of its fields."""
    warnings = []
    event = parse_interaction({**VIEW, **fields}, NOW_MS, warnings=warnings)
    return event, {warning["field"]: warning["message"] for warning in warnings}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("timestamp", 10**400),
        ("timestamp", [1]),
        ("timestamp", "31.08.2026"),
        ("user_id", True),
        ("user_id", 1.5),
        ("user_id", "u" * 129),
        ("user_id", "用" * 43),
        ("user_id", "tab\there"),
        ("item_id", "null\0"),
        ("item_id", "\ud800"),
        ("item_id", ["i"]),
        ("event_type", 5),
        ("event_type", "\ud800"),
    ],
)
def test_who_what_when_and_which_item_have_to_be_right(field, value):
    assert set(complaints({**VIEW, field: value})) == {field}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("value", "many"),
        ("value", "12,50"),
        ("value", "$12"),
        ("value", True),
        ("value", float("nan")),
        ("value", float("inf")),
        ("value", "nan"),
        ("value", 10**400),
        ("position", 0),
        ("position", 2.5),
        ("position", True),
        ("position", 10**400),
        ("event_id", "e" * 65),
        ("text", ["x"]),
        ("text", "half a pair \udfff"),
        ("session_id", {}),
        ("anonymous_id", "x" * 129),
        ("recommendation_id", "line\nbreak"),
        ("properties", []),
    ],
)
def test_an_odd_optional_field_is_left_out_and_named(field, value):
    event, said = told(**{field: value})
    assert event == parsed()
    assert set(said) == {field}
    assert said[field].startswith("was left out: ")


@pytest.mark.parametrize("value", [float("nan"), 10**400, [1], {}, "\ud800"])
def test_an_odd_property_is_left_out_and_named_once(value):
    event, said = told(properties={"size": value, "colour": "red"})
    assert event.properties == {"colour": "red"}
    rule = "must be text of at most 256 characters, a finite number, true or false"
    assert said == {"properties.size": f"was left out: {rule}"}


def test_long_texts_and_properties_are_cut():
    event, said = told(
        event_type="review", text="x" * 4500, properties={"note": "y" * 300, **{f"p{n}": n for n in range(33)}}
    )
    assert event.text == "x" * 4000
    assert (len(event.properties), event.properties["note"]) == (32, "y" * 256)
    assert said == {
        "text": "was too long: the first 4000 count",
        "properties": "was too long: the first 32 count",
        "properties.note": "was too long: the first 256 count",
    }


def test_a_field_that_the_type_needs_is_not_optional():
    assert set(complaints({"user_id": "u", "event_type": "search", "text": 5})) == {"text"}
    assert set(complaints({**VIEW, "event_type": "rating", "value": "many"})) == {"value"}
    assert set(complaints({"event_type": "view", "item_id": "i", "anonymous_id": "x" * 129})) == {"anonymous_id"}
    link = {"user_id": "u", "event_type": "identify", "anonymous_id": "x" * 129}
    assert set(complaints(link)) == {"anonymous_id"}
    assert parsed(event_type="search", item_id=["i"], text="lamp").item_id is None


def test_an_odd_grade_does_not_turn_a_review_into_praise():
    assert set(complaints({**VIEW, "event_type": "review", "value": "five stars"})) == {"value"}
    event, said = told(event_type="review", value=8, text="it broke")
    assert (event.value, event.text) == (None, "it broke")
    assert said == {"value": "was left out: must be a grade from 0.5 to 5 for review; bring one of another scale to it"}


def test_whole_numbers_are_ids_by_their_digits():
    event, said = told(user_id=4711, item_id=123, session_id=5, event_id=6, anonymous_id=7, recommendation_id=8)
    assert (event.user_id, event.item_id, event.session_id) == ("4711", "123", "5")
    assert (event.event_id, event.anonymous_id, event.recommendation_id) == ("6", "7", "8")
    assert said == {}


def test_names_that_events_do_not_have_are_told_with_the_nearest():
    event, said = told(sesion_id="s", visitorid="v", device="phone")
    assert event == parsed()
    assert said == {
        "sesion_id": "is no field of an event and was left out; did you mean session_id?",
        "visitorid": "is no field of an event and was left out; did you mean user_id?",
        "device": "is no field of an event and was left out",
    }


def test_what_an_interaction_is_written_as_holds_no_unknown_name():
    warnings = []
    link = parse_interaction({"user_id": "u", "event_type": "identify", "anonymous_id": "c"}, NOW_MS)
    parse_interaction(interaction_document(link), NOW_MS, warnings=warnings)
    assert warnings == []


def test_every_finding_is_listed():
    assert set(complaints({"user_id": "", "event_type": "view", "position": 0, "value": "x"})) == {
        "user_id",
        "item_id",
        "position",
        "value",
    }


@pytest.mark.parametrize("raw", [None, 3, "view", [VIEW], True])
def test_an_event_is_an_object(raw):
    assert "" in complaints(raw)


def test_ids_are_kept_in_normal_form_c():
    assert parsed(user_id="Zoe\u0308", item_id="e\u0301").user_id == "Zo\u00eb"
    assert parsed(item_id="e\u0301").item_id == "\u00e9"
    assert parsed(user_id="e\u0301" * 64).user_id == "\u00e9" * 64  # 128 bytes once composed, 192 before


def test_without_a_time_the_arrival_counts():
    assert parsed().timestamp_ms == NOW_MS


def test_clocks_up_to_five_minutes_ahead_are_set_back_to_arrival():
    assert parsed(timestamp=NOW_MS + 5 * MINUTE_MS).timestamp_ms == NOW_MS
    assert "future" in complaints({**VIEW, "timestamp": NOW_MS + 5 * MINUTE_MS + 1})["timestamp"]


def test_a_local_time_ahead_is_told_that_times_without_an_offset_are_utc():
    assert "without an offset are UTC" in complaints({**VIEW, "timestamp": "2026-01-15T18:00:00"})["timestamp"]
    assert "offset" not in complaints({**VIEW, "timestamp": "2026-01-15T18:00:00Z"})["timestamp"]


def test_the_past_may_be_any_age():
    assert parsed(timestamp="1970-01-01T00:00:00Z").timestamp_ms == 0


class TestFallbackId:
    def test_the_same_content_gives_the_same_id_whoever_it_was(self):
        ids = {parse_interaction({**TIMED, "user_id": u}, NOW_MS).event_id for u in ("u", "v")}
        assert len(ids) == 1
        assert len(ids.pop()) <= 64

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("item_id", "j"),
            ("event_type", "click"),
            ("value", 1),
            ("text", "t"),
            ("timestamp", NOW_MS - 1),
            ("session_id", "s"),
            ("properties", {"a": 1}),
        ],
    )
    def test_other_content_gives_another_id(self, field, value):
        assert parsed(**{**TIMED, field: value}).event_id != parsed(**TIMED).event_id

    def test_spelling_and_order_do_not_matter(self):
        spelt = parsed(timestamp=datetime.fromtimestamp(NOW_MS / 1000, UTC).isoformat(), value="3", properties={})
        plain = parsed(timestamp=NOW_MS, value=3.0, properties={})
        assert spelt.event_id == plain.event_id
        assert (
            parsed(timestamp=NOW_MS, properties={"a": 1, "b": 2}).event_id
            == parsed(timestamp=NOW_MS, properties={"b": 2.0, "a": 1}).event_id
        )

    def test_a_clock_slightly_ahead_sent_twice_is_one_event(self):
        ahead_ms = NOW_MS + MINUTE_MS
        assert parsed(NOW_MS, timestamp=ahead_ms).event_id == parsed(NOW_MS + 1, timestamp=ahead_ms).event_id

    def test_an_id_of_the_client_is_kept(self):
        assert parsed(event_id="mine").event_id == "mine"


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"timestamp": 5},
        {"timestamp": 94_694_399.5},
        {"event_type": "review", "value": 3.5, "text": "一般", "position": 2},
        {"event_type": "purchase", "value": 1e-7, "properties": {"gift": True, "size": "L", "n": 2}},
        {"event_type": "identify", "anonymous_id": "cookie"},
        {"recommendation_id": "r", "session_id": "s"},
    ],
)
def test_an_interaction_written_as_json_reads_back_unchanged(fields):
    interaction = parsed(**fields)
    document = json.loads(json.dumps(interaction_document(interaction)))
    assert parse_interaction(document, NOW_MS + 1) == interaction


class TestWhoseItIs:
    def test_without_a_user_it_is_the_anonymous_ids_own(self):
        event = parsed(user_id=None, anonymous_id="cookie")
        assert (event.user_id, event.anonymous_id) == ("anon:cookie", "cookie")
        document = interaction_document(event)
        assert "user_id" not in document
        assert parse_interaction(document, NOW_MS) == event

    def test_with_both_it_is_the_users(self):
        event = parsed(anonymous_id="cookie")
        assert (event.user_id, event.anonymous_id) == ("u", "cookie")

    @pytest.mark.parametrize("prefix", ["anon:", "anon:anon:", "anon:u", "anon:\u00e9"])
    def test_no_user_id_stands_for_an_anonymous_one(self, prefix):
        assert "anonymous_id" in complaints({**VIEW, "user_id": prefix})["user_id"]

    def test_an_anonymous_id_may_look_like_a_key(self):
        assert parsed(user_id=None, anonymous_id="anon:cookie").user_id == "anon:anon:cookie"
        assert parsed(user_id="anonymous:cookie").user_id == "anonymous:cookie"

    @pytest.mark.parametrize("word", PLACEHOLDERS)
    def test_what_stands_for_no_id_is_none(self, word):
        assert parsed(user_id=word, anonymous_id="cookie").user_id == "anon:cookie"
        assert parsed(anonymous_id=word).anonymous_id is None
        nobody = "is required where there is no anonymous_id"
        assert complaints({**VIEW, "user_id": word, "anonymous_id": word}) == {"user_id": nobody}
        link = {"user_id": "u", "event_type": "identify", "anonymous_id": "cookie"}
        assert set(complaints({**link, "user_id": word})) == {"user_id"}
        assert set(complaints({**link, "anonymous_id": word})) == {"anonymous_id"}

    def test_an_id_does_not_turn_out_to_be_itself(self):
        assert set(complaints({"user_id": "u", "event_type": "identify", "anonymous_id": "u"})) == {"anonymous_id"}

    def test_an_identify_says_under_which_key_the_anonymous_id_lies(self):
        link = parse_interaction({"user_id": "u", "event_type": "identify", "anonymous_id": "c"}, NOW_MS)
        document = interaction_document(link)
        assert document["anonymous_key"] == "anon:c"
        assert parse_interaction(document, NOW_MS) == link
