"""The ledger is read as it is now, not as it was a moment ago, up to the first moment of all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from endcap.erasure.receipt import Entry
from tests.contract.test_ledger_calls import World
from tests.fakes.moto_stack import client, stack


@pytest.fixture
def world() -> Iterator[World]:
    with stack():
        yield World()


def test_every_read_sees_what_was_written_before_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    class Pages:
        def paginate(self, **given: Any) -> Any:
            asked.append(given)
            return client("dynamodb").get_paginator("scan").paginate(**given)

    monkeypatch.setattr(type(world.dynamodb), "__getattr__", lambda _, name: lambda *__, **given: _answer(name, given))

    def _answer(name: str, given: dict[str, Any]) -> Any:
        if name == "get_paginator":
            return Pages()
        asked.append(given)
        return getattr(client("dynamodb"), name)(**given)

    table = world.table()
    table.read()
    table.round()
    assert [given["ConsistentRead"] for given in asked] == [True, True]


def test_an_erasure_up_to_the_first_moment_is_one(world: World) -> None:
    table = world.table()
    table.put("ann", 0)
    assert table.entry("ann") == Entry(table.subject("ann"), 0, 50_000)
    assert table.until_ms(["ann"]) == {"ann": 0}
    assert table.read()[0].entries == {table.subject("ann"): 0}
