"""What passes the storefront door: pages of the shop, through the front where there is one, each with its share."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest

from endcap.api.limits import BURST, ClientLimits
from endcap.errors import ForbiddenError, TooManyRequestsError, UnauthorisedError
from endcap.settings import SettingsError
from endcap.storefront.door import FRONT_HEADER, VIEWER_HEADER, Door
from endcap.storefront.origins import Origins
from endcap.storefront.visits import NOBODY, VISITOR_HEADER
from tests.fakes.door_tokens import NOW_S, SECRET

SHOP = "https://shop.example"
ORIGINS = Origins(frozenset({SHOP, "https://m.shop.example:8443"}))
FRONT_KEY = "the-front-of-the-tests-0123456789"


def door(front_key: str = "", rate: float = 0.0, secrets: Sequence[str] = (SECRET,)) -> Door:
    keys = iter(range(10_000))
    limits = ClientLimits({"browser": rate}, lambda: 0.0)
    return Door(secrets, ORIGINS, limits, front_key, lambda: NOW_S, lambda: next(keys).to_bytes(16))


def event(source: str = "203.0.113.7", **headers: str) -> dict[str, Any]:
    return {
        "headers": {"host": "api.example.com", **{name.replace("_", "-"): value for name, value in headers.items()}},
        "requestContext": {"http": {"sourceIp": source}},
    }


def test_pages_of_the_shop_and_requests_of_no_page_come_in() -> None:
    for headers in (
        {},
        {"origin": SHOP},
        {"origin": "https://m.shop.example:8443"},
        {"origin": "https://api.example.com"},
    ):
        assert door().enter(event(**headers)).fresh


def test_no_other_page_comes_in() -> None:
    drawn = random.Random(5)
    near = [SHOP + tail for tail in ("/", ".", ":443", ":80", ".attacker.example", "@attacker.example", " ", "\t", "?")]
    near += ["null", "*", "", "http://shop.example", "https://SHOP.example", "https://www.shop.example", "shop.example"]
    near += ["https://m.shop.example", "https://attacker.example", f"{SHOP},{SHOP}", f"{SHOP} {SHOP}", "https://"]
    for _ in range(200):
        at = drawn.randrange(len(SHOP))
        near.append(SHOP[:at] + drawn.choice("abcxyz.-/:@ é\0") + SHOP[at + 1 :])
    for origin in set(near) - {SHOP}:
        with pytest.raises(ForbiddenError):
            door().enter(event(origin=origin))
        for headers in (ORIGINS.answer_headers({"origin": origin}), ORIGINS.preflight_headers({"origin": origin})):
            assert headers == {"Vary": "Origin"}, origin


def test_the_shops_pages_may_read_answers_and_send_cookies() -> None:
    assert ORIGINS.answer_headers({"origin": SHOP}) == {
        "Vary": "Origin",
        "Access-Control-Allow-Origin": SHOP,
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Expose-Headers": "date, retry-after",
    }
    preflight = ORIGINS.preflight_headers({"origin": SHOP})
    assert preflight["Access-Control-Allow-Methods"] == "GET, POST"
    assert VISITOR_HEADER in preflight["Access-Control-Allow-Headers"]


CRAWLERS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (Linux; Android 6.0.1) Chrome/120 Mobile (compatible; bingbot/2.0)",
    "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)",
    "Mozilla/5.0 (compatible; YandexBot/3.0)",
    "facebookexternalhit/1.1",
    "GPTBot/1.2",
    "Mozilla/5.0 Chrome-Lighthouse",
)
BROWSERS = (
    "",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/140.0 Safari/537.36",
    "Mozilla/5.0 (Linux; U; Android 9; CUBOT_X19) AppleWebKit/537.36 Chrome/101 Mobile Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605 MicroMessenger/8.0.40",
    "Mozilla/5.0 (Macintosh; Abbott 2) Safari/605",
)


def test_crawlers_and_who_wants_not_to_be_known_are_nobody() -> None:
    for agent in CRAWLERS:
        assert door().enter(event(user_agent=agent)) is None
    for agent in BROWSERS:
        assert door().enter(event(user_agent=agent)) is not None, agent
        assert door().enter(event(user_agent=agent, endcap_visitor=NOBODY)) is None
    with pytest.raises(ForbiddenError):
        door().enter(event(origin="https://attacker.example", endcap_visitor=NOBODY))


def test_nobody_has_the_share_of_their_address() -> None:
    asked = door(rate=1.0)
    for _ in range(int(BURST)):
        asked.enter(event(endcap_visitor=NOBODY))
    with pytest.raises(TooManyRequestsError):
        asked.enter(event(endcap_visitor=NOBODY))
    asked.enter(event("203.0.113.8", endcap_visitor=NOBODY))


def test_by_default_no_page_may_read_anything() -> None:
    none = Origins(frozenset())
    assert not none.admits({"origin": SHOP, "host": "api.example.com"})
    assert none.answer_headers({"origin": SHOP}) == {"Vary": "Origin"}


def test_behind_a_front_nobody_comes_round_it() -> None:
    for headers in (
        {},
        {"x_endcap_front": ""},
        {"x_endcap_front": FRONT_KEY[:-1]},
        {"x_endcap_front": FRONT_KEY + "é"},
    ):
        with pytest.raises(ForbiddenError, match="front"):
            door(FRONT_KEY).enter(event(**headers))
    assert door(FRONT_KEY).enter(event(x_endcap_front=FRONT_KEY))


def test_without_a_secret_nobody_comes_in() -> None:
    with pytest.raises(SettingsError):
        door(secrets=()).enter(event())


def full(door: Door, sent: dict[str, Any]) -> None:
    for _ in range(int(BURST)):
        door.enter(sent)
    with pytest.raises(TooManyRequestsError):
        door.enter(sent)


def test_an_address_without_a_token_has_one_share() -> None:
    limited = door(rate=1.0)
    full(limited, event("203.0.113.7"))
    limited.enter(event("203.0.113.8"))
    full(limited, event("2001:db8:1:2::1"))
    with pytest.raises(TooManyRequestsError):  # of one subscriber's network
        limited.enter(event("2001:db8:1:2:ffff::9"))
    limited.enter(event("2001:db8:1:3::1"))
    limited.enter(event("no address at all"))


def test_each_visitor_of_a_shared_address_has_a_share() -> None:
    limited = door(rate=1.0)
    one, two = (limited.enter(event("203.0.113.7")).token((SECRET,)) for _ in range(2))
    full(limited, event("203.0.113.7", endcap_visitor=one))
    full(limited, event("203.0.113.7", endcap_visitor=two))
    with pytest.raises(TooManyRequestsError):  # wherever they come from
        limited.enter(event("198.51.100.1", endcap_visitor=one))


def test_guessing_tokens_takes_up_the_share_of_the_address() -> None:
    limited = door(rate=1.0)
    for _ in range(int(BURST)):
        with pytest.raises(UnauthorisedError):
            limited.enter(event(endcap_visitor="x"))
    with pytest.raises(TooManyRequestsError):
        limited.enter(event(endcap_visitor="x"))


def test_only_the_front_is_believed_about_the_address() -> None:
    behind = door(FRONT_KEY, rate=1.0)
    for viewer in ("198.51.100.10:46532", "2001:db8:1:2::1:46532"):
        sent = event("130.176.0.1", x_endcap_front=FRONT_KEY, cloudfront_viewer_address=viewer)
        full(behind, sent)
    behind.enter(event("130.176.0.1", x_endcap_front=FRONT_KEY, cloudfront_viewer_address="198.51.100.11:1"))
    bare = door(rate=1.0)
    full(bare, event("203.0.113.7", cloudfront_viewer_address="198.51.100.10:1"))
    with pytest.raises(TooManyRequestsError):
        bare.enter(event("203.0.113.7", cloudfront_viewer_address="198.51.100.99:1"))


def test_headers_are_named_as_the_gateway_writes_them() -> None:
    assert all(name == name.lower() for name in (FRONT_HEADER, VIEWER_HEADER, VISITOR_HEADER))
