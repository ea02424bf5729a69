"""Lists for a newsletter: asked by the shop's server when it is sent, for shoppers who have agreed to get it."""

from __future__ import annotations

import html
from typing import Any
from urllib.parse import quote, urlencode

import requests


def picked_for(api: str, user_id: str, auth: Any = None, limit: int = 4) -> dict[str, Any]:
    """A shopper's list, by the server's API; `auth` signs requests as the stack wants it."""
    asked: dict[str, Any] = {
        "user_id": user_id,
        "limit": limit,
        "surface": "newsletter",
        "fields": ["title", "price", "url", "image_url"],
    }
    answer = requests.post(f"{api}/recommendations", json=asked, auth=auth, timeout=10)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


def as_html(picked: dict[str, Any]) -> str:
    """Rows of a table, as mail programs want them; each link tells the shop's page which list it stood in."""
    rows = []
    for place, item in enumerate(picked["items"], 1):
        told = urlencode({"ec_list": picked["recommendation_id"], "ec_place": place, "ec_item": item["item_id"]})
        url = item.get("url") or f"https://shop.example/p/{quote(item['item_id'], safe='')}"
        link = html.escape(f"{url}{'&' if '?' in url else '?'}{told}", quote=True)
        rows.append(f'<tr><td><a href="{link}">{html.escape(item.get("title", ""))}</a></td></tr>')
    return f"<table>{''.join(rows)}</table>"
