"""What is told apart among the things that a query names, and what shops call the attributes that tell it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal

Kind = Literal["colour", "size", "material", "brand"]
ATTRIBUTES: Final[Mapping[Kind, re.Pattern[str]]] = {
    "colour": re.compile(r"colou?r|颜色|色号|花色", re.IGNORECASE),
    "size": re.compile(r"size|dimension|尺寸|尺码|规格|大小|鞋码|适用床", re.IGNORECASE),
    "material": re.compile(r"material|fabric|textile|ingredient|材质|材料|面料|填充|成分|原料|配料", re.IGNORECASE),
}
"""Names of attributes; a brand is a field of every item."""
