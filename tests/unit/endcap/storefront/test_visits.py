"""Who acts: by the cookie or the header and the shop's token, and by nothing else that a request says."""

from __future__ import annotations

import pytest

from endcap.errors import UnauthorisedError
from endcap.identifiers import anonymous_key
from endcap.storefront.tokens import RENEWED_AFTER_S, VISIT_S, Visitor, write_visitor
from endcap.storefront.visits import COOKIE, NEW, SHOPPER_HEADER, VISITOR_HEADER, Visit, visit_of
from tests.fakes.door_tokens import BEFORE, NOW_S, SECRET, claims, no_good, signed

SECRETS = (SECRET, BEFORE)
OURS, NEXT = b"o" * 16, b"n" * 16


def token(key: bytes = OURS, age_s: float = 0, link: bytes = b"\0" * 8) -> str:
    return write_visitor(Visitor(key, int(NOW_S - age_s), link), SECRETS)


def visit(*cookies: str, visitor: str | None = None, shopper: str | None = None, now_s: float = NOW_S) -> Visit:
    given = {VISITOR_HEADER: visitor, SHOPPER_HEADER: shopper}
    headers = {name: value for name, value in given.items() if value is not None}
    return visit_of(headers, cookies, SECRETS, now_s, NEXT)


def test_who_comes_for_the_first_time_is_somebody_new() -> None:
    first = visit()
    assert (first.visitor.key, first.fresh, first.known, first.by_header) == (NEXT, True, False, False)
    assert first.shopper == anonymous_key(first.visitor.anonymous_id)


def test_who_brings_their_cookie_is_known_again() -> None:
    again = visit("theme=dark", f"{COOKIE}={token()}")
    assert (again.visitor.key, again.fresh, again.known) == (OURS, False, True)
    assert again.shopper == anonymous_key(again.visitor.anonymous_id)


def test_a_header_takes_the_place_of_the_cookie() -> None:
    again = visit(f"{COOKIE}={token(NEXT)}", visitor=token())
    assert (again.visitor.key, again.by_header, again.fresh) == (OURS, True, False)
    first = visit(f"{COOKIE}={token()}", visitor=NEW)
    assert (first.visitor.key, first.by_header, first.fresh) == (NEXT, True, True)


def test_a_header_that_is_no_good_is_refused_and_a_cookie_makes_somebody_new() -> None:
    for bad in ("", "x", token() + "A", token(age_s=VISIT_S), token().swapcase(), "new "):
        with pytest.raises(UnauthorisedError, match="send new"):
            visit(visitor=bad)
        assert visit(f"{COOKIE}={bad}").visitor.key == NEXT


def test_two_cookies_that_differ_count_for_nothing() -> None:
    mine, slipped_in = f"{COOKIE}={token()}", f"{COOKIE}={token(b'a' * 16)}"
    assert visit(slipped_in, mine).visitor.key == NEXT
    assert visit(mine, slipped_in).visitor.key == NEXT
    assert visit(mine, mine).visitor.key == OURS


def test_the_shop_says_who_a_shopper_is() -> None:
    known = visit(f"{COOKIE}={token()}", shopper=signed(claims()))
    assert (known.user_id, known.shopper, known.visitor.key) == ("alice", "alice", OURS)
    assert visit(shopper=signed(claims())).shopper == "alice"


def test_a_shoppers_token_that_is_no_good_is_refused_whatever_the_cookie() -> None:
    for what, bad in no_good(3, 240):
        with pytest.raises(UnauthorisedError):
            pytest.fail(f"{what}: {visit(f'{COOKIE}={token()}', shopper=bad)}")


def test_a_token_is_renewed_once_a_month_and_keeps_the_visitor() -> None:
    assert not visit(f"{COOKIE}={token(age_s=RENEWED_AFTER_S)}").fresh
    renewed = visit(f"{COOKIE}={token(age_s=RENEWED_AFTER_S + 1)}")
    assert (renewed.visitor.key, renewed.fresh, renewed.known) == (OURS, True, True)
    assert renewed.visitor.issued_s == NOW_S
    later = visit(f"{COOKIE}={renewed.token(SECRETS)}", now_s=NOW_S + VISIT_S - 1)
    assert later.visitor.key == OURS


def test_a_visitor_is_said_to_be_a_shopper_once_and_again_after_signing_out() -> None:
    def seen(cookie: str, shopper: str | None) -> Visit:
        return visit(f"{COOKIE}={cookie}", shopper=None if shopper is None else signed(claims(sub=shopper)))

    signed_in = seen(token(), "alice")
    assert signed_in.unlinked(SECRETS)
    linked = signed_in.linked(SECRETS)
    assert linked.fresh
    assert not linked.unlinked(SECRETS)
    cookie = linked.token(SECRETS)
    assert not seen(cookie, "alice").unlinked(SECRETS)
    assert not seen(cookie, "alice").fresh
    assert seen(cookie, "bob").unlinked(SECRETS)  # somebody else at the same device
    signed_out = seen(cookie, None)
    assert signed_out.fresh
    assert signed_out.shopper == anonymous_key(signed_in.visitor.anonymous_id)
    assert seen(signed_out.token(SECRETS), "alice").unlinked(SECRETS)  # what was done in between is theirs as well
