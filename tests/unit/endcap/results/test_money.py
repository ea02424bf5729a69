"""Amounts of different currencies are told side by side, and never added up."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from endcap.results.book import Book
from endcap.results.codec import decoded, encoded
from endcap.results.facts import act_of, shown_list
from endcap.results.money import added, currency_of, told_money
from endcap.results.read_files import ReadFiles
from endcap.results.report import report
from endcap.results.tables import day_lines, day_rows, read_day, table, total

DAY = 1_768_435_200_000  # 2026-01-15, 00:00 UTC
HOUR = 3_600_000


def shown(number: int, surface: str = "start", user: str = "ann", variant: str = "control") -> dict[str, Any]:
    items = [{"item_id": item, "position": k} for k, item in enumerate(("lamp", "mug"), 1)]
    record = {"recommendation_id": f"r{number}", "at_ms": DAY + HOUR, "user_id": user, "unit": user, "items": items}
    return record | {"scenario": "home", "surface": surface, "experiment": "variety", "variant": variant}


def paid(number: int, cents: int, currency: object = None, *, kind: str = "purchase", item: str = "lamp") -> Any:
    record = {"event_id": f"{kind}{number}{item}", "event_type": kind, "user_id": "ann", "item_id": item}
    record |= {"recommendation_id": f"r{number}", "timestamp": DAY + 2 * HOUR, "value": cents / 100}
    return record | ({} if currency is None else {"properties": {"currency": currency}})


def entered(lists: list[dict[str, Any]], acts: list[dict[str, Any]]) -> Book:
    book = Book()
    book.enter(filter(None, map(shown_list, lists)), filter(None, map(act_of, acts)))
    return book


@pytest.mark.parametrize(
    ("properties", "currency"),
    [
        ({"currency": "EUR"}, "EUR"),
        ({"currency": " gbp "}, "GBP"),
        ({"currency": "€"}, ""),
        ({"currency": "euro"}, ""),
        ({"currency": 978}, ""),
        ({}, ""),
        (None, ""),
        ("EUR", ""),
    ],
)
def test_a_currency_is_three_letters_or_not_known(properties: object, currency: str) -> None:
    assert currency_of(properties) == currency


def test_what_is_of_one_currency_is_a_sum_and_of_several_is_none() -> None:
    eur, usd = {"currency": "EUR", "revenue": 12.5}, {"currency": "USD", "revenue": 3.0}
    assert told_money({"EUR": 1250}) == {"revenue": 12.5, "currency": "EUR", "revenues": [eur]}
    assert told_money({"USD": 300, "EUR": 1250}) == {"revenue": None, "currency": None, "revenues": [eur, usd]}
    unnamed = {"currency": None, "revenue": 3.0}
    assert told_money({"": 300}) == {"revenue": 3.0, "currency": None, "revenues": [unnamed]}
    assert told_money({"": 300, "EUR": 1250}) == {"revenue": None, "currency": None, "revenues": [eur, unnamed]}


def test_what_has_come_to_nothing_makes_no_second_currency() -> None:
    assert told_money({}) == {"revenue": 0.0, "currency": None, "revenues": []}
    assert told_money({"": 0, "EUR": 1250})["currency"] == "EUR"
    assert told_money({"": 0, "EUR": 0}) == {
        "revenue": 0.0,
        "currency": "EUR",
        "revenues": [{"currency": "EUR", "revenue": 0.0}],
    }
    assert added([{"EUR": 1, "": 2}, {"EUR": 3}]) == {"EUR": 4, "": 2}


def test_rows_tell_each_currency_by_itself_and_counts_once() -> None:
    lists = [shown(1), shown(2, "cart"), shown(3, "cart")]
    acts = [paid(1, 1999, "EUR"), paid(1, 500, "eur", item="mug"), paid(2, 700, "USD"), paid(3, 150)]
    book = entered(lists, acts)
    start, cart = sorted(table(book.cells.items(), ("surface",)), key=lambda row: row["surface"], reverse=True)
    assert (start["lists"], start["purchases"], start["revenue"], start["currency"]) == (1, 2, 24.99, "EUR")
    assert (cart["lists"], cart["purchases"], cart["revenue"], cart["currency"]) == (2, 2, None, None)
    assert cart["revenues"] == [{"currency": "USD", "revenue": 7.0}, {"currency": None, "revenue": 1.5}]
    assert (cart["conversion"]["value"], start["conversion"]["value"]) == (1.0, 1.0)
    whole = total(book.cells.items())
    assert (whole["lists"], whole["purchases"], whole["revenue"]) == (3, 4, None)
    assert [one["currency"] for one in whole["revenues"]] == ["EUR", "USD", None]


def test_rows_that_can_not_be_compared_by_money_stand_by_purchases() -> None:
    lists = [shown(1, "a"), shown(2, "b"), shown(3, "b")]
    one = entered(lists, [paid(1, 900, "EUR"), paid(2, 100, "EUR"), paid(3, 100, "EUR")])
    assert [row["surface"] for row in table(one.cells.items(), ("surface",))] == ["a", "b"]
    two = entered(lists, [paid(1, 900, "EUR"), paid(2, 100, "USD"), paid(3, 100, "USD")])
    assert [row["surface"] for row in table(two.cells.items(), ("surface",))] == ["b", "a"]


def test_a_return_takes_off_what_was_paid_in_its_currency() -> None:
    lists, bought = [shown(1)], paid(1, 2000, "EUR")
    part = entered(lists, [bought, paid(1, 500, "EUR", kind="return")])
    assert total(part.cells.items())["revenues"] == [{"currency": "EUR", "revenue": 15.0}]
    # One that names no currency is meant in that of the purchase; an amount in another says nothing of how much.
    assert total(entered(lists, [bought, paid(1, 500, kind="return")]).cells.items())["revenue"] == 15.0
    other = total(entered(lists, [bought, paid(1, 500, "USD", kind="return")]).cells.items())
    assert (other["revenue"], other["currency"], other["returns"]) == (0.0, "EUR", 1)


def test_currencies_are_kept_in_the_book_and_in_the_rows_of_a_day() -> None:
    book = entered([shown(1), shown(2)], [paid(1, 700, "USD"), paid(2, 150), paid(9, 1, "EUR")])
    again, _, _ = decoded(encoded(book, ReadFiles(), DAY))
    assert again.cells == book.cells
    assert again.purchases == book.purchases
    assert {act.currency for act in again.waiting.values()} == {"EUR"}
    assert [unit.cents for unit in again.units.values()] == [{"USD": 700, "": 150}]
    rows = day_rows(book.cells, "2026-01-15")
    assert [(row["currency"], row["lists"], row["cents"]) for row in rows] == [("", 2, 150), ("USD", 0, 700)]
    assert total(read_day("2026-01-15", day_lines(rows))) == total(book.cells.items())


def test_rows_and_books_of_before_have_no_currency() -> None:
    (row,) = day_rows(entered([shown(1)], [paid(1, 700)]).cells, "2026-01-15")
    del row["currency"]
    assert total(read_day("2026-01-15", day_lines([row])))["revenues"] == [{"currency": None, "revenue": 7.0}]
    head, *lines = gzip.decompress(encoded(entered([shown(1)], [paid(1, 700)]), ReadFiles(), DAY)).decode().splitlines()
    old = [json.loads(line) for line in lines]
    for line in old:
        if line["kind"] == "unit":
            line["figures"][3] = 700
    data = gzip.compress("\n".join(map(json.dumps, ({**json.loads(head), "format": 2}, *old))).encode())
    book, _, _ = decoded(data)
    assert [unit.cents for unit in book.units.values()] == [{"": 700}]


def crowd(currencies: dict[str, list[str]]) -> Book:
    """Variant -> what its shoppers paid a euro, a dollar, … in, one shopper each."""
    lists, acts = [], []
    shoppers = [(variant, currency) for variant, paying in currencies.items() for currency in paying]
    for number, (variant, currency) in enumerate(shoppers):
        lists.append(shown(number, user=f"u{number}", variant=variant))
        acts.append(paid(number, 100 + number, currency) | {"user_id": f"u{number}"})
    return entered(lists, acts)


def test_an_experiment_of_one_currency_names_it() -> None:
    book = crowd({"control": ["EUR"] * 6, "varied": ["EUR"] * 6})
    found = report(book, "variety", ["control", "varied"], {"control": 0.5, "varied": 0.5}, DAY)
    assert found["currencies"] == ["EUR"]
    assert [one["revenue"] for one in found["variants"]] == [6.15, 6.51]
    assert found["variants"][0]["revenues"] == [{"currency": "EUR", "revenue": 6.15}]
    assert "revenue" in {one["metric"] for one in found["differences"]}


def test_an_experiment_of_several_currencies_adds_nothing_up_and_compares_no_money() -> None:
    book = crowd({"control": ["EUR"] * 6 + ["USD"] * 2, "varied": ["EUR"] * 5 + ["USD"] * 5})
    found = report(book, "variety", ["control", "varied"], {"control": 0.5, "varied": 0.5}, DAY)
    assert found["currencies"] == ["EUR", "USD"]
    assert {(one["revenue"], one["revenue_per_shopper"]) for one in found["variants"]} == {(None, None)}
    control, varied = found["variants"]
    assert control["revenues"] == [{"currency": "EUR", "revenue": 6.15}]  # of two shoppers nothing is told
    assert [one["currency"] for one in varied["revenues"]] == ["USD", "EUR"]
    assert {one["metric"] for one in found["differences"]} == {"ctr", "conversion"}
