"""Records of the archive in columns: Parquet, which a query reads by the columns that it asks for.

A column holds what it can hold as it is; all else of a record, such as fields of others or numbers of another kind,
lies in `more` as JSON. So every record comes back equal, whatever it was.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final

from endcap.errors import StoredDataError

MAGIC: Final = b"PAR1"
MORE: Final = "more"
COLUMNS: Final[Mapping[str, str]] = {
    "event_id": "string",
    "event_type": "string",
    "timestamp": "bigint",
    "item_id": "string",
    "pseudonym": "string",
    "anonymous_pseudonym": "string",
    "pseudonym_key": "int",
    "user_id": "string",
    "anonymous_id": "string",
    "session_id": "string",
    "value": "double",
    "text": "string",
    "recommendation_id": "string",
    "position": "int",
    "order_id": "string",
    MORE: "string",
}
"""Names of columns, and their types by the names of Athena."""
_ROWS: Final = 1 << 14
"""That are turned into columns together."""
_GROUP_ROWS: Final = 1 << 17
"""Of a row group, which the writer holds in memory."""
_COMPRESSION: Final = "zstd(6)"
_HOLDS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "string": lambda value: type(value) is str and _is_unicode(value),
    "bigint": lambda value: type(value) is int and -(1 << 63) <= value < 1 << 63,
    "int": lambda value: type(value) is int and -(1 << 31) <= value < 1 << 31,
    "double": lambda value: type(value) is float,
}


def write_records(records: Iterable[Mapping[str, Any]], out: IO[bytes]) -> None:
    """Write JSON objects as Parquet, some thousands of them in memory at a time."""
    from arro3.core import Array, DataType, Field, RecordBatch, RecordBatchReader, Schema
    from arro3.io import write_parquet

    kinds = {"string": DataType.string(), "bigint": DataType.int64(), "int": DataType.int32()}
    types = {name: kinds.get(kind, DataType.float64()) for name, kind in COLUMNS.items()}
    schema = Schema([Field(name, kind) for name, kind in types.items()])

    def batches() -> Iterator[Any]:
        rows = iter(records)
        while part := list(islice(rows, _ROWS)):
            columns = _columns(part)
            arrays = [Array(columns[name], type=kind) for name, kind in types.items()]
            yield RecordBatch.from_arrays(arrays, schema=schema)

    reader = RecordBatchReader.from_batches(schema, batches())
    write_parquet(reader, out, compression=_COMPRESSION, max_row_group_size=_GROUP_ROWS)


def read_records(source: IO[bytes] | Path) -> Iterator[dict[str, Any]]:
    """What `write_records` was given, in the same order.

    Raises
    ------
    StoredDataError : it is damaged, or not its work
    """
    from arro3.io import read_parquet

    try:
        for batch in read_parquet(source, batch_size=_ROWS):
            yield from _records({name: batch.column(name).to_pylist() for name in COLUMNS})
    except (OSError, MemoryError):  # says nothing against the file
        raise
    except BaseException as exc:  # what the library meets in a damaged file is a panic, which is no Exception
        if isinstance(exc, Exception) or type(exc).__name__ == "PanicException":
            raise StoredDataError(f"a file of the archive is no Parquet of ours: {exc}") from exc
        raise


def _columns(records: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    for record in records:
        held = {name: record[name] for name, kind in _KINDS if name in record and _HOLDS[kind](record[name])}
        more = {name: value for name, value in record.items() if name not in held}
        for name, _ in _KINDS:
            columns[name].append(held.get(name))
        columns[MORE].append(json.dumps(more, separators=(",", ":")) if more else None)
    return columns


_KINDS: Final = tuple((name, kind) for name, kind in COLUMNS.items() if name != MORE)


def _records(columns: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    names = list(columns)
    for values in zip(*columns.values(), strict=True):
        record = {name: value for name, value in zip(names, values, strict=True) if value is not None}
        yield record | json.loads(record.pop(MORE, "{}"))


def _is_unicode(value: str) -> bool:
    """Not so for half of a pair of surrogates, which JSON can say and UTF-8 can't."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
