"""The recipe of Athena: its tables name what is archived, lie where that is, and its queries answer."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from endcap.aws.results import PARQUET
from endcap.compaction import month_name_of
from endcap.events.interaction import Interaction, interaction_document
from endcap.parquet import COLUMNS, write_records
from endcap.pseudonyms import PseudonymKeys, pseudonymous
from endcap.results.book import Figures
from endcap.results.facts import Cell
from endcap.results.tables import COLUMNS as RESULT_COLUMNS
from endcap.results.tables import day_parquet, day_rows
from endcap_local.template.intrinsics import Resolver
from endcap_local.template.template import expand
from tests.infra.stack import of_type

KEYS = PseudonymKeys({1: b"k" * 64})
BUCKET = "shop-data"
DAY = "2026/11/02"
IN_A_MONTH = 3
"""How many of the events lie in the month that is over."""
OF_DUCKDB = {"string": "VARCHAR", "bigint": "BIGINT", "int": "INTEGER", "double": "DOUBLE"}


@pytest.fixture(scope="module")
def tables(root: Path) -> dict[str, Any]:
    template = expand(root / "infra" / "athena.yaml")[1]
    resolver = Resolver(template, {"DataBucket": BUCKET}, "http://127.0.0.1:9")
    found = of_type(template["Resources"], "AWS::Glue::Table").values()
    inputs = [resolver.resolve(table["Properties"]["TableInput"]) for table in found]
    return {table["Name"]: table for table in inputs}


@pytest.fixture(scope="module")
def queries(root: Path) -> dict[str, str]:
    found = of_type(expand(root / "infra" / "athena.yaml")[1]["Resources"], "AWS::Athena::NamedQuery").values()
    return {query["Properties"]["Name"]: query["Properties"]["QueryString"] for query in found}


def event(number: int, user: str, event_type: str, item: str | None, **more: Any) -> dict[str, Any]:
    return interaction_document(Interaction(f"e{number}", user, event_type, 1_790_000_000_000 + number, item, **more))


EVENTS = [
    event(1, "ann", "view", "lamp"),
    event(1, "ann", "view", "lamp"),  # delivered twice
    event(2, "ann", "purchase", "lamp", recommendation_id="r1", order_id="o", value=2.0),
    event(3, "bob", "view", "lamp", properties={"device": "phone"}),
    event(4, "bob", "view", "mug", text="a mug", session_id="s", position=3),
    event(5, "anon:device", "view", "mug", anonymous_id="device"),
]
EXPOSURES = [
    {
        "recommendation_id": f"r{n}",
        "user_id": "ann",
        "at_ms": 1_790_000_000_000,
        "snapshot_version": "v",
        "scenario": "home",
        "surface": "top",
        "session_id": "s",
        "context": {"device": "phone"},
        "filter": "ab",
        "experiment": "e",
        "variant": "a",
        "unit": "u",
        "not_served": "late",
        "items": [{"item_id": "lamp", "position": 1, "propensity": 1.0, "source": "similarity"}],
    }
    for n in (1, 2)
]

RESULTS = day_rows(
    {
        Cell("2026-11-02", "home", "top"): Figures(lists=3, clicks=2),
        Cell("2026-11-02", "home", "top", currency="EUR"): Figures(purchases=1, cents=1000),
        Cell("2026-11-02", "", "top"): Figures(lists=1, clicks=1, purchases=1, cents=250),
        Cell("2026-11-02", "", "cart"): Figures(lists=1),
    },
    "2026-11-02",
)


@pytest.mark.parametrize(
    ("name", "documents"),
    [("events", EVENTS), ("events", [pseudonymous(one, KEYS) for one in EVENTS]), ("exposures", EXPOSURES)],
)
def test_a_table_has_a_column_for_everything_that_is_kept(
    name: str, documents: list[Mapping[str, Any]], tables: dict[str, Any]
) -> None:
    columns = {column["Name"] for column in tables[name]["StorageDescriptor"]["Columns"]}
    assert {field for document in documents for field in document} <= columns


@pytest.mark.parametrize(("name", "stream"), [("events", "ArchiveStream"), ("exposures", "ExposuresStream")])
def test_a_table_lies_where_the_stream_writes_day_by_day(
    name: str, stream: str, tables: dict[str, Any], everything: dict[str, Any]
) -> None:
    parameters = tables[name]["Parameters"]
    prefix = everything[stream]["ExtendedS3DestinationConfiguration"]["Prefix"]
    written = prefix.replace("!{timestamp:yyyy/MM/dd}", "${day}")
    assert parameters["storage.location.template"] == f"s3://{BUCKET}/{written}"
    assert parameters["projection.day.format"] == "yyyy/MM/dd"
    assert [key["Name"] for key in tables[name]["PartitionKeys"]] == ["day"]
    assert parameters["classification"] == "json"


def test_months_have_the_columns_that_they_are_written_in(tables: dict[str, Any]) -> None:
    table = tables["events_by_month"]
    assert {column["Name"]: column["Type"] for column in table["StorageDescriptor"]["Columns"]} == dict(COLUMNS)
    folder = table["Parameters"]["storage.location.template"].removeprefix(f"s3://{BUCKET}/")
    assert month_name_of("events/2026/11/", ()).startswith(folder.replace("${month}", "2026/11"))
    assert table["Parameters"]["projection.month.range"] == "2025/01,NOW"
    assert table["Parameters"]["classification"] == "parquet"


@pytest.fixture(scope="module")
def asked(
    tmp_path_factory: pytest.TempPathFactory, tables: dict[str, Any], queries: dict[str, str]
) -> Callable[[str], list[tuple[Any, ...]]]:
    """A query, run on files as the streams write them. Both engines know the SQL that it is written in."""
    folder, database = tmp_path_factory.mktemp("archive"), duckdb.connect()
    events = [pseudonymous(one, KEYS) for one in EVENTS]
    month = folder / "month.parquet"
    with month.open("wb") as out:
        write_records(events[:IN_A_MONTH], out)
    database.execute(f"CREATE VIEW events_by_month AS SELECT *, '{DAY[:7]}' AS month FROM read_parquet('{month}')")
    database.execute("CREATE MACRO from_unixtime(s) AS make_timestamp(CAST(s * 1000000 AS BIGINT))")  # Athena has it
    for name, documents in (("events", events[IN_A_MONTH:]), ("exposures", EXPOSURES)):
        path = folder / name / DAY / "a.jsonl.gz"
        path.parent.mkdir(parents=True)
        path.write_bytes(gzip.compress("".join(json.dumps(one) + "\n" for one in documents).encode()))
        columns = {
            column["Name"]: OF_DUCKDB.get(column["Type"], "JSON")
            for column in tables[name]["StorageDescriptor"]["Columns"]
        }
        database.execute(
            f"CREATE VIEW {name} AS SELECT *, '{DAY}' AS day FROM read_json('{path}', columns={columns!r},"  # ours
            " format='newline_delimited')"
        )
    path = folder / "rows.parquet"
    path.write_bytes(day_parquet(RESULTS))
    database.execute(f"CREATE VIEW results AS SELECT *, '2026-11-02' AS day FROM read_parquet('{path}')")  # ours
    return lambda name: database.execute(queries[name]).fetchall()


def test_results_are_a_table_of_what_is_written_where_it_is_written(tables: dict[str, Any]) -> None:
    storage, parameters = tables["results"]["StorageDescriptor"], tables["results"]["Parameters"]
    types = {column["Name"]: column["Type"] for column in storage["Columns"]}
    assert types == {name: {int: "bigint", str: "string"}[kind] for name, kind in RESULT_COLUMNS.items()}
    assert storage["Location"] == f"s3://{BUCKET}/{PARQUET}"
    assert parameters["storage.location.template"] == f"s3://{BUCKET}/{PARQUET}day=${{day}}/"
    assert parameters["projection.day.range"] == "2025-01-01,NOW"


def test_there_are_four_queries_which_name_the_days_that_they_read(queries: dict[str, str]) -> None:
    assert len(queries) == 4
    for query in queries.values():
        by_day = query.count("FROM events\n") + query.count("FROM exposures") + query.count("FROM results")
        assert len(re.findall(r"day >= '2026(?:/11/|-11-)01'", query)) == by_day
        assert query.count("month >= '2026/11'") == query.count("FROM events_by_month")


def test_what_surfaces_earn(asked: Callable[[str], list[Any]]) -> None:
    assert asked("what-surfaces-earn") == [
        ("top", 4, 3, "EUR", 1, 10.0),
        ("top", 4, 3, "", 1, 2.5),
        ("cart", 1, 0, "", 0, 0.0),
    ]


def test_events_and_shoppers_by_day(asked: Callable[[str], list[Any]]) -> None:
    day = date(2026, 9, 21)  # when they happened, which is not when they arrived
    assert asked("what-is-done-by-day") == [(day, "view", 4, 3), (day, "purchase", 1, 1)]


def test_items_viewed_and_bought(asked: Callable[[str], list[Any]]) -> None:
    assert asked("items-viewed-and-bought") == [("lamp", 2, 1, 50.0), ("mug", 2, 0, 0.0)]


def test_lists_and_what_came_of_them(asked: Callable[[str], list[Any]]) -> None:
    assert asked("lists-and-what-came-of-them") == [("home", 2, 1)]


def test_it_bills_nothing_by_the_month_and_keeps_no_results_in_a_bucket(root: Path) -> None:
    resources = expand(root / "infra" / "athena.yaml")[1]["Resources"].values()
    assert {resource["Type"] for resource in resources} == {
        "AWS::Glue::Database",
        "AWS::Glue::Table",
        "AWS::Athena::WorkGroup",
        "AWS::Athena::NamedQuery",
    }
    (group,) = [r["Properties"] for r in resources if r["Type"] == "AWS::Athena::WorkGroup"]
    configuration = group["WorkGroupConfiguration"]
    assert configuration["ManagedQueryResultsConfiguration"] == {"Enabled": True}
    assert configuration["EnforceWorkGroupConfiguration"] is True
