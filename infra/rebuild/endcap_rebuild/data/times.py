"""The forms of time that exports carry, told apart by a whole column: one value alone can't say which form it has.

Seconds to nanoseconds since 1970, ISO 8601 with or without offset, `2026/10/30 8:05`, `31.08.2026`, `20261030`,
`... UTC`, a spreadsheet's days since 1900, names of months. What fits two forms is refused and never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any, Final

from dateutil import parser as dateutil_parser

from endcap.feeds.values import is_absent
from endcap.validation import MAX_TIMESTAMP_MS
from endcap_rebuild.data.date_words import in_plain_form

UNIX, RUNNING, EXCEL, DIGITS, TEXT = "unix", "running numbers", "spreadsheet days", "yyyymmdd", "dates"
VAGUE = "years, months or days in other digits"
DAY_FIRST, MONTH_FIRST, UNKNOWN_ORDER = "day first", "month first", "unknown"

_SMALLEST_UNIX: Final = 1e8
"""Seconds below this lie before 1973, when no shop kept a log."""
_UNITS: Final = ((1e17, 1e-6), (1e14, 1e-3), (1e11, 1.0))
"""From which number on it counts nanoseconds, microseconds, milliseconds; and milliseconds in one."""
_EXCEL_DAYS: Final = (36_526.0, 54_789.0)
"""2000 to 2050."""
_EXCEL_EPOCH_MS: Final = -2_209_161_600_000
"""Day 0 of a spreadsheet, 1899-12-30."""
_EPOCH: Final = datetime(1970, 1, 1)
_EPOCH_UTC: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)
_DIGITS: Final = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
_CLOCK: Final = (
    r"(?:[T ,]+(?P<h>\d{1,2}):(?P<m>\d{2})(?::(?P<s>\d{2})(?:[.,](?P<f>\d{1,9}))?)?\s*(?P<half>[AaPp]\.?[Mm]\.?)?)?"
    r"\s*(?P<zone>Z|[+-]\d{2}:?\d{2})?"
)
_YEAR_FIRST: Final = re.compile(r"(?P<y>\d{4})[-/.年](?P<mo>\d{1,2})[-/.月](?P<d>\d{1,2})日?" + _CLOCK)
_YEAR_LAST: Final = re.compile(r"(?P<a>\d{1,2})(?P<sep>[-/.])(?P<b>\d{1,2})(?P=sep)(?P<y>\d{4}|\d{2})" + _CLOCK)
_DECIMAL_COMMA: Final = re.compile(r"\s*\d+,\d+\s*")
_UTC_WORD: Final = re.compile(r"\s*(?:UTC|GMT)$", re.IGNORECASE)
_MONTH: Final = re.compile(r"jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec", re.IGNORECASE)
_NEARLY_ALL: Final = 0.9
"""Share of a column's numbers that settles their form: one mistake among dates makes no running numbers of them."""
_OFFSET_AT_END: Final = re.compile(
    r"(?:Z|UTC|GMT|[+-]\d{2}:?\d{2}|[+-]\d{2})(?:\s*\[[^\]]*\]|\s*\([^)]*\)|\)/)?$", re.IGNORECASE
)
_ZONE_NAME: Final = re.compile(r"(?<![A-Za-z])(?!AM\b|PM\b)[A-Z]{3,4}$")


@dataclass(frozen=True)
class TimeReader:
    """Reads the times of one column.

    form : what the column's numbers are, or `TEXT`
    order : of day and month in dates whose year is last
    zone : of dates that name no offset
    """

    form: str
    order: str
    zone: tzinfo

    def __call__(self, value: object) -> int:
        """Milliseconds since 1970.

        Raises
        ------
        ValueError : it is no time, or might be two
        """
        if isinstance(value, bool):
            raise ValueError("must be a time")
        if isinstance(value, int | float):
            return self._of_number(value, str(value))
        if not isinstance(value, str):
            raise ValueError("must be a time: unix time or a date")
        number = _number(value)
        if number is None:
            return _within(self._of_text(value.strip()))
        return self._of_number(number, value.strip())

    def _of_number(self, number: float, text: str) -> int:
        if not number >= 0 or number == float("inf"):
            raise ValueError("must lie between 1970 and 9999")
        for smallest, factor in _UNITS:
            if number >= smallest and self.form != DIGITS:
                return _within(round(number * factor))
        if self.form == DIGITS:
            return _within(self._of_digits(text))
        if self.form == VAGUE:
            raise ValueError(f"{text!r} names no day, or may name two: write it as 2026-08-31")
        if self.form == EXCEL:
            if not _EXCEL_DAYS[0] <= number <= _EXCEL_DAYS[1]:
                raise ValueError(f"{text!r} is no day of a spreadsheet, as the other times are")
            local = _EPOCH + round((number * 86_400_000 + _EXCEL_EPOCH_MS) / 1000) * timedelta(seconds=1)
            return _within(_since_epoch(local, self.zone))
        if number and number < _SMALLEST_UNIX and self.form != RUNNING:
            raise ValueError(f"{text!r} is too small for a unix time, and of no other form that is known")
        return _within(round(number * 1000))

    def _of_digits(self, text: str) -> int:
        digits = text.removesuffix(".0")
        try:
            return _since_epoch(datetime.strptime(digits, _DIGITS[len(digits)]), self.zone)
        except (KeyError, ValueError):
            raise ValueError(f"{text!r} is no date as the others are (yyyymmdd)") from None

    def _of_text(self, text: str) -> int:
        try:
            return _since_epoch(datetime.fromisoformat(text), self.zone)
        except ValueError:
            pass
        return self._of_plain(_UTC_WORD.sub("Z", text), text, self.zone, None)

    def _of_plain(self, plain: str, text: str, zone: tzinfo, tried: str | None) -> int:
        """The time of a date in numbers, or with the name of a month; else of what its words say in numbers."""
        if match := _YEAR_FIRST.fullmatch(plain):
            return self._of_parts(match, match["y"], match["mo"], match["d"], text, zone)
        if match := _YEAR_LAST.fullmatch(plain):
            a, b = match["a"], match["b"]
            order = self.order if self.order != UNKNOWN_ORDER or match["sep"] != "." else DAY_FIRST
            if order == UNKNOWN_ORDER and a != b:
                raise ValueError(f"{text!r} is two dates, day or month first: write it as 2026-08-31")
            day, month = (b, a) if order == MONTH_FIRST else (a, b)
            year = match["y"] if len(match["y"]) == 4 else f"20{match['y']}"
            return self._of_parts(match, year, month, day, text, zone)
        if tried is None:
            worded, area = in_plain_form(text)
            return self._of_plain(_UTC_WORD.sub("Z", worded), text, area or zone, plain)
        if _MONTH.search(plain):
            return self._with_names(plain, text, zone)
        if _ZONE_NAME.search(plain):
            raise ValueError(f"{text!r} names a zone that is not unique: write its offset, as +02:00")
        raise ValueError(f"{text[:40]!r} must be ISO 8601, unix time or a date")

    def _of_parts(self, match: re.Match[str], year: str, month: str, day: str, text: str, zone: tzinfo) -> int:
        hour, half = int(match["h"] or 0), (match["half"] or "").lower()
        if half:
            hour = hour % 12 + (12 if half.startswith("p") else 0)
        micros = int((match["f"] or "0").ljust(6, "0")[:6])
        try:
            local = datetime(int(year), int(month), int(day), hour, int(match["m"] or 0), int(match["s"] or 0), micros)
        except ValueError:
            raise ValueError(f"{text!r} is no date that exists, read {self.order}") from None
        return _since_epoch(local, _offset(match["zone"]) or zone)

    def _with_names(self, plain: str, text: str, zone: tzinfo) -> int:
        if _ZONE_NAME.search(plain) and not plain.endswith("Z"):
            raise ValueError(f"{text!r} names a zone that is not unique: write its offset, as +02:00")
        try:
            first, second = (dateutil_parser.parse(plain, default=datetime(y, m, d)) for y, m, d in _DEFAULTS)
        except (ValueError, OverflowError):
            raise ValueError(f"{text[:40]!r} must be ISO 8601, unix time or a date") from None
        if first.date() != second.date():
            raise ValueError(f"{text!r} lacks a year, a month or a day")
        return _since_epoch(first, zone)


_DEFAULTS: Final = ((2000, 1, 1), (2001, 2, 2))


def time_reader(sample: Iterable[object], zone: tzinfo) -> TimeReader:
    """How the times of a column are to be read, by some of them."""
    texts = [str(value).strip() for value in sample if value is not None and not isinstance(value, bool)]
    texts = [text for text in texts if not is_absent(text)]
    numbers = [(text, number) for text in texts if (number := _number(text)) is not None]
    form = _form([pair for pair in numbers if pair[1]]) if 2 * len(numbers) >= len(texts) else TEXT
    return TimeReader(form, _order(texts), zone)


def has_no_offset(sample: Iterable[object]) -> bool:
    """Whether some of a column's times are dates that name no offset."""
    texts = [value.strip() for value in sample if isinstance(value, str)]
    dates = [text for text in texts if _number(text) is None and not is_absent(text)]
    return any(_OFFSET_AT_END.search(text) is None for text in dates)


def with_offset(value: Any, zone: tzinfo) -> Any:
    """A time in ISO 8601 that names no offset, with that of `zone`; anything else as it is."""
    if not isinstance(value, str) or not has_no_offset([value]):
        return value
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        return value
    return moment.replace(tzinfo=zone).isoformat() if moment.tzinfo is None else value


def _form(numbers: list[tuple[str, float]]) -> str:
    if not numbers:
        return UNIX
    if sum(_is_date(text) for text, _ in numbers) >= _NEARLY_ALL * len(numbers):
        return DIGITS
    small = [number for _, number in numbers if number < _SMALLEST_UNIX]
    if 2 * len(small) <= len(numbers):
        return UNIX
    if sum(_EXCEL_DAYS[0] <= number <= _EXCEL_DAYS[1] for number in small) >= _NEARLY_ALL * len(small):
        return EXCEL
    vague = sum(_is_vague(text) for text, number in numbers if number < _SMALLEST_UNIX)
    return VAGUE if vague >= _NEARLY_ALL * len(small) else RUNNING


def _is_vague(text: str) -> bool:
    """Whether a number looks like a year, a month of one, or a day with its year last."""
    digits = text.removesuffix(".0")
    if len(digits) == 8 and digits.isdigit():
        a, b, year = int(digits[:2]), int(digits[2:4]), digits[4:]
        year_first = "1990" <= digits[:4] <= "2100" and "01" <= digits[4:6] <= "12" and "01" <= digits[6:] <= "31"
        return year_first or (1 <= min(a, b) <= 12 and max(a, b) <= 31 and "1990" <= year <= "2100")
    month = digits[4:] or "01"
    return len(digits) in (4, 6) and digits.isdigit() and "1990" <= digits[:4] <= "2100" and "01" <= month <= "12"


def _is_date(text: str) -> bool:
    digits = text.removesuffix(".0")
    form = _DIGITS.get(len(digits))
    if form is None or not digits.isdigit() or not "1990" <= digits[:4] <= "2100":
        return False
    try:
        datetime.strptime(digits, form)
    except ValueError:
        return False
    return True


def _order(texts: Iterable[str]) -> str:
    found = set()
    for text in texts:
        match = _YEAR_LAST.match(text)
        if match is None:
            continue
        if int(match["a"]) > 12:
            found.add(DAY_FIRST)
        elif int(match["b"]) > 12:
            found.add(MONTH_FIRST)
    return found.pop() if len(found) == 1 else UNKNOWN_ORDER


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return float(text.replace(",", ".")) if _DECIMAL_COMMA.fullmatch(text) else None


def _offset(text: str | None) -> tzinfo | None:
    if not text:
        return None
    if text == "Z":
        return UTC
    digits = text[1:].replace(":", "")
    minutes = int(digits[:2]) * 60 + int(digits[2:])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))


def _since_epoch(moment: datetime, zone: tzinfo) -> int:
    if moment.tzinfo is None:
        if zone is UTC:
            return round((moment - _EPOCH) / _MS)
        moment = moment.replace(tzinfo=zone)
    return round((moment - _EPOCH_UTC) / _MS)


def _within(ms: int) -> int:
    if not 0 <= ms <= MAX_TIMESTAMP_MS:
        raise ValueError("must lie between 1970 and 9999")
    return ms
