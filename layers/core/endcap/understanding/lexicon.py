"""Words for colours, sizes and materials, as patterns; what a shop alone has comes from its attributes."""

from __future__ import annotations

from typing import Final


def _any(words: str) -> str:
    """Alternatives, one a word; _ stands for a blank."""
    return "|".join(words.split()).replace("_", r"[\s-]+")


_HUES: Final = _any(
    """red blue green yellow black white pink purple brown gr[ae]y beige orange gold(?:en)? silver navy turquoise
    teal burgundy ivory maroon violet lilac magenta cyan khaki charcoal coral nude multi-?colou?red fuchsia crimson
    scarlet indigo taupe bronze"""
)
COLOURS: Final = (
    r"(?:(?:(?:light|dark|pale|deep|bright|hot|navy|royal|sky|baby|rose|pastel|neon|olive|mint|dusty|off|forest|emerald|"
    rf"duck[\s-]egg)[\s-]+)?(?:{_HUES}))"
)
SHADES: Final = _any(
    "cream mint lavender rose peach plum mustard sage aqua tan champagne emerald chocolate copper clear"
)
"""Colours that are other things more often."""
STUFFS: Final = _any(
    """cotton wool linen leather ceramic porcelain plastic bamboo wicker velvet wooden wood metal silicone polyester
    stainless_steel satin rattan enamel brass marble acrylic crystal suede denim cashmere jute hessian bone_china
    cast_iron oak nylon resin slate boar titanium"""
)
"""Materials that are no things, so that they may stand behind what is made of them."""
MATERIALS: Final = f"{STUFFS}|" + _any(
    """glass silk faux_leather paper steel woollen woolen felt tin zinc copper canvas crochet knitted rubber stone
    cork burlap fleece (?:faux_)?fur alumini?um wrought_iron pewter chrome terracotta earthenware stoneware
    melamine granite lace mesh microfib(?:er|re) chiffon tweed horsehair sisal willow seagrass vinyl tourmaline
    rhinestone"""
)
SIZES: Final = _any("extra_large extra_small large small medium xx?l xs mini tiny giant big huge oversized")

ZH_COLOURS: Final = (
    "(?:[深浅淡粉墨藏酒米乳奶天宝军玫驼金银亮暗纯原大正枣草湖橘]?[红橙黄绿青蓝紫黑白灰粉棕褐金银木杏米咖驼裸彩橘]|"
    "咖啡|卡其|玫瑰金|香槟金?|豆沙|焦糖|牛油果|奶油|象牙|巧克力|薄荷|[深浅亮素])色|藏青|米白|透明|(?:牛油果|薄荷|抹茶)绿|"
    "(?:雾霾|克莱因|孔雀|星空)蓝|(?:奶油|象牙)白|玫瑰金|[酒玫枣粉砖]红|[墨军草]绿|[天宝深浅湖]蓝|[深浅银]灰|米黄"
)
ZH_MADE: Final = _any(
    """棉麻 长绒棉 记忆[棉绵] 亚麻 黄麻 天丝 真丝 桑?蚕丝 丝绸 羊[毛绒] [羽鹅鸭]绒 [牛真羊]皮 皮革 [实原橡松榉]木
    胡桃木 木[质制头] 竹纤维 不锈钢 碳钢 陶瓷 骨瓷 紫砂 玻璃 塑[料胶] 硅胶 乳胶 金属 纯银 铝镁合金 [铝锌]?合金
    (?:珊瑚|法兰|天鹅|摇粒)绒 雪尼尔 莫代尔 聚酯纤维 涤纶 [锦腈氨]纶 尼龙 铸铁 黄铜 [藤草]编 橡胶 牛津布 帆布 牛仔布
    灯芯绒 亚克力 树脂 珐琅 搪瓷 水晶 大理石"""
)
"""What things are named with that are made of it."""
ZH_MATERIALS: Final = f"{ZH_MADE}|[棉麻皮木竹铁铜藤]"
