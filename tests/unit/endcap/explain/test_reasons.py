from __future__ import annotations

from pathlib import Path

import pytest

from endcap.catalog.item import item_document
from endcap.events.interaction import Interaction
from endcap.messages.language import Language, language_of
from endcap.messages.reasons import sentence
from endcap.profiles.profile import EMPTY_PROFILE, UserProfile, profile_of
from endcap.ranking.terms.registry import TERMS
from endcap.recommend.pipeline import recommend
from endcap.recommend.prepared import encode_with
from endcap.recommend.request import RankedItem, RecommendationRequest
from endcap.snapshot.snapshot import Snapshot
from tests.fakes.toy_snapshot import CUTOFF_MS, build_toy_snapshot, toy_items

NOW_MS = CUTOFF_MS


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return build_toy_snapshot(tmp_path_factory.mktemp("snapshot"))


def did(kind: str, item_id: str | None, age_s: int, **more: object) -> Interaction:
    return Interaction(f"{kind}-{item_id}-{age_s}", "u", kind, NOW_MS - age_s * 1000, item_id, **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def busy(snapshot: Snapshot) -> UserProfile:
    return profile_of(
        [
            did("view", "item-5", 10),
            did("purchase", "item-9", 20),
            did("rating", "item-12", 30, value=1.0),
            did("review", "item-20", 40, text="terrible, it broke"),
            did("search", None, 50, text="green cotton lamp"),
        ],
        encode_with(snapshot),
    )


@pytest.mark.parametrize("query", [None, "red mug"])
@pytest.mark.parametrize("diversity", [0.0, 0.5])
def test_reasons_add_up_to_the_score(
    snapshot: Snapshot, busy: UserProfile, query: str | None, diversity: float
) -> None:
    request = RecommendationRequest(limit=40, query=query, diversity=diversity)
    answer = recommend(snapshot, busy, request, NOW_MS)
    assert len(answer.items) > 30
    for item in answer.items:
        assert sum(reason.weight for reason in item.reasons) == pytest.approx(item.score, abs=1e-6)
        sizes = [abs(reason.weight) for reason in item.reasons]
        assert sizes == sorted(sizes, reverse=True)
        assert all(sizes)
        assert len({reason.kind for reason in item.reasons}) == len(item.reasons)


def test_evidence_is_the_past_items_that_carried_a_term(snapshot: Snapshot, busy: UserProfile) -> None:
    item = found(snapshot, busy, "item-10")
    reason = next(r for r in item.reasons if r.kind == "next")
    title = snapshot.document(9)["title"]
    assert [(e.item_id, e.title, e.event_type) for e in reason.evidence] == [("item-9", title, "purchase")]
    assert reason.text == f"Often chosen after “{title}”, which you bought."


def test_evidence_against_an_item_is_what_was_disliked(snapshot: Snapshot, busy: UserProfile) -> None:
    reason = next(r for r in found(snapshot, busy, "item-13").reasons if r.kind == "next")
    assert reason.weight < 0
    assert [e.item_id for e in reason.evidence] == ["item-12"]
    assert "did not suit you" in reason.text


def test_review_is_evidence_for_the_words_term(snapshot: Snapshot) -> None:
    liked = profile_of([did("review", "item-20", 5, text="love it, very good red mug")], encode_with(snapshot))
    reasons = [r for k in range(38) for r in found(snapshot, liked, f"item-{k}", exclude_seen="none").reasons]
    words = [r for r in reasons if r.kind == "words" and r.weight > 0]
    assert words
    assert {e.item_id for r in words for e in r.evidence} == {"item-20"}


def test_words_are_those_that_an_item_shares_with_what_carried_it(snapshot: Snapshot) -> None:
    viewed = profile_of([did("view", "item-5", 10)])  # lamp lamp shirt 5
    item = found(snapshot, viewed, "item-15")  # lamp cotton spoon 15
    evidence = {r.kind: [(e.item_id, e.words) for e in r.evidence] for r in item.reasons}
    assert evidence["text"] == [("item-5", ("lamp", "kitchen"))]
    assert evidence["category"] == [("item-5", ("kitchen", "home"))]
    text = next(r.text for r in item.reasons if r.kind == "text")
    assert text == "Similar to “lamp lamp shirt 5”, which you viewed: lamp, kitchen."


def test_a_shared_brand_is_the_word_of_the_brand_term(snapshot: Snapshot) -> None:
    item = found(snapshot, profile_of([did("view", "item-5", 10)]), "item-9")
    assert [(e.item_id, e.words) for r in item.reasons if r.kind == "brand" for e in r.evidence] == [
        ("item-5", ("Brook",))
    ]


def test_words_of_a_query_are_evidence_without_an_item(snapshot: Snapshot) -> None:
    item = found(snapshot, EMPTY_PROFILE, "item-5", query="a LAMP for my garden shirt", exclude_seen="none")
    lexical = next(r for r in item.reasons if r.kind == "lexical")
    assert [(e.item_id, e.title, e.event_type, e.words) for e in lexical.evidence] == [
        (None, None, "query", ("lamp", "shirt"))  # lamps are rarer
    ]
    assert lexical.text == "Contains the words of your search: lamp, shirt."
    named = found(snapshot, EMPTY_PROFILE, "item-5", query="item-5", exclude_seen="none", language="zh")
    assert next(r for r in named.reasons if r.kind == "lexical").text == "包含您搜索的词语：item。"


def test_words_of_the_running_session_are_evidence_and_stored_ones_are_not_known(snapshot: Snapshot) -> None:
    said = (
        did("search", None, 5, text="red garden"),
        did("review", "item-20", 6, text="love it, very good steel spoon"),
    )
    for item in recommend(snapshot, EMPTY_PROFILE, RecommendationRequest(limit=40, interactions=said), NOW_MS).items:
        for reason in (r for r in item.reasons if r.kind == "words"):
            for one in reason.evidence:
                text = {"search": "red garden", "review": "steel spoon"}[one.event_type]
                assert set(one.words) <= set(text.split())
                assert (one.item_id == "item-20") == (one.event_type == "review")
                assert one.words or one.event_type == "review"
    both = found(snapshot, EMPTY_PROFILE, "item-30", interactions=said)  # red garden travel 30
    words = next(r for r in both.reasons if r.kind == "words")
    assert ("search", {"red", "garden"}) in [(e.event_type, set(e.words)) for e in words.evidence]


def test_that_somebody_had_to_do_with_an_item_before_names_what_they_did(snapshot: Snapshot) -> None:
    viewed = profile_of([did("view", "item-5", 10), did("view", "item-15", 20)])
    (again,) = [r for r in found(snapshot, viewed, "item-5", exclude_seen="none").reasons if r.kind == "again"]
    assert again.text == "Something that you viewed before."


@pytest.mark.parametrize(
    ("language", "itself", "too"),
    [
        ("en", "Higher, as it is something that you viewed before.", " It is also something that you viewed before."),
        ("zh", "排名较高：它是您之前浏览过的商品。", "。它也是您之前浏览过的商品。"),
    ],
)
def test_in_words_no_item_is_like_itself(snapshot: Snapshot, language: Language, itself: str, too: str) -> None:
    alone = profile_of([did("view", "item-5", 10)])
    viewed = profile_of([did("view", "item-5", 10), did("view", "item-15", 20)])
    title = f"“{snapshot.document(5)['title']}”"
    reasons = {}
    for profile in (alone, viewed):
        item = found(snapshot, profile, "item-5", exclude_seen="none", language=language)
        assert {r.kind for r in item.reasons if "item-5" in [e.item_id for e in r.evidence]} > {"again", "text"}
        assert [r.text for r in item.reasons if title in r.text] == []
        reasons[profile] = {r.kind: r for r in item.reasons}
    assert reasons[alone]["text"].text == itself
    assert reasons[viewed]["text"].text.endswith(too)
    assert f"“{snapshot.document(15)['title']}”" in reasons[viewed]["text"].text
    assert [e.item_id for e in reasons[viewed]["text"].evidence] == ["item-5", "item-15"]


def test_in_words_an_item_that_was_disliked_is_not_lower_for_being_like_itself(snapshot: Snapshot) -> None:
    disliked = profile_of([did("dislike", "item-5", 10)])
    item = found(snapshot, disliked, "item-5", exclude_seen="none")
    by_itself = [r for r in item.reasons if r.weight < 0 and r.kind == "text"]
    assert [(r.text, [e.item_id for e in r.evidence]) for r in by_itself] == [
        ("Lower, as it did not suit you before.", ["item-5"])
    ]


def test_an_item_unlike_what_was_liked_is_not_blamed_on_it(snapshot: Snapshot) -> None:
    liked = profile_of([did("view", "item-5", 10), did("search", None, 20, text="red mug")], encode_with(snapshot))
    reasons = [r for k in range(38) for r in found(snapshot, liked, f"item-{k}", exclude_seen="none").reasons]
    against = {(r.text, r.evidence) for r in reasons if r.kind in ("text", "words") and r.weight < 0}
    assert against == {
        ("Lower, as it is unlike your choices.", ()),
        ("Lower, as it is far from what you wrote.", ()),
    }


def test_chinese_words_are_the_phrases_that_two_texts_share(tmp_path: Path) -> None:
    documents = [item_document(item) for item in toy_items()]
    documents[5] |= {"title": "秋冬保暖澳洲羊毛被", "description": "优质的羊毛,柔软"}
    documents[15] |= {"title": "加厚羊毛被", "description": "柔软亲肤"}
    snapshot = build_toy_snapshot(tmp_path, documents=documents)
    item = found(snapshot, profile_of([did("view", "item-5", 10)]), "item-15")
    text = next(r for r in item.reasons if r.kind == "text")
    assert text.evidence[0].words == ("羊毛被", "柔软", "kitchen")
    assert text.text == "与您浏览过的“秋冬保暖澳洲羊毛被”相似：羊毛被、柔软、kitchen。"


def test_words_of_more_than_half_the_items_tell_nothing(snapshot: Snapshot) -> None:
    item = found(snapshot, profile_of([did("view", "item-5", 10)]), "item-15")
    assert not any("home" in e.words for r in item.reasons if r.kind == "text" for e in r.evidence)


def found(snapshot: Snapshot, profile: UserProfile, item_id: str, **asked: object) -> RankedItem:
    request = RecommendationRequest(candidates=(item_id,), **asked)  # type: ignore[arg-type]
    return recommend(snapshot, profile, request, NOW_MS).items[0]


def test_language_follows_the_request_then_the_item(tmp_path: Path) -> None:
    documents = [item_document(item) for item in toy_items()]
    documents[1]["title"] = "红色陶瓷杯"
    documents[2]["language"] = "zh-Hans"
    snapshot = build_toy_snapshot(tmp_path, documents=documents)

    def text(item_id: str, **asked: object) -> str:
        return found(snapshot, EMPTY_PROFILE, item_id, **asked).reasons[0].text

    assert text("item-0") == "Popular with other shoppers."
    assert text("item-1") == text("item-2") == text("item-0", language="zh") == "受其他顾客欢迎。"
    assert text("item-1", language="en") == text("item-0")


def test_a_list_that_is_to_speak_one_language_speaks_that_of_most_of_its_items(tmp_path: Path) -> None:
    documents = [item_document(item) for item in toy_items()]
    for number, title in ((1, "红色陶瓷杯"), (2, "茶壶")):
        documents[number]["title"] = title
    snapshot = build_toy_snapshot(tmp_path, documents=documents)

    def texts(*numbers: int, **asked: object) -> list[str]:
        named = tuple(f"item-{number}" for number in numbers)
        request = RecommendationRequest(candidates=named, one_language=True, **asked)  # type: ignore[arg-type]
        return [item.reasons[0].text for item in recommend(snapshot, EMPTY_PROFILE, request, NOW_MS).items]

    english, chinese = "Popular with other shoppers.", "受其他顾客欢迎。"
    assert texts(0, 1, 2) == [chinese] * 3
    assert texts(0, 3, 1) == [english] * 3
    assert texts(0, 3, 1, language="zh") == [chinese] * 3


def test_language_of_prefers_what_the_item_states() -> None:
    assert language_of({"title": "红色", "language": "en"}) == "en"
    assert language_of({"title": "Mug"}) == "en"
    assert language_of({}) == "en"


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("weight", [1.0, -1.0])
@pytest.mark.parametrize("term", TERMS)
def test_every_term_has_a_whole_sentence_for_and_against(term: str, weight: float, language: str) -> None:
    for names, label in (([], ""), (["Mug", "Lamp"], "kitchen")):
        text = sentence(term, weight, language, names, ["view"] * len(names), label)  # type: ignore[arg-type]
        assert text.endswith("." if language == "en" else "。")
        assert "{" not in text
        assert "“”" not in text


def test_long_titles_are_cut_and_braces_are_kept() -> None:
    text = sentence("text", 1.0, "en", ["a {b} " + "x" * 200], ["view"])
    assert "a {b} x" in text
    assert len(text) < 120


def test_sentence_says_of_each_past_item_what_was_done_with_it() -> None:
    names = ["Mug", "Lamp"]
    same, other = ["purchase", "purchase"], ["purchase", "view"]
    assert sentence("text", 1.0, "en", names, same) == "Similar to “Mug” and “Lamp”, which you bought."
    assert (
        sentence("text", 1.0, "en", names, other) == "Similar to “Mug”, which you bought, and “Lamp”, which you viewed."
    )
    assert sentence("text", 1.0, "zh", names, same) == "与您购买过的“Mug”和“Lamp”相似。"
    assert sentence("text", 1.0, "zh", names, other) == "与您购买过的“Mug”和您浏览过的“Lamp”相似。"


def test_no_reasons_unless_asked(snapshot: Snapshot, busy: UserProfile) -> None:
    answer = recommend(snapshot, busy, RecommendationRequest(explain=False), NOW_MS)
    plain = recommend(snapshot, busy, RecommendationRequest(), NOW_MS)
    assert all(item.reasons == () for item in answer.items)
    assert [(i.item_id, i.score) for i in answer.items] == [(i.item_id, i.score) for i in plain.items]


@pytest.mark.parametrize(
    ("language", "says"), [("en", "Its description is like that of items often chosen after"), ("zh", "描述与选择")]
)
def test_what_nobody_has_chosen_yet_is_never_said_to_be_often_chosen(
    snapshot: Snapshot, language: str, says: str
) -> None:
    liked = profile_of([did("purchase", "item-37", 5)], encode_with(snapshot))
    new = found(snapshot, liked, "item-38", language=language)
    reason = next(r for r in new.reasons if r.kind == "next")
    assert reason.text.startswith(says)
    assert [e.item_id for e in reason.evidence] == ["item-37"]
    known = found(snapshot, profile_of([did("purchase", "item-30", 5)], None), "item-31", language=language)
    assert not next(r for r in known.reasons if r.kind == "next").text.startswith(says)
