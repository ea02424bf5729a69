"""Any table of events in any dialect: rows read and refused are the rows written, and values stay what they were."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap_rebuild.data.options import ReadOptions
from endcap_rebuild.data.reading import read_events
from endcap_rebuild.data.report import ReadReport
from tests.fakes.effort import tried

NOW_MS = 2_000_000_000_000
NAMES = ["user_id", "item_id", "event_type", "value", "timestamp", "text"]
FORMS = {
    "unix": lambda at: str(round(at.timestamp())),
    "milliseconds": lambda at: str(round(at.timestamp() * 1000)),
    "iso": lambda at: at.isoformat(),
    "sql": lambda at: f"{at:%Y-%m-%d %H:%M:%S}",
    "german": lambda at: f"{at:%d.%m.%Y %H:%M:%S}",
    "chinese": lambda at: f"{at:%Y年%m月%d日} {at:%H:%M:%S}",
    "digits": lambda at: f"{at:%Y%m%d%H%M%S}",
    "utc": lambda at: f"{at:%Y/%m/%d %H:%M:%S} UTC",
    "offset": lambda at: f"{at:%Y-%m-%d %H:%M:%S} +0000",
}
IDS = st.text("abcß名0123456789-", min_size=1, max_size=8).filter(lambda text: text.strip("-0123456789") != "")
TEXTS = st.text(st.sampled_from("gut 好,;|\"'\n.x"), max_size=12).map(lambda text: f"ok{text}ok")
MOMENTS = st.datetimes(datetime(2005, 1, 1), datetime(2033, 1, 1), timezones=st.just(UTC)).map(
    lambda at: at.replace(microsecond=0)
)
ROWS = st.lists(
    st.tuples(
        IDS, IDS, st.sampled_from(["view", "purchase", "beam"]), st.none() | st.integers(1, 99_999), MOMENTS, TEXTS
    ),
    min_size=1,
    max_size=12,
)


@tried(40)
@given(
    ROWS,
    st.sampled_from(sorted(FORMS)),
    st.sampled_from(",;\t|^~"),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32", "gb18030"]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_any_events_in_any_dialect_are_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, str, str, int | None, datetime, str]],
    form: str,
    delimiter: str,
    quoting: int,
    encoding: str,
    newline: str,
) -> None:
    mark = "," if delimiter == ";" else "."
    out = io.StringIO()
    table = csv.writer(out, delimiter=delimiter, lineterminator=newline, quoting=quoting)  # type: ignore[arg-type]
    table.writerow(NAMES)
    for user, item, kind, cents, at, text in rows:
        value = "" if cents is None else f"{cents / 100:.2f}".replace(".", mark)
        table.writerow([user, item, kind, value, FORMS[form](at), text])
    file = tmp_path_factory.mktemp("t") / "events.csv"
    marked = b"\x84\x31\x95\x33" if encoding == "gb18030" else b""
    file.write_bytes(marked + out.getvalue().encode(encoding))

    report = ReadReport()
    events = list(read_events(file, report, NOW_MS, options=ReadOptions()))
    assert len(events) + report.bad_row_count == len(rows)
    assert [(e.user_id, e.item_id, e.event_type, e.value, e.timestamp_ms, e.text) for e in events] == [
        (user, item, kind, None if cents is None else cents / 100, round(at.timestamp() * 1000), text)
        for user, item, kind, cents, at, text in rows
        if kind != "beam"
    ]
