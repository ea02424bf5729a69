"""Parquet files as rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from endcap.errors import InvalidInputError

_FETCHED: Final = 10_000


def parquet_rows(path: Path) -> tuple[list[str], Iterator[tuple[int, dict[str, Any]]]]:
    """The columns of a Parquet file, and its rows with their numbers, from 1.

    Raises
    ------
    InvalidInputError : DuckDB is not installed, or the file is no Parquet
    """
    try:
        import duckdb
    except ImportError as exc:
        raise InvalidInputError(f"{path.name} is Parquet: pip install 'endcap[parquet]' reads it") from exc
    connection = duckdb.connect()
    try:
        kinds = connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
        columns = ", ".join(_column(kind[0], kind[1]) for kind in kinds)
        found = connection.execute(f"SELECT {columns} FROM read_parquet(?)", [str(path)])  # nosec B608 # names are quoted
    except duckdb.Error as exc:
        raise InvalidInputError(f"{path.name} can't be read as Parquet: {str(exc).splitlines()[0]}") from exc
    names = [str(kind[0]) for kind in kinds]

    def rows() -> Iterator[tuple[int, dict[str, Any]]]:
        with closing(connection):
            number = 0
            while part := found.fetchmany(_FETCHED):
                for row in part:
                    number += 1
                    yield number, {name: _plain(value) for name, value in zip(names, row, strict=True)}

    return names, rows()


def _column(name: str, kind: str) -> str:
    """A column in SQL; moments as milliseconds, which need no time zones of DuckDB's."""
    quoted = '"' + name.replace('"', '""') + '"'
    return f"epoch_ms({quoted}) AS {quoted}" if kind == "TIMESTAMP WITH TIME ZONE" else quoted


def _plain(value: Any) -> Any:
    """A value of DuckDB's as JSON would have it."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf-8", "replace")
    if hasattr(value, "isoformat"):
        return value.isoformat()
    number = float(value)  # a decimal
    return int(number) if number.is_integer() else number
