import pytest

from endcap.events.formats import read_event
from endcap.events.interaction import Interaction
from endcap.events.machines import flagged, is_machine, is_program, is_reader
from endcap.events.types import EVENT_TYPES

CRAWLER = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1"
NOW_MS = 1_768_471_200_000


@pytest.mark.parametrize(
    "agent",
    [
        CRAWLER,
        "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
        "Mozilla/5.0 (compatible; Baiduspider/2.0)",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/120.0 Safari/537.36",
        "python-requests/2.32",
        "curl/8.5.0",
        "AhrefsBot/7.0",
        "Scrapy/2.11",
        "ia_archiver",
        "Mediapartners-Google",
        "Mozilla/5.0 (compatible; Embedly/0.2)",
    ],
)
def test_programs_are_known_by_their_user_agent(agent):
    assert is_program(agent)


@pytest.mark.parametrize(
    "agent",
    [
        PHONE,
        "Mozilla/5.0 (Linux; Android 7.0; CUBOT X18) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36",
        "okhttp/4.12.0",
        "MyShop/5.1 CFNetwork/1498 Darwin/23.6.0",
        "",
        None,
        7,
    ],
)
def test_people_are_no_programs(agent):
    assert not is_program(agent)
    assert flagged(agent) == {}


@pytest.mark.parametrize(
    ("agent", "reader"),
    [(CRAWLER, True), ("WhatsApp/2.24", True), (PHONE, False), ("HeadlessChrome/120.0", False), ("curl/8.5.0", False)],
)
def test_a_reader_of_pages_is_a_program_and_a_test_of_the_shop_no_reader(agent, reader):
    assert is_reader(agent) is reader
    assert is_program(agent) is (agent != PHONE)


def event(**properties):
    return Interaction("e", "u", "view", NOW_MS, "a", properties=properties or None)


def test_what_an_event_says_of_itself_counts():
    assert all(map(is_machine, (event(bot=True), event(bot="true"), event(bot=1.0), event(user_agent=CRAWLER))))
    assert not any(map(is_machine, (event(), event(bot=False), event(bot="no"), event(user_agent=PHONE))))


@pytest.mark.parametrize(("agent", "machine"), [(CRAWLER, True), (PHONE, False)])
def test_formats_of_others_keep_only_that_it_was_a_program(agent, machine):
    segment = {
        "type": "track",
        "event": "Product Viewed",
        "userId": "u",
        "context": {"userAgent": agent},
        "properties": {"product_id": "a"},
    }
    google = {
        "client_id": "c",
        "user_agent": agent,
        "events": [{"name": "view_item", "params": {"items": [{"item_id": "a"}]}}],
    }
    for raw in (segment, google):
        (found,) = read_event(raw, NOW_MS, EVENT_TYPES)
        assert is_machine(found) == machine
        assert agent not in str(found)
