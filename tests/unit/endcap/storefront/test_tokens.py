"""Tokens at the storefront door: those of the shop and our own are known, and none of the others."""

from __future__ import annotations

import base64
import random

import hypothesis.strategies as st
import pytest
from hypothesis import given

from endcap.errors import UnauthorisedError
from endcap.identifiers import anonymous_key
from endcap.storefront import tokens
from endcap.storefront.tokens import AUDIENCE, VISIT_S, Visitor, link_of, read_visitor, shopper_of, write_visitor
from tests.fakes.door_tokens import BEFORE, NOW_S, SECRET, claims, no_good, signed
from tests.fakes.effort import examples, proved, tried

SECRETS = (SECRET, BEFORE)
KEY = bytes(range(16))


def known(token: str, now_s: float = NOW_S) -> str:
    return shopper_of(token, SECRETS, now_s)


@pytest.mark.parametrize(
    "token",
    [
        signed(claims()),
        signed(claims(), BEFORE),
        signed(claims(exp=int(NOW_S) + 86_400)),
        signed(claims(exp=NOW_S + 0.5, iat=NOW_S, nbf=NOW_S + 59)),
        signed(claims(aud=AUDIENCE)),
        signed(claims(aud=["another", AUDIENCE])),
        signed(claims(), header={"alg": "HS256"}),
        signed(claims(name="Alice", nested={"a": [1]})),
    ],
)
def test_a_token_of_the_shop_says_who_it_is(token: str) -> None:
    assert known(token) == "alice"


def test_ids_come_in_the_form_that_profiles_are_kept_under() -> None:
    assert known(signed(claims(sub="é"))) == "é"
    assert known(signed(claims(sub="张 三"))) == "张 三"


@proved
def test_no_other_token_says_anything() -> None:
    for what, token in no_good(2026, examples(400)):
        with pytest.raises(UnauthorisedError):
            pytest.fail(f"{what}: {known(token)}")


def test_a_token_is_over_to_the_second() -> None:
    token = signed(claims(exp=NOW_S + 10))
    assert known(token, NOW_S + 9.9) == "alice"
    with pytest.raises(UnauthorisedError):
        known(token, NOW_S + 10)


def test_without_a_secret_nobody_is_known() -> None:
    with pytest.raises(UnauthorisedError):
        shopper_of(signed(claims(), ""), (), NOW_S)


def test_it_is_not_said_what_is_wrong() -> None:
    told = set()
    for _, token in no_good(1, 100):
        with pytest.raises(UnauthorisedError) as caught:
            known(token)
        told.add(str(caught.value))
    assert len(told) == 1


@tried(100)
@given(key=st.binary(min_size=16, max_size=16), age=st.integers(-60, VISIT_S - 1), user_id=st.text(min_size=1))
def test_a_visitor_is_known_again(key: bytes, age: int, user_id: str) -> None:
    visitor = Visitor(key, int(NOW_S) - age, link_of(user_id.encode(errors="replace").decode(), SECRETS))
    token = write_visitor(visitor, SECRETS)
    assert read_visitor(token, SECRETS, NOW_S) == visitor
    assert read_visitor(token, (BEFORE, SECRET), NOW_S) == visitor  # a secret on its way out still counts
    assert read_visitor(token, (BEFORE,), NOW_S) is None
    assert len(token) == 60


def test_a_visitor_is_forgotten_after_a_year_and_none_comes_from_the_future() -> None:
    token = write_visitor(Visitor(KEY, int(NOW_S)), SECRETS)
    assert read_visitor(token, SECRETS, NOW_S + VISIT_S - 1)
    assert read_visitor(token, SECRETS, NOW_S + VISIT_S) is None
    assert read_visitor(token, SECRETS, NOW_S - 61) is None


@proved
def test_no_token_that_differs_is_a_visitor() -> None:
    drawn = random.Random(7)
    good = write_visitor(Visitor(KEY, int(NOW_S)), SECRETS)
    raw = base64.urlsafe_b64decode(good)
    for _ in range(examples(400)):
        changed = bytearray(raw)
        for at in drawn.sample(range(len(raw)), drawn.randrange(1, 5)):
            changed[at] ^= drawn.randrange(1, 256)
        spoilt = base64.urlsafe_b64encode(bytes(changed)).decode()
        at = drawn.randrange(1, len(good))
        for token in (spoilt, good[:at], good[at:], good[:at] + good, drawn.randbytes(45).hex()[:60], good[:-1] + "é"):
            assert read_visitor(token, SECRETS, NOW_S) is None, token


def test_a_token_of_another_format_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as later:
        later.setattr(tokens, "_FORMAT", b"\x02")
        token = write_visitor(Visitor(KEY, int(NOW_S)), SECRETS)
        assert read_visitor(token, SECRETS, NOW_S)
    assert read_visitor(token, SECRETS, NOW_S) is None


@pytest.mark.parametrize("name", ["anon:", "anon:alice", anonymous_key(Visitor(KEY, 1).anonymous_id)])
def test_no_user_name_is_a_visitors_key(name: str) -> None:
    with pytest.raises(UnauthorisedError):
        known(signed(claims(sub=name)))


@pytest.mark.parametrize("wrong", [{"iat": True}, {"nbf": False}, {"exp": True}])
def test_a_time_is_a_number(wrong: dict[str, bool]) -> None:
    with pytest.raises(UnauthorisedError):
        known(signed(claims(**wrong)))


def test_what_the_shop_signs_is_no_visitor_and_a_visitor_no_shopper() -> None:
    visitor = write_visitor(Visitor(KEY, int(NOW_S)), SECRETS)
    with pytest.raises(UnauthorisedError):
        known(visitor)
    assert read_visitor(signed(claims()), SECRETS, NOW_S) is None


def test_a_visitors_id_says_nothing_of_when_or_who() -> None:
    assert Visitor(KEY, 1).anonymous_id == Visitor(KEY, 2, b"12345678").anonymous_id
    assert Visitor(KEY, 1).anonymous_id != Visitor(KEY[::-1], 1).anonymous_id
    assert "alice" not in write_visitor(Visitor(KEY, 1, link_of("alice", SECRETS)), SECRETS)
