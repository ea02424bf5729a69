"""The closed vocabulary of tags: whom things are for, on which occasions, of which theme. Nothing else is a tag."""

from __future__ import annotations

from typing import Final, NamedTuple


class Tag(NamedTuple):
    """One tag, and the words by which a text says it."""

    name: str
    words: tuple[str, ...]


def _tags(lines: str) -> tuple[Tag, ...]:
    """One a line: its name, and after a colon the words that say it."""
    found = []
    for line in lines.strip().splitlines():
        name, _, words = line.partition(":")
        found.append(Tag(name.strip(), (name.strip(), *(word.strip() for word in words.split(",") if word.strip()))))
    return tuple(found)


AUDIENCES: Final = _tags("""
children: kids, child, boy, girl, toddler, 儿童, 孩子, 小孩, 男童, 女童
babies: baby, newborn, infant, 婴儿, 宝宝
women: woman, lady, ladies, her, 女士, 女式, 女性, 女款
men: man, gentleman, gents, him, 男士, 男式, 男性, 男款
couples: couple, his and hers, 情侣, 夫妻
pets: dog, cat, pet, 宠物, 猫, 狗
elderly: seniors, 老人, 长辈
students: student, school, 学生
""")
OCCASIONS: Final = _tags("""
christmas: xmas, advent, 圣诞
birthday: 生日
wedding: bridal, bride, 婚礼, 结婚, 婚庆
party: celebration, bunting, 派对, 聚会
valentine's day: valentine, 情人节
easter: 复活节
halloween: 万圣节
new year: 新年, 春节, 年货
mid-autumn: mooncake, 中秋, 月饼
housewarming: new home, 乔迁
picnic: 野餐
travel: trip, journey, 旅行, 旅游
gift: present, 礼物, 礼品, 礼盒, 送礼
everyday: daily, 日常
""")
THEMES: Final = _tags("""
vintage: retro, antique, 复古
floral: flower, rose, 花卉, 碎花
animals: animal, bird, owl, rabbit, 动物
nature: garden, woodland, 自然, 花园
modern: minimalist, 现代, 简约
rustic: country, farmhouse, 田园
nautical: sea, sailor, 海洋
kitchen: cooking, baking, 厨房, 烘焙
bathroom: bath, 浴室
bedroom: sleep, bedding, 卧室, 床品
office: desk, stationery, 办公
outdoor: camping, 户外, 露营
sport: fitness, yoga, 运动, 健身
beauty: makeup, skincare, 美妆, 护肤
health: wellness, 健康
food: snack, 零食, 食品
tea and coffee: tea, coffee, 茶, 咖啡
toys: toy, game, 玩具
craft: sewing, knitting, 手工
storage: organiser, organizer, 收纳
lighting: lamp, lantern, candle, 灯, 蜡烛
jewellery: jewelry, necklace, earring, 首饰
music: 音乐
reading: book, 阅读
electronics: cable, charger, 数码, 电子
""")
NAMES: Final = frozenset(tag.name for tags in (AUDIENCES, OCCASIONS, THEMES) for tag in tags)
