"""What stays of objects in which nearly everything may stand: damaged lines, cut-off files, odd records."""

from __future__ import annotations

import base64
import gzip
import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from endcap.erasure.contents import Sift, Sifted, sift_delivery_errors, sift_quarantined, sift_records
from endcap.erasure.ledger import Ledger, ledger_key
from endcap.parquet import read_records, write_records

SECRET = b"s"
ANN, EVE = (ledger_key(name, SECRET) for name in ("ann", "eve"))
LEDGER = Ledger({1: SECRET}, {ANN: 5_000, EVE: 4_000})
NOBODY = Ledger({1: SECRET}, {})
DAY_MS = 86_400_000
OLD_MS, LATE_MS = 5_000 + DAY_MS, 5_000 + DAY_MS + 1
DEEP = b"[" * 100_000


def line(user_id: str, timestamp: float = 1, **more: Any) -> bytes:
    return json.dumps({"user_id": user_id, "timestamp": timestamp, **more}).encode() + b"\n"


def sifted(sift: Sift, data: bytes, written_ms: int = OLD_MS, ledger: Ledger = LEDGER) -> tuple[Sifted, bytes]:
    out = io.BytesIO()
    return sift(io.BytesIO(data), out, ledger, written_ms), out.getvalue()


def test_nothing_was_found_in_what_nobody_looked_at() -> None:
    assert (Sifted().kept, Sifted().removed, Sifted().unreadable, Sifted().changed) == (0, {}, 0, False)
    assert Sifted(unreadable=1).changed


class TestLines:
    @pytest.mark.parametrize("damage", [b"no json\n", b"[1]\n", b"7\n", b"null\n", b'"ann"\n', DEEP + b"\n", b"\xff\n"])
    def test_that_can_not_be_read_go_alone_and_only_where_they_are_old(self, damage: bytes) -> None:
        data = line("bob") + damage + line("cat")
        found, left = sifted(sift_records, data)
        assert (found.unreadable, found.kept, found.removed, left) == (1, 2, {}, line("bob") + line("cat"))
        found, left = sifted(sift_records, data, LATE_MS)
        assert (found.unreadable, found.kept, found.changed, left) == (0, 3, False, data)

    def test_of_the_erased_go_however_late_they_were_written(self) -> None:
        found, left = sifted(sift_records, line("ann") + b"no json\n" + line("bob"), LATE_MS)
        assert (found.removed, found.unreadable, left) == ({ANN: 1}, 0, b"no json\n" + line("bob"))

    def test_count_for_each_of_the_erased(self) -> None:
        found, _ = sifted(sift_records, line("ann") * 3 + line("eve") * 2 + line("eve", 4.001))
        assert (found.removed, found.kept) == ({ANN: 3, EVE: 2}, 1)

    def test_of_two_erased_count_once(self) -> None:
        login = line("ann", event_type="identify", anonymous_id="cookie")
        cookie = ledger_key("anon:cookie", SECRET)
        ledger = Ledger({1: SECRET}, {ANN: 5_000, cookie: 5_000})
        assert sifted(sift_records, login, ledger=ledger)[0].removed == {ANN: 1}
        both = json.dumps({"events": [json.loads(login)] * 2}).encode()
        assert sifted(sift_records, both, ledger=ledger)[0].removed == {ANN: 2}
        quarantine = json.dumps({"arrival": 1, "payload": login.decode()}).encode()
        assert sifted(sift_quarantined, quarantine, ledger=ledger)[0].removed.total() == 1

    def test_all_stay_where_nobody_was_erased(self) -> None:
        data = line("ann") + b"no json\n"
        assert sifted(sift_records, data, DAY_MS, NOBODY) == (Sifted(kept=2), data)

    def test_end_with_their_own_end(self) -> None:
        data = b"\n  \n" + line("bob") + b'{"user_id": "cat"}'
        assert sifted(sift_records, data)[1] == line("bob") + b'{"user_id": "cat"}\n'
        assert sifted(sift_records, b"") == (Sifted(), b"")

    def test_of_several_events_lose_those_of_the_erased(self) -> None:
        events = [*(json.loads(line(who)) for who in ("ann", "bob", "ann", "eve")), "no event", None]
        found, left = sifted(sift_records, json.dumps({"events": events, "more": 1}).encode())
        assert (found.removed, found.unreadable) == ({ANN: 2, EVE: 1}, 0)
        assert left == b'{"events":[{"user_id":"bob","timestamp":1},"no event",null],"more":1}\n'
        assert found.kept == 1

    def test_of_the_events_of_others_stay_byte_for_byte(self) -> None:
        data = b'{"events":  [{"user_id": "bob", "timestamp": 1}]}\n'
        assert sifted(sift_records, data) == (Sifted(kept=1), data)
        empty = b'{"events": []}\n'
        assert sifted(sift_records, empty) == (Sifted(kept=1), empty)

    def test_go_with_the_last_of_their_events(self) -> None:
        data = json.dumps({"events": [json.loads(line("ann"))]}).encode()
        found, left = sifted(sift_records, data)
        assert (found.removed, found.kept, left) == ({ANN: 1}, 0, b"")

    def test_whose_events_are_no_list_are_records(self) -> None:
        found, left = sifted(sift_records, line("ann", events={"a": 1}) + line("bob", events="x"))
        assert (found.removed, left) == ({ANN: 1}, line("bob", events="x"))


class TestZipped:
    def test_lines_are_zipped_again_to_the_same_bytes_whenever(self) -> None:
        left = sifted(sift_records, gzip.compress(line("ann") + line("bob"), mtime=7))[1]
        assert gzip.decompress(left) == line("bob")
        assert left[4:8] == b"\0\0\0\0"  # no time

    @pytest.mark.parametrize(
        "damage",
        [
            lambda data: data[:-9],
            lambda data: data + b"trailing",
            lambda data: data[:14] + b"\xff\xff\xff\xff" + data[18:],
            lambda data: data[:-6] + b"\0\0" + data[-4:],
        ],
        ids=["cut off", "more behind it", "damaged within", "another checksum"],
    )
    def test_the_rest_of_what_is_damaged_goes_where_it_is_old(self, damage: Callable[[bytes], bytes]) -> None:
        data = damage(gzip.compress(b"".join(line(f"user-{k}") for k in range(300)), mtime=0))
        found, left = sifted(sift_records, data)
        assert found.unreadable >= 1
        assert b"user-" in gzip.decompress(left) or not found.kept
        found, _ = sifted(sift_records, data, LATE_MS)
        assert not found.changed

    def test_a_cut_off_file_keeps_what_stands_before_the_cut(self) -> None:
        whole = gzip.compress(line("bob"), mtime=0)
        found, left = sifted(sift_records, whole + gzip.compress(line("cat"))[:-4])
        assert (found.kept, found.unreadable) == (2, 1)
        assert gzip.decompress(left) == line("bob") + line("cat")


class TestColumns:
    @staticmethod
    def of(*lines: bytes) -> bytes:
        out = io.BytesIO()
        write_records([json.loads(one) for one in lines], out)
        return out.getvalue()

    def test_counts_are_of_what_was_written(self) -> None:
        data = self.of(line("ann"), line("bob"), line("eve"), line("cat"), line("ann"))
        found, left = sifted(sift_records, data, LATE_MS)
        assert (found.removed, found.kept, found.unreadable) == ({ANN: 2, EVE: 1}, 2, 0)
        assert [one["user_id"] for one in read_records(io.BytesIO(left))] == ["bob", "cat"]

    def test_an_event_within_a_record_goes_alone(self) -> None:
        several = json.dumps({"events": [json.loads(line("ann")), json.loads(line("bob"))]}).encode()
        found, left = sifted(sift_records, self.of(several))
        assert (found.removed, found.kept) == ({ANN: 1}, 1)
        assert list(read_records(io.BytesIO(left))) == [{"events": [{"user_id": "bob", "timestamp": 1}]}]

    def test_that_can_not_be_read_go_whole_where_they_are_old(self) -> None:
        damaged = self.of(line("ann"), line("bob"))[:-9]
        assert sifted(sift_records, damaged) == (Sifted(unreadable=1), b"")
        assert sifted(sift_records, damaged, LATE_MS) == (Sifted(), b"")

    def test_of_the_erased_alone_nothing_stays(self) -> None:
        found, left = sifted(sift_records, self.of(line("ann")))
        assert (found.removed, found.kept) == ({ANN: 1}, 0)
        assert list(read_records(io.BytesIO(left))) == []


def delivery(*records: bytes, **more: Any) -> bytes:
    raw = base64.b64encode(b"".join(records)).decode()
    return json.dumps({"attemptsMade": 4, "rawData": raw, **more}).encode() + b"\n"


def delivered(left: bytes) -> bytes:
    return base64.b64decode(json.loads(left)["rawData"])


class TestDeliveryErrors:
    def test_of_nobody_erased_stay_byte_for_byte(self) -> None:
        data = delivery(line("bob"), line("cat"))
        assert sifted(sift_delivery_errors, data) == (Sifted(kept=1), data)

    def test_go_with_the_last_of_their_records(self) -> None:
        found, left = sifted(sift_delivery_errors, delivery(line("ann"), line("eve")) + delivery(line("bob")))
        assert (found.removed, found.kept, left) == ({ANN: 1, EVE: 1}, 1, delivery(line("bob")))

    def test_that_can_not_be_read_within_go_alone_where_they_are_old(self) -> None:
        data = delivery(b"no json\n", line("bob"), b"[1]\n")
        found, left = sifted(sift_delivery_errors, data)
        assert (found.unreadable, found.kept, delivered(left)) == (2, 1, line("bob"))
        assert left == json.dumps(json.loads(left), separators=(",", ":")).encode() + b"\n"
        assert sifted(sift_delivery_errors, data, LATE_MS) == (Sifted(kept=1), data)

    def test_what_can_not_be_read_keeps_no_record_of_the_erased_beside_it(self) -> None:
        found, left = sifted(sift_delivery_errors, delivery(b"no json\n", line("ann"), line("bob")), LATE_MS)
        assert (found.removed, found.unreadable, found.kept) == ({ANN: 1}, 0, 1)
        assert delivered(left) == b"no json\n" + line("bob")
        # And so another pass finds nothing.
        assert not sifted(sift_delivery_errors, left, LATE_MS)[0].changed

    @pytest.mark.parametrize(
        "damage",
        [
            b"no json\n",
            b"[1]\n",
            b"{}\n",
            b'{"rawData": 7}\n',
            b'{"rawData": null}\n',
            b'{"rawData": "?"}\n',
            b'{"rawData": "abc"}\n',
            DEEP + b"\n",
        ],
    )
    def test_that_hold_no_records_go_where_they_are_old(self, damage: bytes) -> None:
        found, left = sifted(sift_delivery_errors, damage + delivery(line("bob")))
        assert (found.unreadable, found.kept, left) == (1, 1, delivery(line("bob")))
        assert sifted(sift_delivery_errors, damage, LATE_MS) == (Sifted(kept=1), damage)

    def test_records_stand_beside_each_other_with_and_without_an_end(self) -> None:
        found, left = sifted(sift_delivery_errors, delivery(line("bob"), line("ann"), line("cat").strip()))
        assert (found.removed, delivered(left)) == ({ANN: 1}, line("bob") + line("cat").strip())


def quarantined(payload: Any, **times: Any) -> bytes:
    return json.dumps({"source": "sqs", "payload": payload, **times}).encode()


class TestQuarantined:
    @pytest.mark.parametrize(
        ("times", "goes"),
        [
            ({"arrival": 5_000}, True),
            ({"arrival": 5_001}, False),
            ({"arrival": 1, "first_seen": 5_001}, False),
            ({"arrival": 9_000, "first_seen": 5_000}, True),
            ({"arrival": 9_000, "first_seen": 0}, False),
            ({"arrival": 9_000, "first_seen": None}, False),
            ({"arrival": "5000"}, True),
            ({"first_seen": 5_000}, True),
        ],
    )
    def test_go_by_when_they_first_came(self, times: dict[str, Any], goes: bool) -> None:
        for payload in ('{"user_id": "ann"}', '{"user_id": "ann'):
            document = quarantined(payload, **times)
            found, left = sifted(sift_quarantined, document)
            assert (found.changed, found.kept, left) == (goes, int(not goes), b"" if goes else document)

    @pytest.mark.parametrize(
        ("said", "goes"),
        [
            ({"timestamp": 5_000 / 1000}, True),
            ({"timestamp": 5_001 / 1000}, False),
            ({"timestamp": "then"}, True),
            ({"timestamp": None}, False),
            ({"at_ms": 1.0}, True),
            ({}, False),
        ],
    )
    def test_that_came_after_the_erasure_go_where_they_tell_of_before(self, said: dict[str, Any], goes: bool) -> None:
        document = quarantined(json.dumps({"user_id": "ann", **said}), arrival=9_000)
        found, left = sifted(sift_quarantined, document)
        assert (found.removed, left) == (({ANN: 1}, b"") if goes else ({}, document))

    def test_that_tell_of_later_than_they_came_go_by_when_they_came(self) -> None:
        document = quarantined('{"user_id": "ann", "timestamp": 9}', arrival=5_000)
        assert sifted(sift_quarantined, document)[0].removed == {ANN: 1}

    def test_that_name_others_stay_however_old(self) -> None:
        document = quarantined('{"user_id": "bob"}', arrival=1)
        assert sifted(sift_quarantined, document) == (Sifted(kept=1), document)

    @pytest.mark.parametrize(
        "document",
        [
            b"no json",
            b"[]",
            b"null",
            DEEP,
            b"{}",
            b'{"arrival": 1}',
            b'{"payload": "{}"}',
            b'{"arrival": null, "payload": "{}"}',
            b'{"arrival": "then", "payload": "{}"}',
            b'{"arrival": [1], "payload": "{}"}',
            quarantined({"user_id": "ann"}, arrival=1),
            quarantined(DEEP.decode(), arrival=1),
        ],
    )
    def test_that_can_not_be_read_go_with_the_first_erasure(self, document: bytes) -> None:
        assert sifted(sift_quarantined, document) == (Sifted(unreadable=1), b"")
        assert sifted(sift_quarantined, document, ledger=NOBODY) == (Sifted(kept=1), document)

    def test_that_say_no_time_are_older_than_any_erasure(self) -> None:
        first = Ledger({1: SECRET}, {ANN: 0})
        assert sifted(sift_quarantined, b"no json", ledger=first)[0].unreadable == 1

    def test_that_can_not_be_read_go_by_the_latest_erasure(self) -> None:
        # After that of `eve`, and not after that of `ann`.
        assert sifted(sift_quarantined, quarantined("no json", arrival=4_500))[0].unreadable == 1
