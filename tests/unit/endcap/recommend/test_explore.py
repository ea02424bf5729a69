import numpy as np
import pytest
from scipy import stats

from endcap.api.responses import answer, exposure
from endcap.errors import InvalidRequestError
from endcap.events.counts import WINDOWS, Demand, Live
from endcap.identifiers import item_key
from endcap.profiles.profile import EMPTY_PROFILE
from endcap.ranking.slots import Pin, Slot
from endcap.recommend.explore import MAX_ARMS, UNIFORM_SHARE, explore, win_probabilities
from endcap.recommend.pipeline import recommend
from endcap.recommend.request import RecommendationRequest
from endcap.recommend.trending import windows_of
from tests.fakes.effort import proved, proving
from tests.fakes.toy_snapshot import build_toy_snapshot

NOW_MS = 1_768_471_200_000
CLICKED, SHOWN = [9, 3, 12, 0, 5], [100, 120, 90, 40, 30]
COUNTS = Demand(
    WINDOWS["7d"],
    clicked={f"item-{k}": n for k, n in enumerate(CLICKED)},
    shown={f"item-{k}": n for k, n in enumerate(SHOWN)},
)
LIVE = Live({"7d": COUNTS})
DRAWS = 8_000 if proving() else 2_000


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    return build_toy_snapshot(tmp_path_factory.mktemp("snapshot"))


def drawn(number, page=1, n_arms=5, share=1.0):
    """A page of the first rows, explored, the others in reserve."""
    request = RecommendationRequest(exploration=share, recommendation_id=f"r{number}")
    slots = [Slot(row) for row in range(n_arms)]
    return explore(slots[:page], slots[page:], 0, request, COUNTS, lambda row: f"item-{row}")


def asked(snapshot, number=0, **fields):
    request = RecommendationRequest(**{"exploration": 0.5, "recommendation_id": f"r{number}", **fields})
    return recommend(snapshot, EMPTY_PROFILE, request, NOW_MS, live=LIVE)


def ids(found):
    return [item.item_id for item in found.items]


class TestWinProbabilities:
    def test_are_those_of_thompson_sampling(self):
        rng = np.random.default_rng(7)
        rates = rng.beta(np.add(CLICKED, 1), np.subtract(SHOWN, CLICKED) + 19, size=(200_000, 5))
        wins = np.bincount(rates.argmax(axis=1), minlength=5) / 200_000
        expected = 0.9 * wins + UNIFORM_SHARE / 5
        np.testing.assert_allclose(win_probabilities(CLICKED, SHOWN), expected, atol=0.005)

    def test_of_equal_arms_are_equal(self):
        np.testing.assert_allclose(win_probabilities([0] * MAX_ARMS, [0] * MAX_ARMS), 1 / MAX_ARMS)

    def test_never_fall_below_a_share_of_the_uniform(self):
        odds = win_probabilities([900_000, 0, 3], [1_000_000, 1_000_000, 0])
        assert odds.min() >= UNIFORM_SHARE / 3 - 1e-12
        assert odds.sum() == pytest.approx(1)
        assert odds[0] > 0.9


@proved
def test_frequencies_match_the_stated_probabilities():
    pages = [drawn(number)[0][0].row for number in range(DRAWS)]
    (draw,) = drawn(0)[1].values()
    expected = np.array([draw.arms[f"item-{k}"] for k in range(5)]) * DRAWS
    observed = np.bincount(pages, minlength=5)
    assert stats.chisquare(observed, expected).pvalue > 0.01


@proved
def test_frequencies_of_a_later_place_match_them_too_given_the_first():
    seen = {}
    for number in range(DRAWS):
        slots, draws = drawn(number, page=2)
        seen.setdefault(slots[0].row, []).append((slots[1].row, draws[1].arms))
    for draws in seen.values():
        names = sorted(draws[0][1])
        expected = np.array([draws[0][1][name] for name in names]) * len(draws)
        observed = np.array([sum(f"item-{row}" == name for row, _ in draws) for name in names])
        if expected.min() >= 5:
            assert stats.chisquare(observed, expected).pvalue > 0.005


@proved
def test_inverse_propensity_replay_recovers_the_value_of_known_policies():
    rates = np.array([0.1, 0.3, 0.2, 0.05, 0.4])
    rng = np.random.default_rng(3)
    logs = []
    for number in range(DRAWS):
        slots, draws = drawn(number)
        row = slots[0].row
        logs.append((row, draws[0].arms[f"item-{row}"], float(rng.random() < rates[row])))
    rows, propensities, clicks = map(np.array, zip(*logs, strict=True))
    for policy in (*np.eye(5), np.full(5, 0.2)):
        terms = policy[rows] / propensities * clicks
        error = terms.std() / np.sqrt(len(terms))
        assert abs(terms.mean() - policy @ rates) < 3.5 * error


class TestPages:
    def test_keep_every_other_place(self, snapshot):
        plain = ids(asked(snapshot, exploration=0.0))
        for number in range(20):
            found = asked(snapshot, number)
            assert ids(found)[0::2] == plain[0::2]
            assert [item.source == "exploration" for item in found.items] == [False, True] * 5
            assert len(set(ids(found))) == 10
            assert [item.propensity for item in found.items[0::2]] == [1.0] * 5

    def test_differ_by_recommendation_and_are_replayed_by_its_id(self, snapshot):
        assert asked(snapshot, 1) == asked(snapshot, 1)
        assert len({tuple(ids(asked(snapshot, number))) for number in range(10)}) > 5

    def test_state_the_probability_of_what_is_drawn_and_of_the_arms(self, snapshot):
        for item in asked(snapshot, 3).items[1::2]:
            assert item.arms[item.item_id] == item.propensity
            assert sum(item.arms.values()) == pytest.approx(1)
            assert 1 < len(item.arms) <= MAX_ARMS

    def test_leave_what_is_pinned(self, snapshot):
        found = asked(snapshot, exploration=1.0, pinned=(Pin("item-30", 2),))
        assert ids(found)[1] == "item-30"
        assert (found.items[1].propensity, found.items[1].source) == (1.0, "shop")

    def test_never_show_what_a_filter_keeps_out(self, snapshot):
        among = tuple(f"item-{k}" for k in range(12))
        for number in range(20):
            assert set(ids(asked(snapshot, number, exploration=1.0, candidates=among, limit=5))) <= set(among)

    def test_go_on_where_an_explored_one_ended(self, snapshot):
        first = ids(asked(snapshot, 5, limit=8))
        shown = tuple(item_key(item_id) for item_id in first)
        assert not set(first) & set(ids(asked(snapshot, 6, limit=8, shown_keys=shown)))

    @pytest.mark.parametrize("off", [{"exploration": 0.0}, {"as_of_ms": NOW_MS}, {"counterfactual": True}])
    def test_have_no_chance_in_them_where_it_is_off(self, snapshot, off):
        found = [asked(snapshot, number, **off) for number in range(5)]
        assert all(one == found[0] for one in found)
        assert {item.propensity for item in found[0].items} == {None}
        assert windows_of(snapshot, [RecommendationRequest(**{"exploration": 0.5, **off})]) == set()

    def test_are_not_explored_without_the_counts_that_are_live_only(self, snapshot):
        request = RecommendationRequest(exploration=1.0)
        assert {item.propensity for item in recommend(snapshot, EMPTY_PROFILE, request, NOW_MS).items} == {None}

    @pytest.mark.parametrize("share", [-0.1, 1.1])
    def test_have_a_share_of_at_most_everything(self, snapshot, share):
        with pytest.raises(InvalidRequestError, match="exploration"):
            asked(snapshot, exploration=share)


def test_propensities_are_answered_and_recorded(snapshot):
    found = asked(snapshot, 2, limit=4)
    shown = answer(found, "r2", 0)["items"]
    recorded = exposure(found, "r2", None, NOW_MS)["items"]
    expected = [1.0, found.items[1].propensity, 1.0, found.items[3].propensity]
    assert [item["propensity"] for item in shown] == [item["propensity"] for item in recorded] == expected
    assert all("arms" not in item for item in shown)
    assert recorded[1]["arms"] == found.items[1].arms
    plain = asked(snapshot, exploration=0.0)
    assert all("propensity" not in item for item in answer(plain, "r2", 0)["items"])
    assert {item["propensity"] for item in exposure(plain, "r2", None, NOW_MS)["items"]} == {1.0}


def test_scores_are_what_they_are_without_exploration(snapshot):
    everything = {item.item_id: item for item in asked(snapshot, exploration=0.0, limit=40).items}
    for item in asked(snapshot, 4).items:
        assert item.score == everything[item.item_id].score
        assert item.reasons == everything[item.item_id].reasons
