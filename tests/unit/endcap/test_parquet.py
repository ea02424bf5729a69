"""Records in columns: whatever they say comes back equal."""

from __future__ import annotations

import io
import json
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.errors import StoredDataError
from endcap.events.interaction import Interaction, interaction_document
from endcap.parquet import COLUMNS, MAGIC, MORE, read_records, write_records

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 70), 1 << 70) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=3,
)
RECORDS = st.lists(st.dictionaries(st.sampled_from(sorted(COLUMNS)) | st.text(max_size=4), VALUES), max_size=4)
EVENT = interaction_document(
    Interaction("e", "ann", "view", 1_790_000_000_000, "lamp", 2.0, "née 灯", "s", position=3, properties={"n": 1.5})
)


def written(records: list[dict[str, Any]]) -> bytes:
    out = io.BytesIO()
    write_records(records, out)
    return out.getvalue()


def exactly(records: Any) -> list[str]:
    """As JSON, in which 1, 1.0 and true are three things."""
    return [json.dumps(record, sort_keys=True) for record in records]


@given(RECORDS)
def test_every_record_comes_back_equal(records: list[dict[str, Any]]) -> None:
    assert exactly(read_records(io.BytesIO(written(records)))) == exactly(records)


@pytest.mark.parametrize(
    "odd",
    [{"text": "\ud800"}, {"value": 2}, {"timestamp": True}, {"position": 1 << 40}, {MORE: "x"}, {"user_id": None}],
)
def test_what_a_column_can_not_hold_comes_back_all_the_same(odd: dict[str, Any]) -> None:
    assert exactly(read_records(io.BytesIO(written([EVENT, odd, EVENT])))) == exactly([EVENT, odd, EVENT])


def test_more_records_than_fit_into_one_part_keep_their_order(tmp_path: Any) -> None:
    many = [{"event_id": str(n), "timestamp": n} for n in range(40_000)]
    path = tmp_path / "many"
    path.write_bytes(written(many))
    assert list(read_records(path)) == many


def test_another_reader_finds_the_columns(tmp_path: Any) -> None:
    path = tmp_path / "month.parquet"
    path.write_bytes(written([EVENT]))
    found = duckdb.sql(f"SELECT * FROM read_parquet('{path}')")
    assert list(found.columns) == list(COLUMNS)
    (row,) = found.fetchall()
    held = dict(zip(COLUMNS, row, strict=True))
    assert held[MORE] == '{"properties":{"n":1.5}}'
    assert {**{name: value for name, value in held.items() if value is not None and name != MORE}} == {
        name: value for name, value in EVENT.items() if name != "properties"
    }


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-9], lambda b: MAGIC + b"x", lambda b: b[:8] + b"\xff" * 300 + b[308:]]
)
def test_what_is_damaged_is_told(damage: Any, capfd: pytest.CaptureFixture[str]) -> None:
    whole = written([{"event_id": str(n), "text": "word " * (n % 50)} for n in range(2_000)])
    with pytest.raises(StoredDataError):
        list(read_records(io.BytesIO(damage(whole))))


def test_parquet_of_others_is_told(tmp_path: Any) -> None:
    path = tmp_path / "theirs.parquet"
    duckdb.sql(f"COPY (SELECT 1 AS event_id) TO '{path}' (FORMAT parquet)")
    with pytest.raises(StoredDataError):
        list(read_records(path))
