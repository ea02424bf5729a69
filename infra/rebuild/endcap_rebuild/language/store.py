"""What was written and paid for, kept so that nothing is paid for twice: one JSON line each, added to as it comes.

A line is on the disk before the next answer is asked for. The last line of a run that was killed may be torn: it is
passed over, and what it would have said is asked for again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from endcap.describing.lines import line_of
from endcap.describing.writer import Price, Usage, Written

FILE: Final = "written.jsonl"
MOST_FAILURES: Final = 2


class Store:
    """The answers of a folder.

    Attributes
    ----------
    spent : US dollars, of all runs
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._found: dict[str, Any] = {}
        self._failed: Counter[str] = Counter()
        self.spent, self.usage = 0.0, Usage()
        for line in self._lines():
            self._take(line)

    def __contains__(self, key: str) -> bool:
        """Whether it was answered, or has failed so often that it is not asked again."""
        return key in self._found or self._failed[key] >= MOST_FAILURES

    def knows(self, key: str) -> bool:
        """Whether there is an answer, if only a failed one."""
        return key in self._found or key in self._failed

    def __len__(self) -> int:
        return len(self._found)

    def get(self, key: str) -> Any:
        """What was answered, unchecked; None where nothing was, or nothing that could be read."""
        return self._found.get(key)

    def digests(self) -> Iterator[str]:
        """Names of all answers, sorted."""
        for key in sorted(self._found):
            yield hashlib.sha256(f"{key}\0{json.dumps(self._found[key], sort_keys=True)}".encode()).hexdigest()

    def add(self, answers: Iterable[Written], price: Price) -> None:
        """Keep answers, failed ones too: what they have cost is spent."""
        self.add_lines([line_of(one, price) for one in answers])

    def add_lines(self, lines: Sequence[Mapping[str, Any]]) -> None:
        """Keep answers that others have asked for, as `line_of` has them."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            if file.tell() and not self._ends_with_a_line():
                file.write(b"\n")
            file.write(b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines))
            file.flush()
            os.fsync(file.fileno())
        for line in lines:
            self._take(line)

    def _take(self, line: Mapping[str, Any]) -> None:
        self.spent += float(line["usd"])
        self.usage = self.usage.plus(Usage(int(line["read"]), int(line["written"])))
        if line["failed"]:
            self._failed[str(line["key"])] += 1
        else:
            self._found[str(line["key"])] = line["value"]

    def _lines(self) -> Iterator[Mapping[str, Any]]:
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            for raw in file:
                try:
                    line = json.loads(raw)
                    fits = {"key", "value", "failed", "read", "written", "usd"} <= line.keys()
                except (ValueError, AttributeError):
                    continue  # torn
                if fits:
                    yield line

    def _ends_with_a_line(self) -> bool:
        with self._path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"
