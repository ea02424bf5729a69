"""Tables as Parquet, as another reader reads them."""

from __future__ import annotations

import string
import tempfile
from pathlib import Path
from typing import Any

import duckdb
from hypothesis import given
from hypothesis import strategies as st

from endcap.results.parquet import parquet
from tests.fakes.effort import tried

INTEGERS = st.integers(-(2**63), 2**63 - 1)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=300)
NAMES = st.text(string.ascii_lowercase, min_size=1, max_size=200)


def read(data: bytes) -> tuple[dict[str, str], list[tuple[Any, ...]]]:
    """Columns with their types, and rows."""
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as database:
        path = Path(folder) / "rows.parquet"
        path.write_bytes(data)
        found = database.execute("SELECT * FROM read_parquet(?)", [str(path)])
        return {name: str(of_type) for name, of_type, *_ in found.description or ()}, found.fetchall()


@st.composite
def tables(draw: st.DrawFn) -> tuple[dict[str, type], list[dict[str, Any]]]:
    columns = draw(st.dictionaries(NAMES, st.sampled_from([int, str]), min_size=1, max_size=20))
    row = st.fixed_dictionaries({name: INTEGERS if kind is int else TEXTS for name, kind in columns.items()})
    return columns, draw(st.lists(row, max_size=30))


@tried(25)
@given(tables())
def test_another_reader_finds_the_rows_that_were_written(table: tuple[dict[str, type], list[dict[str, Any]]]) -> None:
    columns, rows = table
    types, found = read(parquet(columns, rows))
    assert types == {name: "BIGINT" if kind is int else "VARCHAR" for name, kind in columns.items()}
    assert found == [tuple(row[name] for name in columns) for row in rows]


def test_a_long_table_is_one_too() -> None:
    rows = [{"name": f"Liste {n} 列表", "n": n} for n in range(20_000)]
    assert read(parquet({"name": str, "n": int}, rows))[1] == [(row["name"], row["n"]) for row in rows]
