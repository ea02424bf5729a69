"""The bundled data as the demo plays it: moved to end yesterday, with countries, categories and what was shown to whom.

Countries and currency are the source's (`demo_data/SOURCE.md`). The rest it lacks. Categories are read off the titles'
words. Impressions are synthetic: before their latest order, each shopper is said to have been shown some of what they
bought then, and some of what everybody buys.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO, Any, Final

DAY_S: Final = 86_400
SHOWN_OF_EACH: Final = 2
"""Impressions of bought things, and of best-sellers, for each shopper."""
SHOWN_BEFORE_S: Final = 60
CURRENCY: Final = "GBP"
_BEST_SELLERS: Final = 20
_OTHER: Final = ("Gifts",)
COUNTRY: Final = "properties.country"
"""The column of `events.csv` that popularity by country is counted by."""
_COUNTRIES: Final = "countries.json"
_AT_HOME: Final = "GB"
_CATEGORIES: Final[Sequence[tuple[tuple[str, ...], str]]] = (
    (("Seasonal", "Christmas"), "christmas xmas advent santa reindeer snowflake nativity snowmen snowman noel sleigh"),
    (("Seasonal", "Easter"), "easter bunny bunnies chick rabbit"),
    (("Bags", "Purses"), "purse purses wallet"),
    (("Bags", "Bags"), "bag bags shopper backpack rucksack"),
    (("Home", "Warming"), "warmer warmers hottie"),
    (("Kitchen", "Baking"), "baking cake cakes cakestand cookie bake jelly mould muffin"),
    (("Kitchen", "Cups and tea"), "mug mugs cup cups teacup teapot tea saucer coffee beaker sugar"),
    (
        ("Kitchen", "Tableware"),
        "bowl bowls plate plates jug cutlery napkin napkins tray trays dish spoon spoons placemat placemats coaster "
        "coasters tumbler glass doily doilies lunch picnic bottle jar jars platter straws toastrack tablecloth",
    ),
    (("Kitchen", "Cooking"), "apron oven kitchen pantry recipe scales tin tins pan gloves towel towels bread colander"),
    (("Stationery", "Wrapping"), "wrap card cards gift ribbon ribbons tissue tissues tape stickers sticker paper"),
    (
        ("Stationery", "Writing"),
        "notebook notebooks pencil pencils pen pens book books journal memo chalkboard blackboard ruler eraser erasers "
        "rubber calendar stationery crayons notepad writing stamp",
    ),
    (
        ("Home", "Candles and lights"),
        "candle candles light lights lantern t-light t-lights lamp candleholder candlestick incense hldr chandelier",
    ),
    (("Party",), "party bunting balloons balloon garland celebration confetti streamers tattoos"),
    (
        ("Garden",),
        "garden plant planter watering parasol bird birdhouse seeds seed herb herbs trowel gnome flower flowers pots "
        "kneeling hammock windmill",
    ),
    (
        ("Children",),
        "toy childrens children's kids baby doll dolly dolls puzzle game games puppet spaceboy circus dinosaur "
        "dinosaurs jigsaw skittles playhouse skipping teddy school ludo",
    ),
    (("Crafts",), "feltcraft sewing knitting craft button pin felt repair"),
    (("Jewellery",), "necklace bracelet earrings ring brooch hair charm keyring jewellery clips"),
    (
        ("Home", "Storage"),
        "box boxes basket storage cabinet organiser case cases holder crate crates rack tidy container",
    ),
    (
        ("Home", "Decoration"),
        "sign heart hearts frame clock mirror cushion doormat doorstop door hook hooks hanger drawer knob wall metal "
        "photo picture decoration ornament wreath feather vase letters mat stool",
    ),
)
_WORD: Final = re.compile(r"[a-z'-]+")
Event = dict[str, str]


def dress(folder: Path, out: Path, last_day: date) -> None:
    """Write the demo's shop into `out`.

    Parameters
    ----------
    folder : the bundled data
    last_day : of its latest event, in UTC; every event is moved by the same number of whole days
    """
    with _opened(folder / "items.jsonl") as lines:
        items = [json.loads(line) for line in lines]
    with _opened(folder / "events.csv") as rows:
        table = csv.DictReader(rows)
        events, names = list(table), table.fieldnames or ()
    country_of = countries(folder)
    moved = [row | {COUNTRY: country_of(row["user_id"])} for row in shifted(events, last_day)]
    out.mkdir(parents=True, exist_ok=True)
    with (out / "items.jsonl").open("w", encoding="utf-8") as file:
        for item in items:
            file.write(
                json.dumps(item | {"categories": list(categories_of(str(item["title"]))), "currency": CURRENCY}) + "\n"
            )
    with (out / "events.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*names, COUNTRY])
        writer.writeheader()
        writer.writerows(moved)
        writer.writerows(impressions(moved))


def countries(folder: Path) -> Callable[[str], str]:
    """What says the country of a shopper, as ISO 3166 has it in two letters; "" where the source does not say one.

    The folder's table names who is not in Britain, and under "" of whom nothing is known. Without one nobody's is.
    """
    table = folder / _COUNTRIES
    if not table.exists():
        return lambda _user_id: ""
    by_country: dict[str, list[str]] = json.loads(table.read_text(encoding="utf-8"))
    abroad = {user_id: country for country, user_ids in by_country.items() for user_id in user_ids}
    return lambda user_id: abroad.get(user_id, _AT_HOME)


def categories_of(title: str) -> tuple[str, ...]:
    """A path of categories, by the first of them that a word of the title belongs to."""
    words = set(_WORD.findall(title.lower()))
    return next((path for path, of_it in _CATEGORIES if words & set(of_it.split())), _OTHER)


def shifted(events: Iterable[Event], last_day: date) -> list[Event]:
    """The events moved by whole days, so that the latest one is of `last_day`."""
    rows = list(events)
    latest = max((int(row["timestamp"]) for row in rows), default=0)
    days = (last_day - datetime.fromtimestamp(latest, UTC).date()).days
    return [row | {"timestamp": str(int(row["timestamp"]) + days * DAY_S)} for row in rows]


def impressions(events: Sequence[Event]) -> list[Event]:
    """Synthetic impressions, the same for the same events."""
    bought = [row for row in events if row["event_type"] == "purchase"]
    sold = Counter(row["item_id"] for row in bought)
    best = sorted(sold, key=lambda item: (-sold[item], item))[:_BEST_SELLERS]
    orders: dict[str, list[Event]] = defaultdict(list)
    for row in bought:
        order = orders[row["user_id"]]
        if order and int(row["timestamp"]) > int(order[0]["timestamp"]):
            order.clear()
        if not order or row["timestamp"] == order[0]["timestamp"]:
            order.append(row)
    return [
        _shown(order[0], item_id)
        for user_id, order in sorted(orders.items())
        for item_id in _shown_to(user_id, [row["item_id"] for row in order], best)
    ]


def _opened(path: Path) -> IO[str]:
    """The file as text, packed or not."""
    packed = path.with_name(f"{path.name}.gz")
    if packed.exists():
        return gzip.open(packed, "rt", encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")


def _shown_to(user_id: str, own: Sequence[str], best: Sequence[str]) -> list[str]:
    def by_chance(item_ids: Iterable[str]) -> list[str]:
        return sorted(set(item_ids), key=lambda item_id: hashlib.sha256(f"{user_id} {item_id}".encode()).digest())

    others = [item_id for item_id in by_chance(best) if item_id not in own]
    return by_chance(own)[:SHOWN_OF_EACH] + others[:SHOWN_OF_EACH]


def _shown(order: Mapping[str, Any], item_id: str) -> Event:
    at = str(int(order["timestamp"]) - SHOWN_BEFORE_S)
    row = dict.fromkeys(order, "")
    said = {"user_id": order["user_id"], "item_id": item_id, "event_type": "impression", "timestamp": at}
    return row | said | {name: order[name] for name in (COUNTRY,) if name in order}
