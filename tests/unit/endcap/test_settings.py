import pytest

from endcap.settings import Settings, SettingsError

COMPLETE = {
    "PROFILES_TABLE": "profiles",
    "ITEMS_TABLE": "items",
    "COUNTERS_TABLE": "counters",
    "ERASURES_TABLE": "erasures",
    "DATA_BUCKET": "data",
    "EVENTS_QUEUE_URL": "https://queue.example.com/events",
    "ARCHIVE_STREAM": "archive",
    "EXPOSURES_STREAM": "exposures",
}


def test_names_are_required_and_choices_have_defaults():
    settings = Settings.from_env(COMPLETE)
    assert settings.profiles_table == "profiles"
    assert settings.exposures_stream == "exposures"
    assert settings.profile_ttl_days == 0
    assert "view" in settings.event_types


@pytest.mark.parametrize("name", COMPLETE)
@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_name_is_named(name, value):
    env = {**COMPLETE, name: value} if value is not None else {k: v for k, v in COMPLETE.items() if k != name}
    with pytest.raises(SettingsError, match=name):
        Settings.from_env(env)


def test_all_that_is_wrong_is_named_at_once_and_no_value_is_told():
    env = {**COMPLETE, "ITEMS_TABLE": "", "PROFILE_TTL_DAYS": "s3cret"}
    del env["DATA_BUCKET"]
    with pytest.raises(SettingsError, match=r"ITEMS_TABLE.*DATA_BUCKET.*PROFILE_TTL_DAYS") as error:
        Settings.from_env(env)
    assert "s3cret" not in str(error.value)


def test_choices_are_read():
    settings = Settings.from_env({**COMPLETE, "PROFILE_TTL_DAYS": "30", "EVENT_WEIGHTS": '{"quiz_done": 0.5}'})
    assert settings.profile_ttl_days == 30
    assert settings.event_types["quiz_done"].weight == 0.5


@pytest.mark.parametrize("days", ["-1", "1.5", "soon", "", "٣"])
def test_days_that_are_no_count_are_refused(days):
    with pytest.raises(SettingsError, match="PROFILE_TTL_DAYS"):
        Settings.from_env({**COMPLETE, "PROFILE_TTL_DAYS": days})


@pytest.mark.parametrize(
    "weights", ["{", "[]", "3", '{"view": null}', '{"view": "x"}', '{"view": NaN}', '{"view": []}']
)
def test_weights_that_are_none_are_refused(weights):
    with pytest.raises(SettingsError, match="EVENT_WEIGHTS"):
        Settings.from_env({**COMPLETE, "EVENT_WEIGHTS": weights})


@pytest.mark.parametrize("authorisation", ["", "none", "IAM", "off"])
def test_an_unknown_way_to_tell_callers_apart_is_refused(authorisation):
    with pytest.raises(SettingsError, match="AUTHORISATION"):
        Settings.from_env({**COMPLETE, "AUTHORISATION": authorisation})


def test_rates_are_by_role():
    settings = Settings.from_env({**COMPLETE, "CLIENT_RATES": "server=0 operator=20 browser=2.5"})
    assert settings.client_rates == {"server": 0, "operator": 20, "browser": 2.5}


@pytest.mark.parametrize("rates", ["browser", "browser=", "browser=fast", "browser=-1", "browser=nan", "a=1=2", "=inf"])
def test_rates_that_are_none_are_refused(rates):
    with pytest.raises(SettingsError, match="CLIENT_RATES"):
        Settings.from_env({**COMPLETE, "CLIENT_RATES": rates})


def test_secrets_of_the_door_are_long():
    first, before = "a" * 32, "b" * 40
    settings = Settings.from_env(
        {**COMPLETE, "STOREFRONT_SECRETS": f"{first} {before}", "STOREFRONT_ORIGINS": "https://a b"}
    )
    assert settings.storefront_secrets == (first, before)
    assert settings.storefront_origins == ("https://a", "b")
    assert first not in repr(settings)
    assert Settings.from_env({**COMPLETE, "STOREFRONT_SECRETS": " "}).storefront_secrets == ()
    for secrets in ("short", f"{first} short"):
        with pytest.raises(SettingsError, match="STOREFRONT_SECRETS") as caught:
            Settings.from_env({**COMPLETE, "STOREFRONT_SECRETS": secrets})
        assert "short" not in str(caught.value)
