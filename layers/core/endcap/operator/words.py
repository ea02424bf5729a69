"""What operators are told in words: what keeps an item out of a list, and what needs attention."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from endcap.messages.language import DEFAULT_LANGUAGE, Language
from endcap.messages.texts import filled


class Words(NamedTuple):
    """One language.

    Attributes
    ----------
    missing : what a finding is the reason of
    findings, attention : a sentence for each reason and each kind; why something failed is known in English alone, and
        a language may leave that to the page which says more
    cost_assumed : what the cost of the month is worked out by
    """

    missing: str
    everywhere: str
    here: str
    until: str
    full: str
    findings: Mapping[str, str]
    attention: Mapping[str, str]
    cost_assumed: tuple[str, ...]


WORDS: Final[Mapping[Language, Words]] = {
    "en": Words(
        missing="Missing from this list because {why}",
        everywhere="everywhere",
        here="in this scenario",
        until=" until {moment} UTC",
        full="its places are all taken",
        findings={
            "unknown_item": "no item of the catalogue has this id",
            "not_available": "it is not for sale",
            "expired": "it has expired",
            "hidden": "it is hidden {by}",
            "excluded": "the list leaves it out by name",
            "filter": "the list's filter does not hold for it: {by}",
            "named": "the list is about this item",
            "seen": "the shopper has seen it, and the list leaves out what was seen",
            "not_due": "the shopper has not bought it, or is not due to buy it again",
            "not_candidate": "it is none of the list's candidates",
            "variant_shown": "another variant of it, {by}, stands in the list",
            "cap": "its category or brand has all the places that the cap allows",
            "variety": "the list is varied, and others add more variety",
            "displaced": "pinned and promoted items take the places that it would have",
            "score": "others score more: it has {score:.3f}, and the last place needs {needed:.3f}",
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
            "degraded": "{rate:.1f} lists a minute had to do without something",
            "refused": "{rate:.1f} events a minute are refused",
            "ending_soon": "{count} rules of scenarios end within two days",
        },
        cost_assumed=(
            "worked out from what the functions have counted, at public prices without the free tier",
            "snapshots and archive of earlier months are not in it",
        ),
    ),
    "zh": Words(
        missing="未出现在此列表中：{why}。",
        everywhere="在所有列表中",
        here="在此场景中",
        until="至{moment} UTC ",
        full="列表位置已满",
        findings={
            "unknown_item": "商品目录中没有此编号的商品",
            "not_available": "该商品不可售",
            "expired": "该商品已过期",
            "hidden": "{by}被屏蔽",
            "excluded": "列表指定不展示该商品",
            "filter": "不符合列表的筛选条件“{by}”",
            "named": "列表正是以该商品为依据生成的",
            "seen": "顾客对它已有行为，而列表过滤这类商品",
            "not_due": "顾客没有购买过，或还没到复购时间",
            "not_candidate": "不在列表的候选商品中",
            "variant_shown": "列表中已有同款“{by}”",
            "cap": "同类目或同品牌的商品已达数量上限",
            "variety": "列表注重多样性，其他商品更能增加多样性",
            "displaced": "置顶商品和预留位置占用了它的位置",
            "score": "其他商品得分更高：它的得分为{score:.3f}，末位需要{needed:.3f}",
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
            "degraded": "每分钟有{rate:.1f}个列表降级",
            "refused": "每分钟有{rate:.1f}个事件被拒绝",
            "ending_soon": "{count}条场景规则将在两天内到期",
        },
        cost_assumed=(
            "按各函数的计数和公开价格估算，未计免费额度",
            "不含以往月份的快照与归档",
        ),
    ),
}


def sentence(finding: Mapping[str, Any], language: Language = DEFAULT_LANGUAGE) -> str:
    """Why an item is missing, as one sentence."""
    words, reason = WORDS[language], finding["reason"]
    values = {"score": 0.0, "needed": 0.0, "by": "", **finding}
    if reason == "hidden":
        values["by"] = words.everywhere if finding.get("by") == "*" else words.here
        if (until := finding.get("until")) is not None:
            values["by"] += filled(words.until, moment=f"{datetime.fromtimestamp(until / 1000, UTC):%Y-%m-%d %H:%M}")
    if reason == "score" and finding.get("needed") is None:
        return filled(words.missing, why=words.full)
    return filled(words.missing, why=filled(words.findings[reason], **values))
