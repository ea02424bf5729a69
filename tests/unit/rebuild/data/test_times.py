"""Forms of time, told apart by their column."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap_rebuild.data.times import DIGITS, EXCEL, RUNNING, UNIX, has_no_offset, time_reader

BERLIN = ZoneInfo("Europe/Berlin")


def ms(*moment: int) -> int:
    return round(datetime(*moment, tzinfo=UTC).timestamp() * 1000)  # type: ignore[misc,arg-type]


def read(*texts: object) -> list[int]:
    reader = time_reader(texts, UTC)
    return [reader(text) for text in texts]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1790000000", 1_790_000_000_000),
        ("1790000000000", 1_790_000_000_000),
        ("1790000000000000", 1_790_000_000_000),
        ("1790000000000000000", 1_790_000_000_000),
        (1_790_000_000.5, 1_790_000_000_500),
        ("2026-10-30T08:05:00Z", ms(2026, 10, 30, 8, 5)),
        ("2026-10-30 08:05:00", ms(2026, 10, 30, 8, 5)),
        ("2026-10-30 08:05:00 UTC", ms(2026, 10, 30, 8, 5)),
        ("2026-10-30 08:05:00 +0200", ms(2026, 10, 30, 6, 5)),
        ("2026-10-30", ms(2026, 10, 30)),
        ("2026/10/30 8:05", ms(2026, 10, 30, 8, 5)),
        ("2026年10月30日 8:05", ms(2026, 10, 30, 8, 5)),
        ("31.08.2026", ms(2026, 8, 31)),
        ("31.08.2026 14:05:07", ms(2026, 8, 31, 14, 5, 7)),
        ("8/31/2026 2:05 PM", ms(2026, 8, 31, 14, 5)),
        ("31/08/2026", ms(2026, 8, 31)),
        ("20261030", ms(2026, 10, 30)),
        ("20261030080500", ms(2026, 10, 30, 8, 5)),
        ("46325.5", ms(2026, 10, 30, 12)),
        ("30 Oct 2026 08:05", ms(2026, 10, 30, 8, 5)),
        ("Fri, 30 Oct 2026 08:05:00 GMT", ms(2026, 10, 30, 8, 5)),
        ("46325,5", ms(2026, 10, 30, 12)),
        ("1790000000,5", 1_790_000_000_500),
        ("1.79E+09", 1_790_000_000_000),
        ("2026. 10. 30. 08:05", ms(2026, 10, 30, 8, 5)),
        ("2026年10月30日 08时05分09秒", ms(2026, 10, 30, 8, 5, 9)),
        ("2026年10月30日 下午8:05", ms(2026, 10, 30, 20, 5)),
        ("30. Oktober 2026 um 08:05 Uhr", ms(2026, 10, 30, 8, 5)),
        ("30.10.2026 08.05 Uhr", ms(2026, 10, 30, 8, 5)),
        ("vendredi 30 octobre 2026 08:05", ms(2026, 10, 30, 8, 5)),
        ("3 de marzo de 2026", ms(2026, 3, 3)),
        ("30/Oct/2026:08:05:00 +0200", ms(2026, 10, 30, 6, 5)),
        ("2026-10-30 08:05:00 GMT+2", ms(2026, 10, 30, 6, 5)),
        ("2026-07-30 08:05 Europe/Berlin", ms(2026, 7, 30, 6, 5)),
        ("2026-07-30T08:05:00+02:00[Europe/Berlin]", ms(2026, 7, 30, 6, 5)),
        ("2026-10-30T08:05:00Z[UTC]", ms(2026, 10, 30, 8, 5)),
        ("2026-10-30 08:05:00 +0200 UTC", ms(2026, 10, 30, 6, 5)),
        ("Fri Oct 30 2026 08:05:00 GMT+0200 (Central European Summer Time)", ms(2026, 10, 30, 6, 5)),
        ("2026-10-30 下午8:05", ms(2026, 10, 30, 20, 5)),
        ("2026/10/30 凌晨12:05", ms(2026, 10, 30, 0, 5)),
        ("'2026-10-30 08:05", ms(2026, 10, 30, 8, 5)),
        ("08:05 30.10.2026", ms(2026, 10, 30, 8, 5)),
    ],
)
def test_every_form_is_read(text: object, expected: int) -> None:
    assert read(text) == [expected]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("03/04/2026", "two dates"),
        ("30 Oct", "lacks"),
        ("30 Oct 2026 08:05 CST", "not unique"),
        ("2026-10-30 08:05 CST", "not unique"),
        ("31.02.2026", "no date that exists"),
        ("2026", "names no day"),
        ("202610", "names no day"),
        ("31102026", "names no day"),
        ("soon", "ISO 8601"),
        ("-5", "1970"),
        ("inf", "1970"),
        (True, "a time"),
        ([], "a time"),
    ],
)
def test_what_is_no_time_or_two_is_an_error(text: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read(text)


def test_one_clear_date_settles_the_order_of_its_column() -> None:
    assert read("03/04/2026", "31/04/2026".replace("31/04", "30/04")) == [ms(2026, 4, 3), ms(2026, 4, 30)]
    assert read("03/04/2026", "04/30/2026") == [ms(2026, 3, 4), ms(2026, 4, 30)]


@pytest.mark.parametrize("odd", ["20261030", "46325", "7"])
def test_small_number_among_unix_times_is_never_1970(odd: str) -> None:
    reader = time_reader(["1790000000"] * 3 + [odd], UTC)
    assert reader.form == UNIX
    with pytest.raises(ValueError, match="too small"):
        reader(odd)


def test_running_numbers_stay_what_they_were() -> None:
    reader = time_reader(["1", "2", "70000"], UTC)
    assert (reader.form, reader("2")) == (RUNNING, 2_000)


def test_forms_of_numbers_need_the_whole_column() -> None:
    assert time_reader(["20261030", "20261131".replace("1131", "1130")], UTC).form == DIGITS
    assert time_reader(["20261030", "20269999"], UTC).form == RUNNING
    assert time_reader(["46325.1", "46400"], UTC).form == EXCEL
    assert time_reader(["", None, "NULL"], UTC).form == UNIX


@pytest.mark.parametrize(("usual", "mistake", "form"), [("20261030", "20260931", DIGITS), ("46325.5", "0.5", EXCEL)])
def test_one_mistake_among_dates_makes_no_running_numbers_of_them(usual: str, mistake: str, form: str) -> None:
    reader = time_reader([usual] * 20 + [mistake], UTC)
    assert reader.form == form
    assert reader(usual) > ms(2026, 10, 29)
    with pytest.raises(ValueError, match=r"no da(te|y)"):
        reader(mistake)


def test_a_day_that_does_not_exist_is_no_running_number() -> None:
    with pytest.raises(ValueError, match="names no day"):
        read("20260931")


def test_times_without_an_offset_are_of_the_shop() -> None:
    reader = time_reader(["2026-07-01 10:00", "2026-12-01 10:00"], BERLIN)
    assert [reader("2026-07-01 10:00"), reader("2026-12-01 10:00")] == [ms(2026, 7, 1, 8), ms(2026, 12, 1, 9)]
    assert reader("2026-07-01 10:00Z") == ms(2026, 7, 1, 10)
    assert has_no_offset(["2026-07-01 10:00"])
    assert not has_no_offset(["2026-07-01T10:00Z", "1790000000", "2026-07-01 10:00 UTC", "2026-07-01T10:00+02:00"])


@given(st.lists(st.datetimes(datetime(2001, 1, 1), datetime(2037, 1, 1)), min_size=1, max_size=5), st.data())
def test_any_form_gives_the_moment_back(moments: list[datetime], data: st.DataObject) -> None:
    form = data.draw(st.sampled_from(["%Y-%m-%d %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%d.%m.%Y %H:%M:%S", "%Y%m%d%H%M%S"]))
    texts = [moment.strftime(form) for moment in moments]
    expected = [round(m.replace(tzinfo=UTC, microsecond=0).timestamp() * 1000) for m in moments]
    assert read(*texts) == expected
