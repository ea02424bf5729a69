"""What reading a shop's files found: rows taken, rows refused and why, and what the data looks like."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from endcap.catalog.item import Item
from endcap.errors import FieldError, InvalidInputError
from endcap_rebuild.data.options import ALLOWED_BAD
from endcap_rebuild.progress import Progress, no_progress

# Enough to see what is wrong with a file; the rest is counted.
MAX_REPORTED_ROWS: Final = 200
MAX_REASONS: Final = 50
_FIRST: Final = 3
_SAMPLE_CHARS: Final = 200
_MOST_UNKNOWN: Final = 0.5
_LEFT_OUT: Final = "was left out: "
_PLACE: Final = re.compile(r"\.\d+")
"""Of one thing among several: rows count together, whichever of theirs it was."""
_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"")


class UnusableDataError(InvalidInputError):
    """The data was not good enough to replace what works; nothing was changed.

    Attributes
    ----------
    reasons : one line each
    report : what reading found, as `ReadReport.document`
    """

    exit_status: Final = 3

    def __init__(self, reasons: Sequence[str], report: Mapping[str, Any]) -> None:
        super().__init__("\n".join(reasons))
        self.reasons, self.report = tuple(reasons), dict(report)


@dataclass(frozen=True)
class BadRow:
    """One row that could not be used; lines count from 1."""

    file: str
    line: int
    reason: str


@dataclass
class Refusal:
    """Rows that were refused for one reason: how many, where the first lie, and what one of them says."""

    count: int = 0
    first: list[dict[str, Any]] = field(default_factory=list)
    sample: str = ""


@dataclass
class FileRead:
    """One file, and how it was read.

    lines : physical lines, or rows of a Parquet file
    """

    file: str
    role: str
    format: str = ""
    lines: int = 0
    guesses: dict[str, str] = field(default_factory=dict)


@dataclass
class ReadReport:
    """What reading a folder found; filled while the readers run.

    Attributes
    ----------
    left_out_events : events of programs, by their user agent, and of users who are excluded
    ignored_rows : rows of others' logs that say nothing about an item, such as page views
    ignored_fields : column or field that nothing reads -> rows that have it
    dropped_fields : what was wrong with an optional field -> rows that lost it
    passed_over : files that were not read, each with the reason
    progress : told how far each file has been read
    """

    items: int = 0
    events: int = 0
    bad_rows: list[BadRow] = field(default_factory=list)
    bad_row_count: int = 0
    replaced_items: int = 0
    duplicate_events: int = 0
    unknown_item_events: int = 0
    erased_events: int = 0
    left_out_events: int = 0
    users: int = 0
    ignored_rows: int = 0
    refusals: dict[str, Refusal] = field(default_factory=dict)
    refused_of: dict[str, int] = field(default_factory=dict)
    ignored_fields: dict[str, int] = field(default_factory=dict)
    dropped_fields: dict[str, int] = field(default_factory=dict)
    passed_over: dict[str, str] = field(default_factory=dict)
    files: list[FileRead] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)
    by_type: Counter[str] = field(default_factory=Counter)
    by_user: Counter[str] = field(default_factory=Counter)
    first_ms: int | None = None
    last_ms: int | None = None
    lacking: dict[str, int] = field(default_factory=dict)
    item_events: int = 0
    unknown_samples: list[str] = field(default_factory=list)
    known_samples: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    role: str = "items"
    progress: Progress = no_progress
    _errors: Any = None

    def reject(self, file: Path | str, line: int, reason: str, row: object = None) -> None:
        """Note a row that can't be used."""
        name = file if isinstance(file, str) else file.name
        self.bad_row_count += 1
        self.refused_of[self.role] = self.refused_of.get(self.role, 0) + 1
        if len(self.bad_rows) < MAX_REPORTED_ROWS:
            self.bad_rows.append(BadRow(name, line, reason))
        said = _general(reason)
        if said not in self.refusals and len(self.refusals) >= MAX_REASONS:
            said = "other reasons"
        group = self.refusals.setdefault(said, Refusal())
        group.count += 1
        if len(group.first) < _FIRST:
            group.first.append({"file": name, "line": line})
            group.sample = group.sample or (_text(row)[:_SAMPLE_CHARS] if row is not None else reason[:_SAMPLE_CHARS])
        if self._errors is not None:
            self._errors.writerow((name, line, reason, "" if row is None else _text(row)))

    def drop(self, name: str, message: str) -> None:
        """Note that a row lost one of its optional fields."""
        said = f"{name}: {_general(message)}"
        self.dropped_fields[said] = self.dropped_fields.get(said, 0) + 1

    def warn(self, warnings: Iterable[FieldError], known: Collection[str] = ()) -> None:
        """Note what was left out of a row that could be used.

        Parameters
        ----------
        known : names of fields; what is said of another name is that nothing reads it. None: every one is known
        """
        for warning in warnings:
            if known and warning["field"].partition(".")[0] not in known:
                self.ignore(warning["field"])
            else:
                self.drop(_PLACE.sub("", warning["field"]), warning["message"].removeprefix(_LEFT_OUT))

    def ignore(self, name: str, rows: int = 1) -> None:
        """Note a field that nothing reads."""
        self.ignored_fields[name] = self.ignored_fields.get(name, 0) + rows

    def note(self, text: str) -> None:
        """Say something once that was guessed or taken for granted."""
        if text not in self.notes:
            self.notes.append(text)

    def doubt(self, text: str) -> None:
        """Say once what could mean several things, so that nothing may be made of it before somebody says which."""
        if text not in self.doubts:
            self.doubts.append(text)

    def hint(self, text: str) -> None:
        """Say once what would help."""
        if text not in self.hints:
            self.hints.append(text)

    def span(self, times_ms: Iterable[int]) -> None:
        """Note times between which events lie."""
        for ms in times_ms:
            self.first_ms = ms if self.first_ms is None else min(ms, self.first_ms)
            self.last_ms = ms if self.last_ms is None else max(ms, self.last_ms)

    def unknown_item(self, item_id: str, events: int = 1) -> None:
        """Note events of an item that the catalogue does not have."""
        self.unknown_item_events += events
        if len(self.unknown_samples) < _FIRST and item_id not in self.unknown_samples:
            self.unknown_samples.append(item_id)

    @contextmanager
    def keeping(self, file: Path | None) -> Iterator[None]:
        """While it lasts, rows that are refused are written to `file` too; None keeps none."""
        if file is None:
            yield
            return
        with file.open("w", newline="", encoding="utf-8", errors="backslashreplace") as out:
            self._errors = csv.writer(out)
            self._errors.writerow(("file", "line", "reason", "row"))
            try:
                yield
            finally:
                self._errors = None

    def look_at(self, items: Sequence[Item]) -> None:
        """Count what the catalogue's items lack."""
        self.items = len(items)
        self.lacking = {
            "title": sum(not item.title for item in items),
            "price": sum(item.price is None for item in items),
            "image": sum(not item.image_url for item in items),
        }
        self.known_samples = [item.item_id for item in items[:_FIRST]]

    def document(self, *, samples: bool = True) -> dict[str, Any]:
        """All of it as a JSON object; without samples nothing of a refused row is in it."""
        refused = [
            {"reason": reason, "count": group.count, "first": group.first}
            | ({"sample": group.sample} if samples else {})
            for reason, group in sorted(self.refusals.items(), key=lambda pair: -pair[1].count)
        ]
        return {
            "items": self.items,
            "events": self.events,
            "refused_rows": self.bad_row_count,
            "refused": refused,
            "unknown_item_events": self.unknown_item_events,
            "ignored_fields": dict(sorted(self.ignored_fields.items(), key=lambda pair: -pair[1])),
            "passed_over_files": [{"file": file, "reason": why} for file, why in self.passed_over.items()],
            "report": self.data_report() | ({"hints": self.hints} if samples else {}),
            "bad_row_count": self.bad_row_count,
            "bad_rows": [vars(row) for row in self.bad_rows] if samples else [_quiet(row) for row in self.bad_rows],
            "replaced_items": self.replaced_items,
            "duplicate_events": self.duplicate_events,
            "erased_events": self.erased_events,
        }

    def data_report(self) -> dict[str, Any]:
        """What the data looks like, beside what was wrong with it."""
        most = max(self.by_user.values(), default=0)
        return {
            "rows_by_type": dict(sorted(self.by_type.items(), key=lambda pair: -pair[1])),
            "users": len(self.by_user),
            "largest_user_share": _share(most, self.events),
            "unknown_item_share": _share(self.unknown_item_events, self.item_events),
            "items_without": self.lacking,
            "first": _iso(self.first_ms),
            "last": _iso(self.last_ms),
            "duplicates": self.duplicate_events,
            "ignored_rows": self.ignored_rows,
            "left_out_events": self.left_out_events,
            "dropped_fields": dict(sorted(self.dropped_fields.items(), key=lambda pair: -pair[1])),
            "files": [vars(file) for file in self.files],
            "user_rows": self.users,
            "notes": self.notes,
        }

    def faults(self, allow_bad: float = ALLOWED_BAD) -> list[str]:
        """Why nothing should be made of this data, one line for each reason; none where it is good enough."""
        lines = list(self.doubts)
        for role, taken in (
            ("items", self.items + self.replaced_items),
            ("events", self.events + self.ignored_rows + self.left_out_events),
        ):
            refused = self.refused_of.get(role, 0)
            if not refused:
                continue
            rows = taken + refused
            if role == "events" and not self.events:
                lines.append(f"none of the {rows:,} rows of events can be used: {self.why(role)}")
            elif refused > allow_bad * rows:
                share = f"{refused:,} of {rows:,} rows of {role} ({refused / rows:.0%}) can't be used"
                lines.append(f"{share}, more than --allow-bad {allow_bad:g}: {self.why(role)}")
        if self.ignored_rows and not self.events and not self.refused_of.get("events"):
            lines.append(f"none of the {self.ignored_rows:,} rows of events says anything about an item")
        if self.items and not self.by_type and 2 * self.lacking.get("title", 0) > self.items:
            lines.append(
                f"there are no events, and {self.lacking['title']:,} of {self.items:,} items have no title: "
                "nothing says what goes with what"
            )
        if self.unknown_item_events > max(_MOST_UNKNOWN, allow_bad) * self.item_events:
            lines.append(
                f"{self.unknown_item_events:,} of {self.item_events:,} events "
                f"({self.unknown_item_events / self.item_events:.0%}) name items that the catalogue does not have, "
                f"such as {', '.join(self.unknown_samples)}; its own are called {', '.join(self.known_samples)}"
            )
        return lines

    def require_good(self, allow_bad: float = ALLOWED_BAD) -> None:
        """Let pass what may replace what works.

        Raises
        ------
        UnusableDataError : it may not, with every reason
        """
        faults = self.faults(allow_bad)
        if faults:
            raise UnusableDataError(faults, self.document())

    def why(self, role: str) -> str:
        """The most frequent reason why rows of a role were refused, and what would help."""
        files = {file.file for file in self.files if file.role == role}
        groups = [
            (group.count, reason, group.first[0])
            for reason, group in self.refusals.items()
            if not files or group.first[0]["file"] in files
        ]
        if not groups:
            return "see the report"
        count, reason, first = max(groups, key=lambda group: group[0])
        said = f"{reason} ({count:,}, first in {first['file']} line {first['line']})"
        return "; ".join([said, *self.hints])


def no_items(folder: Path, report: ReadReport) -> UnusableDataError:
    """What to raise where a catalogue has no usable item."""
    said = f"{folder} holds no usable item; {report.bad_row_count} rows were refused"
    return UnusableDataError([f"{said}: {report.why('items')}" if report.refusals else said], report.document())


def _general(reason: str) -> str:
    """A reason without the values that it quotes, so that rows refused for one reason count together."""
    return _QUOTED.sub("'…'", reason)


def _text(row: object) -> str:
    return row if isinstance(row, str) else repr(row)


def _quiet(row: BadRow) -> dict[str, Any]:
    return {"file": row.file, "line": row.line, "reason": _general(row.reason)}


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0


def _iso(ms: int | None) -> str | None:
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
