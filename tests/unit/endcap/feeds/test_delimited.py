"""Tables in any dialect: what is written is read back, and a broken row costs itself alone."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.feeds import delimited, documents
from endcap.feeds.delimited import Dialect, sniff
from endcap.feeds.encodings import encoding_of
from endcap.feeds.files import DataFile, members
from endcap_rebuild.data.check import check_folder
from endcap_rebuild.data.options import ReadOptions
from endcap_rebuild.data.report import ReadReport
from endcap_rebuild.data.sources import is_known, opened
from tests.fakes.effort import tried

HEADER = ["user_id", "item_id", "event_type", "text"]


def read(
    text: str, delimiter: str = ",", part: int = 10_000
) -> tuple[list[tuple[int, list[str]]], list[tuple[int, str]]]:
    refused: list[tuple[int, str]] = []
    lines = text.splitlines(keepends=True) if part < len(text) else [text]
    found = list(delimited.rows(lines, Dialect(delimiter), lambda line, why, _: refused.append((line, why))))
    return found, refused


def test_one_stray_quote_costs_its_own_row() -> None:
    rows = [f"u{k},i,review,fine" for k in range(60)]
    rows[2] = 'u2,i,review,"fine, but'
    found, refused = read("\n".join([",".join(HEADER), *rows]) + "\n")
    assert [cells[0] for _, cells in found[1:]] == [f"u{k}" for k in range(60) if k != 2]
    assert refused == [(4, "a quote is opened and not closed")]


def test_two_stray_quotes_swallow_nothing_between_them() -> None:
    rows = [f"u{k},i,review,fine" for k in range(20)]
    rows[2], rows[9] = 'u2,i,review,"fine, but', 'u9,i,review,good"'
    found, refused = read("\n".join([",".join(HEADER), *rows]) + "\n")
    assert len(found) == 1 + 19
    assert [line for line, _ in refused] == [4]


def test_quotes_within_a_field_are_part_of_it() -> None:
    found, refused = read('a,b,c\n1,5" screen,x\n2,"5"" screen",y\n3,"5" screen,z\n')
    assert [cells[1] for _, cells in found[1:]] == ['5" screen', '5" screen', "5 screen"]
    assert refused == []


def test_tables_with_tabs_mostly_have_no_quoting() -> None:
    found, refused = read('id\ttitle\n1\t"Best mug\n2\tplain\n', "\t")
    assert [cells for _, cells in found[1:]] == [["1", '"Best mug'], ["2", "plain"]]
    assert refused == []


@pytest.mark.parametrize("part", [1, 10_000])
def test_fields_over_several_lines_stay_whole(part: int) -> None:
    found, refused = read('a,b,c\n1,"one\ntwo, three\n\nfour",x\n2,y,z\n', part=part)
    assert found[1:] == [(5, ["1", "one\ntwo, three\n\nfour", "x"]), (6, ["2", "y", "z"])]
    assert refused == []


def test_rows_of_the_wrong_width_are_refused_and_empty_ends_are_not() -> None:
    found, refused = read("a,b\n1,2,\n1,2,,,\n1\n1,2,3\n\n3,4\n")
    assert found[1:] == [(2, ["1", "2"]), (3, ["1", "2"]), (7, ["3", "4"])]
    assert refused == [(4, "has 1 fields, the header has 2"), (5, "has 3 fields, the header has 2")]


def test_empty_fields_that_a_spreadsheet_left_out_are_empty() -> None:
    refused: list[int] = []
    lines = ["user_id,item_id,text,session_id\n", "u,i\n", "u,i,fine\n", "u\n", "u,i,fine,s\n"]
    found = list(delimited.rows(lines, Dialect(), lambda line, *_: refused.append(line), least=lambda names: 2))
    assert [cells for _, cells in found[1:]] == [["u", "i", "", ""], ["u", "i", "fine", ""], ["u", "i", "fine", "s"]]
    assert refused == [4]


def test_rows_quoted_as_a_whole_are_rows() -> None:
    text = '"user_id,item_id,text"\n"u,i,""one, two"""\n"u,j,fine"\n'
    dialect = sniff(text, is_known)
    found = list(delimited.rows([text], dialect, lambda *_: None))
    assert [cells for _, cells in found[1:]] == [["u", "i", "one, two"], ["u", "j", "fine"]]


def test_empty_rows_at_the_end_of_a_sheet_are_no_rows(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item_id;title\na;Mug\n;\n;\n")
    (tmp_path / "events.csv").write_text("user_id;item_id;event_type;timestamp\nu;a;view;1790000000\n;;;\n \n")
    report = check_folder(tmp_path, ReadOptions(), 1_800_000_000_000)
    assert (report.items, report.events, report.bad_row_count) == (1, 1, 0)


def test_nul_and_stray_carriage_returns_cost_their_row() -> None:
    found, refused = read("a,b\n1,2\n3\r4,5\n6,7\n")
    assert [cells for _, cells in found[1:]] == [["1", "2"], ["6", "7"]]
    assert [line for line, _ in refused] == [3]


@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        ("user_id;item_id;value\nu;i;1,5\n", Dialect(";")),
        ("user_id\titem_id\nu\ti\n", Dialect("\t")),
        ("user_id|item_id\nu|i\n", Dialect("|")),
        ("user_id, item_id\nu, i\n", Dialect(",", skip_space=True)),
        ("sep=;\nuser_id;item_id\n", Dialect(";", preamble=1)),
        ("user_id,item_id\ru,i\r", Dialect(",", old_mac=True)),
        ("user_id\nu1\n", Dialect(",")),
        ("user_id\x01item_id\nu\x01i\n", Dialect("\x01")),
        ("user_id^item_id\nu^i\n", Dialect("^")),
        ("user_id，item_id\nu，i\n", Dialect("，")),
        ("user_id item_id\nu i\n", Dialect(" ")),
        ("big red mug\nlarge blue cup\n", Dialect(",")),
        ("'user_id','item_id'\n'u','i'\n", Dialect(",", quote="'")),
        ('"user_id,item_id"\n"u,i"\n', Dialect(",", wrapped=True)),
        ("Events of the shop\n\nuser_id,item_id\nu,i\n", Dialect(",", preamble=2)),
        ("# made by a tool\nuser_id;item_id\nu;i\n", Dialect(";", preamble=1)),
        ('user_id,text\nu,"a \\"good\\" one"\n', Dialect(",", escape="\\")),
        ("title,description\nA; b; c; d,x\n", Dialect(",")),
        ("", Dialect(",")),
    ],
)
def test_dialects_are_recognised(sample: str, expected: Dialect) -> None:
    assert sniff(sample, is_known) == expected


@pytest.mark.parametrize(
    ("text", "encoding", "mark"),
    [
        ("名称 mug", "utf-8", b""),
        ("名称 mug", "utf-8", codecs.BOM_UTF8),
        ("user_id\tname 名\n", "utf-16-le", codecs.BOM_UTF16_LE),
        ("user_id\tname 名\n", "utf-16-be", codecs.BOM_UTF16_BE),
        ("user_id\titem\n" * 4, "utf-16-le", b""),
        ("保温杯 500ml，不锈钢\n", "gb18030", b""),
        ("保温杯", "gb18030", b"\x84\x31\x95\x33"),
        ("Müller, Straße, café\n", "cp1252", b""),
        ("Größe M, für Füße\n", "cp1252", b""),
        ("Ägypten, très bien\n", "cp1252", b""),
        ("prix 5 €\n", "cp1252", b""),
        ("łóżko dziecięce\n", "cp1250", b""),
        ("příliš žluťoučký\n", "cp1250", b""),
        ("Кружка керамическая, чашка\n", "cp1251", b""),
        ("schön für Füße\n", "mac_roman", b""),
        ("湯呑み 茶碗 とても良い\n", "shift_jis", b""),
        ("非常好的產品，下次還會買\n", "big5", b""),
        ("아주 좋은 상품입니다 다시 구매하겠습니다\n", "euc_kr", b""),
        ("浏览\n", "gb18030", b""),
        ("user_id\tname 名\n", "utf-32-le", codecs.BOM_UTF32_LE),
    ],
)
def test_encodings_are_recognised(text: str, encoding: str, mark: bytes) -> None:
    assert encoding_of(mark + text.encode(encoding), whole=True) == (encoding, len(mark))


def test_damage_is_no_encoding() -> None:
    assert encoding_of(b"u\xff,a\n", whole=True)[0] == "utf-8"
    assert encoding_of("schön, schön".encode() + b", sch\xf6n\n", whole=True)[0] == "utf-8"
    assert encoding_of("Müller".encode() + b" M\xfcller\n", whole=True)[0] == "utf-8"


PIECES = st.text(st.sampled_from("ab c,;\t|\"'äß名."), max_size=6)
WORDS = st.lists(PIECES, min_size=1, max_size=2).map("\n".join).map(str.strip)
TABLES = st.lists(st.tuples(WORDS, WORDS, WORDS, st.integers(0, 10**9).map(str)), min_size=1, max_size=8)
NAMES = ("user_id", "item_id", "text", "timestamp")


@tried(40)
@given(
    TABLES,
    st.sampled_from(",;\t|"),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "gb18030"]),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    st.sampled_from(["", ".gz", ".zip"]),
)
def test_any_table_in_any_dialect_is_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    table: list[tuple[str, ...]],
    delimiter: str,
    encoding: str,
    newline: str,
    quoting: int,
    packed: str,
) -> None:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator=newline, quoting=quoting)  # type: ignore[arg-type]
    writer.writerows([NAMES, *table])
    data = (b"\x84\x31\x95\x33" if encoding == "gb18030" else b"") + out.getvalue().encode(encoding)
    file = tmp_path_factory.mktemp("t") / f"events.csv{packed}"
    if packed == ".zip":
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("events.csv", data)
    else:
        file.write_bytes(gzip.compress(data) if packed else data)
    report = ReadReport()
    rows = opened(members(file)[0], "events", report)
    found = [tuple(cells) for _, cells in rows.rows]
    assert rows.columns == list(NAMES)
    assert len(found) + report.bad_row_count == len(table)
    assert found == table


def values_of(text: str) -> tuple[list[tuple[int, object]], list[int]]:
    refused: list[int] = []
    found = list(documents.values([text], lambda line, *_: refused.append(line)))
    return found, refused


def test_json_lines_arrays_and_wrapped_rows_are_rows() -> None:
    rows = [{"item_id": "a"}, {"item_id": "b"}]
    for text in (
        '{"item_id": "a"}\n\n{"item_id": "b"}\n',
        '[{"item_id": "a"}, {"item_id": "b"}]',
        '[\n {"item_id": "a"},\n {"item_id":\n "b"}\n]\n',
        '{"items": [{"item_id": "a"}, {"item_id": "b"}]}',
        '{\n"products": [\n{"item_id": "a"}, {"item_id": "b"}]}\n',
        '{\n"item_id": "a"\n}\n{\n"item_id": "b"\n}\n',
    ):
        found, refused = values_of(text)
        assert [row for _, row in found] == rows, text
        assert refused == []


def test_broken_json_costs_its_line() -> None:
    found, refused = values_of('{"item_id": "a"}\n{"item_id": \n{"item_id": "b"}\n')
    assert [row for _, row in found] == [{"item_id": "a"}, {"item_id": "b"}]
    assert refused == [2]
    assert values_of('{"id": \n{"item_id": "b"}\n') == ([(2, {"item_id": "b"})], [1])
    assert values_of('[{"item_id": "a"}, {"item_')[1] == [1]


def test_lines_of_an_array_are_counted() -> None:
    assert [line for line, _ in values_of('[\n{"a": 1},\n\n{"a":\n2}, {"a": 3}]')[0]] == [2, 4, 5]


def test_parquet_is_read_where_duckdb_is(tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb", reason="Parquet needs endcap[parquet]")
    file = tmp_path / "events.parquet"
    duckdb.sql(
        "SELECT 'u' AS user_id, 7 AS item_id, 'view' AS event_type, TIMESTAMP '2026-10-30 08:00:00' AS timestamp,"
        " [{'key': 'k', 'value': {'int_value': 1}}] AS event_params"
    ).write_parquet(str(file))
    rows = opened(DataFile(file), "events", ReadReport())
    ((line, row),) = rows.rows
    assert line == 1
    assert row == {
        "user_id": "u",
        "item_id": 7,
        "event_type": "view",
        "timestamp": "2026-10-30T08:00:00",
        "event_params": [{"key": "k", "value": {"int_value": 1}}],
    }
