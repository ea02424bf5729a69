import dataclasses
import math
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from endcap.catalog.item import Item
from endcap.errors import InvalidRequestError, ThrottledError
from endcap.events.counts import COARSE, FINE, HOUR_MS, WINDOWS, Demand, Live
from endcap.events.folding import Folded
from endcap.filters.parser import expression
from endcap.index.index import index_of
from endcap.index.overlay import ChangedItem, Overlay
from endcap.live.counts import LiveCounts
from endcap.live.waiting import Waiting
from endcap.profiles.profile import EMPTY_PROFILE
from endcap.ranking.terms.live_trend import live_scores
from endcap.recommend.pipeline import recommend
from endcap.recommend.request import RecommendationRequest
from endcap.recommend.trending import windows_of
from endcap.snapshot.parts import TermWeight, Weights
from tests.fakes.plain_counts import demand_of
from tests.fakes.toy_snapshot import build_toy_snapshot

NOW_MS = 1_768_471_200_000  # at the start of a 10-minute and of a 2-hour bucket
ASKED = RecommendationRequest(window="1h", personalization="off", exclude_seen="none")


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    return build_toy_snapshot(tmp_path_factory.mktemp("snapshot"))


def live(window="1h", people=None, **times):
    named = {name.replace("_", "-"): n for name, n in times.items()}
    people = named if people is None else dict.fromkeys(named, people)
    return Live({window: Demand(WINDOWS[window], named, named, people=people)})


def ids(answer):
    return [item.item_id for item in answer.items]


class Store:
    """Folded counts by level, and the looks at them."""

    def __init__(self):
        self.folded, self.looks, self.read_bytes, self.down = {}, [], 0, False

    def count(self, level, start_ms, counts, now_ms=NOW_MS):
        before = self.folded.get(level, Folded(level))
        self.folded[level] = before.with_counts([(start_ms, counts)], now_ms)

    def read(self, level, known_etag):
        if self.down:
            raise ThrottledError("slow down")
        self.looks.append(level)
        if level not in self.folded:
            return None
        data = self.folded[level].encoded()
        if known_etag == str(hash(data)):
            return None
        self.read_bytes += len(data)
        return data, str(hash(data))


class Clock:
    def __init__(self):
        self.now_s = 0.0

    def __call__(self):
        return self.now_s


class TestDemand:
    def test_halves_with_every_quarter_of_the_window(self):
        found = demand_of({NOW_MS - HOUR_MS // 6: {"da": 4}}, WINDOWS["1h"], NOW_MS)
        assert found.times == {"a": 4}
        assert found.decayed["a"] == pytest.approx(4 * 0.5 ** (5 / 15))

    def test_of_the_running_bucket_has_the_age_of_its_running_middle(self):
        found = demand_of({NOW_MS: {"da": 1}}, WINDOWS["1h"], NOW_MS + 4 * 60_000)
        assert found.decayed["a"] == pytest.approx(0.5 ** (2 / 15))

    def test_ends_with_the_window(self):
        buckets = {NOW_MS - hours * HOUR_MS: {"da": 1} for hours in range(8)}
        assert demand_of(buckets, WINDOWS["1h"], NOW_MS).times == {"a": 2}
        assert demand_of(buckets, WINDOWS["6h"], NOW_MS).times == {"a": 7}

    def test_keeps_clicks_and_impressions_apart(self):
        found = demand_of({NOW_MS: {"da": 1, "ca": 2, "ia": 3}}, WINDOWS["24h"], NOW_MS)
        assert (found.times, found.clicked, found.shown) == ({"a": 1}, {"a": 2}, {"a": 3})


class TestReading:
    def test_is_seen_at_the_next_look_and_not_looked_for_before(self):
        store, clock = Store(), Clock()
        counts = LiveCounts(store, clock, poll_s=10)
        assert counts.demand("1h", NOW_MS).times == {}
        store.count(FINE, NOW_MS, {"da": 1})
        clock.now_s = 9.9
        assert counts.demand("1h", NOW_MS + 9_900).times == {}
        clock.now_s = 10.0
        assert counts.demand("1h", NOW_MS + 10_000).times == {"a": 1}
        assert counts.demand("6h", NOW_MS + 10_000).times == {"a": 1}
        assert store.looks == [FINE, FINE]

    def test_is_one_look_whatever_was_counted_and_none_of_the_bytes_again(self):
        store, clock = Store(), Clock()
        for hours in range(0, 168, 2):
            store.count(COARSE, NOW_MS - hours * HOUR_MS, {f"d{n}": 1 for n in range(hours)})
        counts = LiveCounts(store, clock, poll_s=10)
        for n in range(3):
            clock.now_s = 10.0 * n
            counts.at(NOW_MS + 10_000 * n, ["24h", "7d"])
        assert store.looks == [COARSE] * 3
        assert store.read_bytes == len(store.folded[COARSE].encoded())

    def test_comes_late_to_shoppers_and_is_waited_for_by_whoever_is_patient(self):
        store, gate = Store(), Event()
        store.count(FINE, NOW_MS, {"da": 1})
        read = store.read
        store.read = lambda *looked: gate.wait(30) and read(*looked)
        waiting = Waiting(ThreadPoolExecutor(1), patience_s=0.0)
        waiting.extend(30)
        counts = LiveCounts(store, waiting=waiting)
        assert counts.at(NOW_MS, ["1h"]).trend("1h").times == {}
        assert counts.looked_ms(["1h"]) is None
        gate.set()
        assert counts.at(NOW_MS + 5, ["1h"], patient=True).trend("1h").times == {"a": 1}
        assert counts.looked_ms(["1h"]) == NOW_MS
        assert counts.looked_ms(["1h", "7d"]) is None

    def test_ages_without_new_counts(self):
        store, clock = Store(), Clock()
        store.count(FINE, NOW_MS, {"da": 1})
        counts = LiveCounts(store, clock, poll_s=10)
        first = counts.demand("1h", NOW_MS).decayed["a"]
        clock.now_s = 1800
        assert counts.demand("1h", NOW_MS + 30 * 60_000).decayed["a"] < first
        clock.now_s = 7200
        assert counts.demand("1h", NOW_MS + 2 * HOUR_MS).times == {}

    def test_follows_late_events_and_forgets_what_is_over(self):
        store, clock = Store(), Clock()
        store.count(COARSE, NOW_MS - 96 * HOUR_MS, {"da": 5})
        counts = LiveCounts(store, clock, poll_s=10)
        assert counts.demand("7d", NOW_MS).times == {"a": 5}
        store.count(COARSE, NOW_MS - 96 * HOUR_MS, {"da": 1, "db": 1})
        clock.now_s = 10
        assert counts.demand("7d", NOW_MS + 10_000).times == {"a": 6, "b": 1}
        later_ms = NOW_MS + 100 * HOUR_MS
        store.count(COARSE, later_ms, {"db": 2}, later_ms)
        clock.now_s = 20
        assert counts.demand("7d", later_ms).times == {"b": 2}

    def test_that_fails_leaves_what_is_known(self):
        store, clock = Store(), Clock()
        store.count(FINE, NOW_MS, {"da": 1})
        counts = LiveCounts(store, clock)
        counts.demand("1h", NOW_MS)
        store.down, clock.now_s = True, 30
        assert counts.demand("1h", NOW_MS + 30_000).times == {"a": 1}

    @pytest.mark.parametrize("data", [None, b"", b"endcap counts 1\n", b"no counts"])
    def test_that_fails_at_once_says_that_nothing_is_in_demand(self, data):
        store = Store()
        store.down = data is None
        store.read = store.read if data is None else lambda *_: (data, "etag")
        assert LiveCounts(store, Clock()).at(NOW_MS, ["1h"]).trend("1h").times == {}


class TestTrending:
    def test_ranks_by_demand_and_says_how_often(self, snapshot):
        answer = recommend(snapshot, EMPTY_PROFILE, ASKED, NOW_MS, live=live(item_4=2, item_7=9, gone=50))
        assert ids(answer) == ["item-7", "item-4"]
        (reason,) = answer.items[0].reasons
        assert (reason.kind, reason.text) == ("live_trend", "Chosen about 9 times in the last hour.")
        assert answer.items[0].score == pytest.approx(reason.weight) == pytest.approx(math.log1p(9))
        assert (answer.source, answer.items[0].source) == ("popular", "popular")

    def test_speaks_chinese(self, snapshot):
        asked = dataclasses.replace(ASKED, language="zh", window="7d")
        answer = recommend(snapshot, EMPTY_PROFILE, asked, NOW_MS, live=live("7d", item_4=12))
        assert answer.items[0].reasons[0].text == "过去 7 天内约被选择 12 次。"

    @pytest.mark.parametrize(
        ("people", "told"), [(4, "Chosen in the last hour."), (5, "Chosen about 9 times in the last hour.")]
    )
    def test_says_no_number_of_fewer_than_five_people(self, snapshot, people, told):
        answer = recommend(snapshot, EMPTY_PROFILE, ASKED, NOW_MS, live=live(people=people, item_7=9))
        assert answer.items[0].reasons[0].text == told

    def test_leaves_out_what_the_filter_does_and_what_is_not_for_sale(self, snapshot):
        sold_out = Item("item-7", "Sold out", available=False)
        overlay = Overlay(snapshot).with_rows([ChangedItem("item-7", NOW_MS, sold_out, None, None)])
        price = snapshot.document(4)["price"]
        asked = dataclasses.replace(ASKED, filter=expression(f"price <= {price}"))
        found = recommend(snapshot, EMPTY_PROFILE, asked, NOW_MS, overlay, live=live(item_4=1, item_7=9, item_30=9))
        assert ids(found) == ["item-4"]

    def test_includes_items_newer_than_the_snapshot(self, snapshot):
        overlay = Overlay(snapshot).with_rows([ChangedItem("new", NOW_MS, Item("new", "New"), None, None)])
        assert ids(recommend(snapshot, EMPTY_PROFILE, ASKED, NOW_MS, overlay, live=live(new=1))) == ["new"]

    def test_is_empty_without_counts(self, snapshot):
        assert ids(recommend(snapshot, EMPTY_PROFILE, ASKED, NOW_MS)) == []

    @pytest.mark.parametrize("asked", [{"window": "2h"}, {"window": "1h", "as_of_ms": NOW_MS}])
    def test_has_its_windows_which_end_now(self, snapshot, asked):
        with pytest.raises(InvalidRequestError, match="window"):
            recommend(snapshot, EMPTY_PROFILE, RecommendationRequest(**asked), NOW_MS)


class TestTerm:
    weighted = Weights(terms={"live_trend": TermWeight(5.0), "popularity": TermWeight(0.1)}, settings={})

    def test_is_off_by_default(self, snapshot):
        plain = recommend(snapshot, EMPTY_PROFILE, RecommendationRequest(), NOW_MS)
        counted = recommend(snapshot, EMPTY_PROFILE, RecommendationRequest(), NOW_MS, live=live("24h", item_30=99))
        assert counted == plain
        assert windows_of(snapshot, [RecommendationRequest()]) == set()

    def test_has_the_weight_of_the_snapshot_also_for_someone_unknown(self, snapshot):
        weighted = dataclasses.replace(snapshot, weights=self.weighted)
        found = recommend(weighted, EMPTY_PROFILE, RecommendationRequest(), NOW_MS, live=live("24h", item_30=99))
        assert ids(found)[0] == "item-30"
        assert sum(r.weight for r in found.items[0].reasons) == pytest.approx(found.items[0].score)
        assert windows_of(weighted, [RecommendationRequest()]) == {"24h"}

    def test_is_off_as_of_a_moment(self, snapshot):
        weighted = dataclasses.replace(snapshot, weights=self.weighted)
        asked = RecommendationRequest(as_of_ms=NOW_MS)
        found = recommend(weighted, EMPTY_PROFILE, asked, NOW_MS, live=live("24h", item_30=99))
        assert found == recommend(weighted, EMPTY_PROFILE, asked, NOW_MS)
        assert windows_of(weighted, [asked]) == set()

    def test_is_zero_for_what_nobody_chose(self, snapshot):
        scores = live_scores(index_of(snapshot), Demand(WINDOWS["1h"], {"item-3": 1}, {"item-3": 1.0}))
        assert scores.nonzero()[0].tolist() == [3]
