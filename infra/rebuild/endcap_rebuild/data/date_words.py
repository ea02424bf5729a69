"""Dates in words of people and of logs, brought to the plain form that `times` reads."""

from __future__ import annotations

import re
from datetime import tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_MONTHS: Final[dict[str, str]] = {
    name: english
    for english, names in {
        "Jan": "januar jänner januari janvier janv enero ene gennaio gen janeiro",
        "Feb": "februar februari février fevrier févr fevr febrero febbraio fevereiro fev",
        "Mar": "märz maerz mrz maart mrt mars marzo março marco",
        "Apr": "abril abr avril avr aprile",
        "May": "mai mei mayo maggio mag maio",
        "Jun": "juni juin junio giugno giu junho",
        "Jul": "juli juillet juil julio luglio lug julho",
        "Aug": "augustus août aout agosto ago",
        "Sep": "septembre septiembre setiembre settembre set setembro",
        "Oct": "oktober okt octobre octubre ottobre ott outubro out",
        "Nov": "novembre noviembre novembro",
        "Dec": "dezember dez décembre decembre déc dec diciembre dicembre dic dezembro",
    }.items()
    for name in names.split()
}
_FILLERS: Final = frozenset(
    {
        "um",
        "uhr",
        "den",
        "der",
        "de",
        "del",
        "di",
        "à",
        "às",
        "at",
        "of",
        "le",
        "el",
        "il",
        "am",
        "vom",
        "op",
        "montag",
        "dienstag",
        "mittwoch",
        "donnerstag",
        "freitag",
        "samstag",
        "sonntag",
        "mo",
        "mi",
        "do",
        "fr",
        "sa",
        "so",
        "lundi",
        "mardi",
        "mercredi",
        "jeudi",
        "vendredi",
        "samedi",
        "dimanche",
        "lun",
        "mer",
        "jeu",
        "ven",
        "sam",
        "dim",
        "lunes",
        "martes",
        "miércoles",
        "jueves",
        "viernes",
        "sábado",
        "domingo",
        "lunedì",
        "martedì",
        "mercoledì",
        "giovedì",
        "venerdì",
        "sabato",
        "domenica",
    }
)
_WORD: Final = re.compile(r"[^\W\d_]+\.?,?")
_LOG: Final = re.compile(r"^\[?(\d{1,2})/([A-Za-z]{3})/(\d{4}):(\d{2}:\d{2}:\d{2})(.*?)\]?$")
_CHINESE_CLOCK: Final = re.compile(
    r"(上午|下午|晚上|中午|凌晨)?\s*(\d{1,2})(?:[时時点點]|:)(\d{1,2})(?:分|:)?(?:(\d{1,2})秒?)?$"
)
_LATE: Final = frozenset({"下午", "晚上"})
_HALF_OF_DAY: Final = re.compile(r"上午|下午|晚上|中午|凌晨")
_REMARK: Final = re.compile(r"\s*\([^()]*\)$|(?<=Z)\s*\[(?:UTC|GMT|Z)\]$")
_OFFSET_AND_UTC: Final = re.compile(r"([+-]\d{2}:?\d{2})\s*(?:UTC|GMT)$")
_CLOCK_FIRST: Final = re.compile(r"^(\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?),?\s+(\S.*)$")
_SPACED_YEAR_FIRST: Final = re.compile(r"^(\d{4})\.\s?(\d{1,2})\.\s?(\d{1,2})\.?(?=\s|$)")
_DOTTED_CLOCK: Final = re.compile(r"(?<=\d{4}) (\d{1,2})\.(\d{2})(?:\.(\d{2}))?$")
_NAMED_OFFSET: Final = re.compile(r"\s*(?:UTC|GMT)\s*([+-])(\d{1,2}):?(\d{2})?$", re.IGNORECASE)
_AREA: Final = re.compile(r"\s*\[?([A-Z][A-Za-z_]+/[A-Z][A-Za-z_]+(?:/[A-Z][A-Za-z_]+)?)\]?$")


def in_plain_form(text: str) -> tuple[str, tzinfo | None]:
    """The text with numbers and English months only, and the zone that it names by an area (`Europe/Berlin`)."""
    text, zone = _without_area(text.strip().strip("'\""))
    text = _OFFSET_AND_UTC.sub(r"\1", _REMARK.sub("", text))
    text = _CLOCK_FIRST.sub(r"\2 \1", text)
    if log := _LOG.match(text):
        text = f"{log[1]} {log[2]} {log[3]} {log[4]}{log[5]}"
    text = _NAMED_OFFSET.sub(lambda m: f"{m[1]}{int(m[2]):02d}:{m[3] or '00'}", text)
    text = _SPACED_YEAR_FIRST.sub(r"\1-\2-\3", text)
    if "日" in text or "号" in text:
        text = _with_plain_clock(text.replace("号", "日"))
    elif half := _HALF_OF_DAY.search(text):
        date = text[: half.start()].strip()
        text = _with_plain_clock(f"{date}日{text[half.start() :]}").replace("日", "", 1)
    text = _WORD.sub(_translated, text)
    text = _DOTTED_CLOCK.sub(
        lambda m: f" {m[1]}:{m[2]}" + (f":{m[3]}" if m[3] else ""), re.sub(r"\s+", " ", text).strip()
    )
    return text, zone


def _without_area(text: str) -> tuple[str, tzinfo | None]:
    area = _AREA.search(text)
    if area is None:
        return text, None
    try:
        return text[: area.start()], ZoneInfo(area[1])
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return text, None


def _with_plain_clock(text: str) -> str:
    date, _, clock = text.partition("日")
    match = _CHINESE_CLOCK.search(clock)
    if match is None:
        return text
    hour = int(match[2])
    if match[1] in _LATE and hour < 12:
        hour += 12
    elif match[1] in ("上午", "凌晨") and hour == 12:
        hour = 0
    return f"{date}日 {hour}:{int(match[3]):02d}:{int(match[4] or 0):02d}"


def _translated(found: re.Match[str]) -> str:
    word = found[0].rstrip(".,").casefold()
    if word in _MONTHS:
        return _MONTHS[word]
    return "" if word in _FILLERS else found[0]
