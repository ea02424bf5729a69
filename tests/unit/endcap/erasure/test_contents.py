import base64
import gzip
import io
import json

import pytest

from endcap.erasure.contents import sift_delivery_errors, sift_quarantined, sift_records
from endcap.erasure.ledger import Ledger, ledger_key
from endcap.parquet import read_records, write_records

ANN = ledger_key("ann", b"s")
LEDGER = Ledger({1: b"s"}, {ANN: 5_000})


def line(user_id, timestamp=1):
    return json.dumps({"user_id": user_id, "timestamp": timestamp}).encode() + b"\n"


def sifted(sift, data, written_ms=1):
    out = io.BytesIO()
    return sift(io.BytesIO(data), out, LEDGER, written_ms), out.getvalue()


@pytest.mark.parametrize("pack", [lambda data: data, gzip.compress])
def test_lines_of_the_erased_go_and_all_others_stay_as_they_are(pack):
    bob = b'{"user_id":  "bob","timestamp":1}\n'
    data = b"".join([line("ann"), bob, line("ann", 6), b"\n", line("ann", 5)])
    found, left = sifted(sift_records, pack(data))
    assert (found.removed, found.kept, found.unreadable, found.changed) == ({ANN: 2}, 2, 0, True)
    assert (gzip.decompress(left) if left[:2] == b"\x1f\x8b" else left) == bob + line("ann", 6)


def columns(*lines):
    out = io.BytesIO()
    write_records([json.loads(one) for one in lines], out)
    return out.getvalue()


def test_of_a_month_in_columns_the_records_of_the_erased_go():
    found, left = sifted(sift_records, columns(line("ann"), line("bob"), line("ann", 6), line("ann", 5)))
    assert (found.removed, found.kept, found.changed) == ({ANN: 2}, 2, True)
    assert list(read_records(io.BytesIO(left))) == [
        {"user_id": "bob", "timestamp": 1},
        {"user_id": "ann", "timestamp": 6},
    ]
    found, left = sifted(sift_records, columns(line("bob")))
    assert (found.kept, found.changed, left) == (1, False, b"")


def test_a_month_that_can_not_be_read_goes_where_it_may_tell_of_the_erased(capfd):
    damaged = columns(line("ann"))[:-9]
    found, left = sifted(sift_records, damaged)
    assert (found.kept, found.unreadable, left) == (0, 1, b"")
    assert not sifted(sift_records, damaged, 5_000 + 86_400_001)[0].changed


def test_of_a_line_of_several_events_the_others_stay():
    events = [json.loads(line(who)) for who in ("ann", "bob", "ann")]
    found, left = sifted(sift_records, json.dumps({"events": events}).encode())
    assert (found.removed, json.loads(left)["events"]) == ({ANN: 2}, events[1:2])


def test_several_files_in_one_are_read_to_the_end():
    found, left = sifted(sift_records, gzip.compress(line("bob")) + gzip.compress(line("ann")))
    assert (found.removed, gzip.decompress(left)) == ({ANN: 1}, line("bob"))


def test_what_is_cut_off_or_no_json_goes_as_nobody_can_say_whose_it_was():
    whole = gzip.compress(line("bob") * 300 + line("ann"), mtime=0)
    found, left = sifted(sift_records, whole[:-12])
    assert found.unreadable == 1
    assert b"ann" not in gzip.decompress(left)
    found, left = sifted(sift_records, line("bob") + b'{"user_id": "ann", "text"\n[1]\n')
    assert (found.unreadable, left) == (2, line("bob"))


def test_what_was_written_a_day_after_the_last_erasure_stays_readable_or_not():
    data = line("bob") + b"no json\n"
    late_ms = 5_000 + 86_400_000
    assert sifted(sift_records, data, late_ms)[0].unreadable == 1
    assert not sifted(sift_records, data, late_ms + 1)[0].changed
    assert not sifted(sift_records, gzip.compress(data)[:-9], late_ms + 1)[0].changed
    found, left = sifted(sift_records, data + line("ann"), late_ms + 1)
    assert (found.removed, found.unreadable, left) == ({ANN: 1}, 0, data)


def test_records_that_firehose_could_not_deliver_are_looked_into():
    raw = {"attemptsMade": 4, "rawData": base64.b64encode(line("ann") + line("bob")).decode()}
    gone = {"rawData": base64.b64encode(line("ann")).decode()}
    data = b"".join(json.dumps(told).encode() + b"\n" for told in (raw, gone))
    found, left = sifted(sift_delivery_errors, data)
    assert (found.removed, found.kept) == ({ANN: 2}, 1)
    assert base64.b64decode(json.loads(left)["rawData"]) == line("bob")
    assert json.loads(left)["attemptsMade"] == 4


def quarantined(payload, **times):
    return json.dumps({"source": "sqs", "errors": [], "payload": payload, **times}).encode()


@pytest.mark.parametrize(
    ("document", "goes"),
    [
        (quarantined('{"user_id": "ann", "timestamp": 99999999}', arrival=5_000), True),
        (quarantined('{"user_id": "ann"}', arrival=5_001), False),
        (quarantined('{"user_id": "ann"}', arrival=9_000, first_seen=4_000), True),
        (quarantined('{"user_id": "bob"}', arrival=1), False),
        (quarantined('{"user_id": "ann', arrival=5_000), True),
        (quarantined('{"user_id": "ann', arrival=5_001), False),
        (b"not what quarantine writes", True),
    ],
)
def test_what_was_quarantined_goes_by_when_it_came(document, goes):
    found, left = sifted(sift_quarantined, document)
    assert found.changed == goes
    assert left == (b"" if goes else document)
