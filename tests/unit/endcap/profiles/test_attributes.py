import pytest

from endcap.errors import InvalidRequestError
from endcap.profiles.attributes import stated
from tests.fakes.profile_store import MemoryProfiles

NOW_MS = 1_768_471_200_000
MINUTE_MS = 60_000


def profile_after(*bodies, at_ms=NOW_MS):
    store = MemoryProfiles()
    for body in bodies:
        stated(body, at_ms).state("ann", store)
    return store.get("ann")


def test_each_field_is_kept_by_itself():
    profile = profile_after({"attributes": {"age": 31}}, {"preferences": {"size": "M"}}, {"consent": {"mail": False}})
    assert profile.attributes.value == {"age": 31}
    assert profile.preferences.value == {"size": "M"}
    assert profile.consent.value == {"mail": False}


def test_the_later_statement_wins_in_any_order():
    old = {"preferences": {"size": "M"}, "timestamp": NOW_MS - 2000}
    new = {"preferences": {"size": "L"}, "timestamp": NOW_MS - 1000}
    assert profile_after(old, new) == profile_after(new, old)
    assert profile_after(new, old).preferences.value == {"size": "L"}


def test_a_statement_replaces_the_whole_field():
    profile = profile_after(
        {"attributes": {"age": 31, "city": "Graz"}, "timestamp": NOW_MS - 1000}, {"attributes": {"age": 32}}
    )
    assert profile.attributes.value == {"age": 32}


def test_a_clock_slightly_ahead_is_set_back_to_arrival():
    ahead = {"consent": {"mail": True}, "timestamp": NOW_MS + 5 * MINUTE_MS}
    assert profile_after(ahead).consent.timestamp_ms == NOW_MS


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"attributes": None},
        {"attributes": [1]},
        {"attributes": {"a": {"deep": 1}}},
        {"attributes": {"a": None}},
        {"attributes": {"a": float("nan")}},
        {"attributes": {"a": 10**400}},
        {"attributes": {"a": "\ud800"}},
        {"attributes": {"n" * 65: 1}},
        {"attributes": {"a": "x" * 257}},
        {"consent": {"mail": "perhaps"}},
        {"consent": {"mail": 2}},
        {"unknown": {}},
        {"attributes": {}, "timestamp": NOW_MS + 5 * MINUTE_MS + 1},
        {"attributes": {}, "timestamp": "soon"},
        {"attributes": {f"name-{n}": "用" * 50 for n in range(20)}},
    ],
)
def test_what_can_not_be_kept_is_refused(body):
    with pytest.raises(InvalidRequestError):
        stated(body, NOW_MS)


def test_preferences_that_rank_nothing_are_told_with_the_nearest():
    warnings = []
    found = stated({"preferences": {"categorys": ["home"], "colour": "red", "brands": "Acme"}}, NOW_MS, warnings)
    assert {w["field"]: w["message"] for w in warnings} == {
        "preferences.categorys": "is kept, and ranks nothing; did you mean categories?",
        "preferences.colour": "is kept, and ranks nothing: categories and brands do",
    }
    kept = found.said.preferences.value
    assert kept == {"categorys": ["home"], "colour": "red", "brands": ["Acme"]}


def test_a_misspelt_field_is_refused_with_the_nearest():
    with pytest.raises(InvalidRequestError) as caught:
        stated({"consnet": {"personalization": False}}, NOW_MS)
    assert caught.value.errors == [
        {"field": "consnet", "message": "is no name that is known here; did you mean consent?"}
    ]
