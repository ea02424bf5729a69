"""The pages that come with Endcap, and where they lie."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from endcap_local.gateway.pages import INDEX, Pages, Site

STUDIO: Final = "/studio/"
SHOP: Final = "/shop/"
_HERE: Final = Path(__file__).parent
_SITES: Final = {STUDIO: Site(_HERE / "studio" / "static"), SHOP: Site(_HERE / "shop" / "static")}


def packaged_pages() -> Pages:
    """What there is of them; `/` leads to the shop where there is one, else to the studio."""
    there = {path: site for path, site in _SITES.items() if (site.folder / INDEX).is_file()}
    return Pages(there, SHOP if SHOP in there else STUDIO)


def studio_site() -> Site:
    """The studio's."""
    return _SITES[STUDIO]
