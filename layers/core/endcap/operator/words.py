"""What operators are told in words: what keeps an item out of a list, and what needs attention."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from endcap.messages.language import DEFAULT_LANGUAGE, Language, texts_for
from endcap.messages.reasons import date_in_words, quoted
from endcap.messages.texts import filled, signed
from endcap.recommend.diagnosis import NotDue
from endcap.recommend.placement import Means, Placed
from endcap.recommend.request import MAX_LIMIT


class Words(NamedTuple):
    """One language.

    Attributes
    ----------
    missing : what a finding is the reason of
    everywhere, here, until : by which lists an item is hidden, and until when
    moment : a moment of UTC, by its day and time
    this : the item that is missing, within a sentence
    seen_somehow : that an item was left out as seen, where what was done with it is not known
    not_due : why a list of what is bought again has an item not
    placed : what the shop places an item by
    without, without_out : where it would stand without that, of a list of at most `{most}`
    findings, attention : a sentence for each reason and each kind; why something failed is known in English alone, and
        a language may leave that to the page which says more
    cost_assumed : what the cost of the month is worked out by
    """

    missing: str
    everywhere: str
    here: str
    until: str
    moment: str
    full: str
    this: str
    seen_somehow: str
    not_due: Mapping[NotDue, str]
    placed: Mapping[Means, str]
    without: str
    without_out: str
    findings: Mapping[str, str]
    attention: Mapping[str, str]
    cost_assumed: tuple[str, ...]


WORDS: Final[Mapping[Language, Words]] = {
    "en": Words(
        missing="Missing from this list because {why}",
        everywhere="everywhere",
        here="in this scenario",
        until=" until {moment}",
        moment="{date}, {time} UTC",
        full="its places are all taken",
        this="it",
        seen_somehow="the shopper has had to do with it, and the list leaves such items out",
        not_due={
            "not_bought": "the shopper has not bought it",
            "returned": "the shopper returned it",
            "too_soon": "the shopper bought it within the last day",
            "bought_once": "the shopper bought it, and hardly anybody buys it a second time",
        },
        placed={
            "pinned": "It stands at number {rank} because it is pinned",
            "promoted": "It stands at number {rank} because the promotion {name} has this place",
            "boosted": "A boost adds {weight} to its score",
            "lowered": "A boost takes {weight} off its score",
            "pinned_in_vain": "It is pinned to number {position}, but a pin brings back nothing that is left out",
        },
        without="{placed}; without that it would stand at number {rank}",
        without_out="{placed}; without that it would not be among the first {most}",
        findings={
            "unknown_item": "no item of the catalogue has this id",
            "not_available": "it is not for sale",
            "expired": "it has expired",
            "hidden": "it is hidden {by}{until}",
            "excluded": "the list leaves it out by name",
            "filter": "the list's filter does not hold for it: {by}",
            "named": "the list is about this item",
            "seen": "the shopper {done}, and the list leaves such items out",
            "not_due": "{not_due}",
            "not_candidate": "it is none of the list's candidates",
            "variant_shown": "another variant of it, {by}, stands in the list",
            "cap": "its category or brand has all the places that the cap allows",
            "variety": "the list is varied, and others add more variety",
            "displaced": "pinned and promoted items take the places that it would have",
            "score": "others score more: it has {score}, and getting into the list takes at least {needed}",
        },
        attention={
            "snapshot_missing": "No snapshot is current: import or rebuild a shop",
            "snapshot_old": "The snapshot is {days:.0f} days old",
            "snapshot_unsigned": "The current snapshot has no signature: a change of its files would go unnoticed",
            "rebuild_failed": "The rebuild {name} failed: {error}",
            "promotion_refused": "The snapshot {version} was not made current: {error}",
            "scenarios_unusable": "config/scenarios.json can't be used; the last good one counts",
            "experiments_unusable": "config/experiments.json can't be used; the last good one counts",
            "quarantine": "{count} records of the last day could not be used",
            "degraded": (
                "{rate:.1f} lists a minute were made without something that could not be read in time, such as the "
                "shopper's profile or the latest changes of items: degraded.lost of each answer says what, and "
                "warnings in the log of its function say why"
            ),
            "refused": "{rate:.1f} events a minute are refused",
            "ending_soon": "{count} rules of scenarios end within two days",
        },
        cost_assumed=(
            "worked out from what the functions have counted, at public prices without the free tier",
            "snapshots and archive of earlier months are not in it",
        ),
    ),
    "zh": Words(
        missing="未出现在此列表中，因为{why}。",
        everywhere="所有列表",
        here="此场景",
        until="在{moment}之前",
        moment="{date} {time}（UTC）",
        full="列表位置已满",
        this="这件商品",
        seen_somehow="该顾客对这件商品有过行为，而列表会过滤掉这类商品",
        not_due={
            "not_bought": "该顾客没有购买过这件商品",
            "returned": "该顾客已经把这件商品退货",
            "too_soon": "该顾客在最近一天内刚购买过这件商品",
            "bought_once": "该顾客购买过这件商品，但几乎没有人会再次购买它",
        },
        placed={
            "pinned": "因为已置顶，所以排在第{rank}位",
            "promoted": "因为此位是{name}的预留位置，所以排在第{rank}位",
            "boosted": "加权使其得分增加{weight}",
            "lowered": "降权使其得分减少{weight}",
            "pinned_in_vain": "已置顶到第{position}位，但置顶不能让被列表过滤的商品重新出现。",
        },
        without="{placed}；否则会排在第{rank}位。",
        without_out="{placed}；否则不会进入前{most}位。",
        findings={
            "unknown_item": "商品目录中没有此编号的商品",
            "not_available": "该商品不可售",
            "expired": "该商品已过期",
            "hidden": "该商品{until}被{by}屏蔽",
            "excluded": "列表指定不展示该商品",
            "filter": "不符合列表的筛选条件“{by}”",
            "named": "列表正是以该商品为依据生成的",
            "seen": "该顾客曾{done}，而列表会过滤掉这类商品",
            "not_due": "{not_due}",
            "not_candidate": "不在列表的候选商品中",
            "variant_shown": "列表中已有同款“{by}”",
            "cap": "同类目或同品牌的商品已达数量上限",
            "variety": "列表注重多样性，其他商品更能增加多样性",
            "displaced": "置顶商品和预留位置占用了它的位置",
            "score": "其他商品得分更高：它得{score}分，进入列表至少需要{needed}分",
        },
        attention={
            "snapshot_missing": "尚无启用的快照：请先导入数据或重建",
            "snapshot_old": "快照已有{days:.0f}天未更新",
            "snapshot_unsigned": "当前快照没有签名：文件如被改动，将无法发现",
            "rebuild_failed": "重建{name}失败，原因见“快照”页",
            "promotion_refused": "快照{version}未能启用，原因见“快照”页",
            "scenarios_unusable": "场景配置（“config/scenarios.json”）无法使用，沿用上一份有效配置",
            "experiments_unusable": "实验配置（“config/experiments.json”）无法使用，沿用上一份有效配置",
            "quarantine": "最近一天有{count}个事件无法使用",
            "degraded": (
                "每分钟有{rate:.1f}个列表降级：顾客画像、最新的商品改动等数据未能及时读取。缺少了什么见各列表的“degraded.lost”，原因见相应函数日志中的警告"
            ),
            "refused": "每分钟有{rate:.1f}个事件被拒绝",
            "ending_soon": "{count}条场景规则将在两天内到期",
        },
        cost_assumed=(
            "按各函数的计数和公开价格估算，未计免费额度",
            "不含以往月份的快照与归档",
        ),
    ),
}


def moment(moment_ms: int, language: Language) -> str:
    """A moment of UTC to the minute, as pages write it."""
    at = datetime.fromtimestamp(moment_ms / 1000, UTC)
    return WORDS[language].moment.format(date=date_in_words(moment_ms, language), time=f"{at:%H:%M}")


def sentence(
    finding: Mapping[str, Any],
    language: Language = DEFAULT_LANGUAGE,
    *,
    deed: str | None = None,
    not_due: NotDue = "not_bought",
) -> str:
    """Why an item is missing, as one sentence.

    Parameters
    ----------
    deed : type of the event by which it was seen, where that is known
    not_due : why it is not due to be bought again
    """
    words, reason = WORDS[language], finding["reason"]
    if reason == "score" and finding.get("needed") is None:
        return filled(words.missing, why=words.full)
    if reason == "seen" and deed is None:
        return filled(words.missing, why=words.seen_somehow)
    values: dict[str, Any] = {"by": "", "until": "", **finding, "not_due": words.not_due[not_due]}
    values |= {name: signed(finding.get(name, 0.0), ".3f") for name in ("score", "needed")}
    if deed is not None:
        texts = texts_for(language, "staff")
        values["done"] = filled(texts.done.get(deed, texts.done_other), name=words.this)
    if reason == "hidden":
        values["by"] = words.everywhere if finding.get("by") == "*" else words.here
        until = finding.get("until")
        values["until"] = "" if until is None else filled(words.until, moment=moment(until, language))
    return filled(words.missing, why=filled(words.findings[reason], **values))


def placement(placed: Placed, rank: int | None, language: Language = DEFAULT_LANGUAGE) -> str:
    """What places an item, and where it would stand without, as one sentence.

    Parameters
    ----------
    rank : where it stands, from 1; None for nowhere
    """
    words, name = WORDS[language], quoted(placed.promotion or "")
    weight = f"{abs(placed.weight or 0.0):.3f}"
    said = filled(words.placed[placed.by], rank=rank, name=name, weight=weight, position=placed.position)
    if placed.by == "pinned_in_vain":
        return said
    template = words.without_out if placed.rank_without is None else words.without
    return filled(template, placed=said, rank=placed.rank_without, most=MAX_LIMIT)
