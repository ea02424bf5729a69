"""A table as Parquet, written without a library: the smallest is 12 MB for a start that comes with each file of lists.

One row group, a page for each column, values as they are (PLAIN, not compressed): a day of results has a few hundred
rows. https://github.com/apache/parquet-format: `parquet.thrift`, and for its bytes
https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

_MAGIC: Final = b"PAR1"
_PLAIN, _RLE, _REQUIRED, _UTF8, _UNCOMPRESSED, _DATA_PAGE = 0, 3, 0, 0, 0, 0
_INT64, _BYTE_ARRAY = 2, 6
_OF_TYPE: Final = {int: _INT64, str: _BYTE_ARRAY}
_MAKER: Final = b"Endcap"


class _I32(NamedTuple):
    value: int


class _I64(NamedTuple):
    value: int


_Struct = Mapping[int, Any]
"""Values by the numbers of their fields: `_I32`, `_I64`, bytes, structs, and lists of one of these."""
_TYPES: Final[Mapping[type, int]] = {_I32: 5, _I64: 6, bytes: 8, list: 9, dict: 12}


def parquet(columns: Mapping[str, type], rows: Sequence[Mapping[str, Any]]) -> bytes:
    """A file of `rows`.

    Parameters
    ----------
    columns : name -> `int` (64 bits) or `str`, in their order; every row has a value in each
    """
    body, chunks = bytearray(_MAGIC), []
    for name, of_type in columns.items():
        chunks.append(_chunk(body, name, of_type, [row[name] for row in rows]))
    size = len(body) - len(_MAGIC)
    group = {1: chunks, 2: _I64(size), 3: _I64(len(rows))}
    footer = _encoded(
        {
            1: _I32(1),
            2: [{4: b"schema", 5: _I32(len(columns))}, *(_schema(*column) for column in columns.items())],
            3: _I64(len(rows)),
            4: [group] if rows else [],
            6: _MAKER,
        }
    )
    return bytes(body) + footer + struct.pack("<I", len(footer)) + _MAGIC


def _schema(name: str, of_type: type) -> _Struct:
    text = {6: _I32(_UTF8)} if of_type is str else {}
    return {1: _I32(_OF_TYPE[of_type]), 3: _I32(_REQUIRED), 4: name.encode(), **text}


def _chunk(body: bytearray, name: str, of_type: type, values: Sequence[Any]) -> _Struct:
    """Write a column behind `body`; what the footer says of it."""
    offset, page = len(body), b"".join(map(_plain, values))
    levels = {1: _I32(len(values)), 2: _I32(_PLAIN), 3: _I32(_RLE), 4: _I32(_RLE)}
    body += _encoded({1: _I32(_DATA_PAGE), 2: _I32(len(page)), 3: _I32(len(page)), 5: levels}) + page
    size = _I64(len(body) - offset)
    about = {
        1: _I32(_OF_TYPE[of_type]),
        2: [_I32(_PLAIN), _I32(_RLE)],
        3: [name.encode()],
        4: _I32(_UNCOMPRESSED),
        5: _I64(len(values)),
        6: size,
        7: size,
        9: _I64(offset),
    }
    return {2: _I64(offset), 3: about}


def _plain(value: int | str) -> bytes:
    if isinstance(value, str):
        data = value.encode()
        return struct.pack("<I", len(data)) + data
    return struct.pack("<q", value)


def _encoded(fields: _Struct) -> bytes:
    """A struct of Thrift's compact protocol; fields in the order of their numbers, none 15 behind the one before."""
    out, before = bytearray(), 0
    for number, value in fields.items():
        out.append((number - before) << 4 | _type_of(value))
        out += _value(value)
        before = number
    return bytes(out) + b"\0"


def _value(value: Any) -> bytes:
    match value:
        case _I32(number) | _I64(number):
            return _varint(number << 1 if number >= 0 else (-number << 1) - 1)
        case bytes():
            return _varint(len(value)) + value
        case list():
            return _listed(value)
        case _:
            return _encoded(value)


def _listed(values: Sequence[Any]) -> bytes:
    of_type = _type_of(values[0]) if values else _TYPES[dict]
    head = bytes([len(values) << 4 | of_type]) if len(values) < 15 else bytes([0xF0 | of_type]) + _varint(len(values))
    return head + b"".join(map(_value, values))


def _type_of(value: Any) -> int:
    return _TYPES[type(value)]


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out) + bytes([number])
