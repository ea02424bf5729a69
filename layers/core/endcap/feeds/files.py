"""A shop's files as text, whatever they are packed in and encoded as."""

from __future__ import annotations

import codecs
import gzip
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

SAMPLE_BYTES: Final = 1 << 18
BLOCK_CHARS: Final = 1 << 20
LONGEST_LINE: Final = 1 << 24
"""A line may be a whole file, as of JSON without line breaks; one that is longer comes in parts."""
_READ_BYTES: Final = 1 << 17
DAMAGED: Final = (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile, UnicodeError)
_PACKED: Final = (".gz", ".zip")


@dataclass(frozen=True)
class DataFile:
    """One file of a shop, maybe inside an archive.

    member : its name in a `.zip`; "" outside
    """

    path: Path
    member: str = ""

    @property
    def name(self) -> str:
        """As reports call it."""
        return f"{self.path.name}/{self.member}" if self.member else self.path.name

    @property
    def stem(self) -> str:
        """Its name in lower case, without what it is packed in and without its ending."""
        return self._plain.rpartition(".")[0] or self._plain

    @property
    def ending(self) -> str:
        """What its name says that it holds: csv, jsonl, ...; "" where it says nothing."""
        return self._plain.rpartition(".")[2] if "." in self._plain else ""

    @property
    def _plain(self) -> str:
        name = (self.member.rpartition("/")[2] or self.path.name).lower()
        for packed in _PACKED:
            name = name.removesuffix(packed)
        return name

    def binary(self) -> IO[bytes]:
        """Its bytes, unpacked; by content, as the archive's objects carry no endings."""
        return self.unpacked(self.path.open("rb"))

    def unpacked(self, raw: IO[bytes]) -> IO[bytes]:
        """Its bytes, out of those of `path`."""
        if self.member:
            member: Any = zipfile.ZipFile(raw).open(self.member)  # noqa: SIM115 # the caller closes it
            if member.peek(2)[:2] == b"\x1f\x8b":
                member = gzip.GzipFile(fileobj=member)
            return member  # type: ignore[no-any-return]
        zipped = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        packed: Any = gzip.GzipFile(fileobj=raw) if zipped else raw
        return packed  # type: ignore[no-any-return]

    def head(self, n_bytes: int = SAMPLE_BYTES) -> bytes:
        """Its first bytes; fewer where it is damaged."""
        found = b""
        try:
            with self.binary() as binary:
                while len(found) < n_bytes and (part := binary.read(min(1 << 16, n_bytes - len(found)))):
                    found += part
        except DAMAGED:
            pass
        return found


def members(path: Path) -> list[DataFile]:
    """The file, or the files that it holds where it is a `.zip`."""
    if path.suffix.lower() != ".zip":
        return [DataFile(path)]
    with zipfile.ZipFile(path) as packed:
        names = [info.filename for info in packed.infolist() if not info.is_dir()]
    return [
        DataFile(path, n)
        for n in sorted(names)
        if not n.startswith("__MACOSX") and not n.rpartition("/")[2].startswith(".")
    ]


def blocks(
    file: DataFile, encoding: str, mark: int, *, old_mac: bool = False, at: Callable[[int], None] = lambda _: None
) -> Iterator[str]:
    """The file's text in large parts that end at a line's end, or after `LONGEST_LINE`; line ends stay as they are.

    Bytes that don't fit become lone surrogates in UTF-8, which the parsers refuse row by row. What can be read of a
    damaged file comes before the error.

    Parameters
    ----------
    mark : bytes before the text
    old_mac : lone carriage returns end lines, and become line feeds
    at : told how many bytes of `file.path` have been read, before each part
    """
    decoder = codecs.getincrementaldecoder(encoding)("surrogateescape" if encoding == "utf-8" else "replace")
    with file.path.open("rb") as raw, file.unpacked(raw) as binary:
        binary.read(mark)
        rest, damage, end = "", None, "\r" if old_mac else "\n"
        while damage is None:
            parts, size, ended = [rest], len(rest), False
            line_ends = end in rest
            while size < (BLOCK_CHARS if line_ends else LONGEST_LINE):
                try:
                    part = decoder.decode(data := binary.read1(_READ_BYTES))  # type: ignore[attr-defined]
                except DAMAGED as exc:
                    damage = exc
                    break
                if not data:
                    ended = True
                    break
                parts.append(part)
                size += len(part)
                line_ends = line_ends or end in part
            text = "".join(parts)
            whole = ended or damage is not None
            if whole and damage is None:
                text += decoder.decode(b"", final=True)
            text = text.replace("\r", "\n") if old_mac else text
            cut = len(text) if whole or not line_ends else text.rfind("\n") + 1
            rest = text[cut:]
            if cut:
                at(raw.tell())
                yield text[:cut]
            if whole:
                break
        if damage is not None:
            raise damage
