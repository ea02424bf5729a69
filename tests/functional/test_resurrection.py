"""Twelve ways in which somebody who was erased could come back, and what every store holds after each of them.

Each way begins with the same shop: a shopper has bought and written a review, from a device of theirs too, some of
their events are in quarantine, and everything was backed up. Then they are erased, something of before comes back, and
the purge runs. No store may hold anything new of them at any time, and after the purge no byte of any store their ids
or their words.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import shutil
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from endcap.aws.erasures import ErasureTable, LedgerCopy
from endcap.aws.profiles import ProfileTable
from endcap.aws.replay import Queue, replay
from endcap.aws.snapshots import SnapshotBucket
from endcap.aws.strays import DeadLetterQueue, QuarantineFolder, Slot
from endcap.errors import InvalidInputError
from endcap.parquet import MAGIC, read_records
from endcap.profiles.profile import is_forgotten
from endcap.pseudonyms import PseudonymKeys, pseudonymous
from endcap_local.data_import.over_http import import_over_http
from endcap_local.erasures import reapply
from endcap_rebuild.batch_recommend import batch_recommend
from endcap_rebuild.data.dataset import read_shop
from endcap_rebuild.data.erasures import ledger_at
from endcap_rebuild.data.people import People
from endcap_rebuild.job import rebuild
from endcap_rebuild.settings import RebuildSettings, no_progress
from tests.fakes import moto_stack
from tests.fakes.functions import Functions, stack_for_functions
from tests.fakes.store_bytes import every_table, every_version, holds, table_bytes
from tests.fakes.toy_shop import toy_item_rows, write_events, write_items
from tests.fakes.toy_snapshot import TINY_ENCODER, build_toy_snapshot

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")
USER, DEVICE, OTHER = "erased-4711", "device-of-erased-77", "bystander"
WORDS = "aubergine coloured wedding dress of grandmother"
NOW_MS = int(time.time() * 1000)
BEFORE_S = NOW_MS // 1000 - 86_400
KEYS = PseudonymKeys({1: b"k" * 64, 2: b"l" * 64})
OLD_KEY = PseudonymKeys({1: b"k" * 64})
THEIRS = {key: {key, *KEYS.all_of(key).values()} for key in (USER, f"anon:{DEVICE}", OTHER)}
"""Whatever a record may name somebody by."""
STORES = ("profiles", "archive", "exposures", "quarantine", "training", "everything")
"""`everything` is all tables and the whole bucket; what is left on queues goes by itself, within days."""
GA4 = {
    "client_id": DEVICE,
    "user_id": USER,
    "events": [{"name": "view_item", "params": {"items": [{"item_id": "item-5"}]}}],
}


@dataclass
class World:
    """The stack around a way back, and what was kept of before.

    Attributes
    ----------
    messages : bodies of messages that hold the shopper's events
    rows : of the profiles table
    lines : of the archive
    keys : of pseudonyms; None where the stack keeps plain ids
    """

    folder: Path
    functions: Functions
    keys: PseudonymKeys | None = None
    messages: list[str] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)

    def deliver(
        self, *bodies: str, sent_ms: int = NOW_MS - 3_600_000, functions: Functions | None = None, **more: Any
    ) -> None:
        """Hand messages to `update_profile`, as SQS does."""
        queue = f"arn:aws:sqs:us-east-1:123456789012:{moto_stack.QUEUE}"
        attributes = {"SentTimestamp": str(sent_ms), "ApproximateReceiveCount": "1"}
        records = [
            {
                "messageId": f"m{n}",
                "receiptHandle": "handle",
                "body": body,
                "attributes": attributes,
                "messageAttributes": more.get("message_attributes", {}),
                "eventSource": "aws:sqs",
                "eventSourceARN": queue,
            }
            for n, body in enumerate(bodies)
        ]
        answer = (functions or self.functions).invoke("update_profile", {"Records": records})
        assert answer == {"batchItemFailures": []}

    def pump(self) -> int:
        """Deliver all that is on the events queue; how many messages that were."""
        url, sqs, count = moto_stack.ENVIRONMENT["EVENTS_QUEUE_URL"], moto_stack.client("sqs"), 0
        while True:
            answer = sqs.receive_message(
                QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"], MessageAttributeNames=["All"]
            )
            if not answer.get("Messages"):
                return count
            for message in answer["Messages"]:
                count += 1
                told = {k: {"stringValue": v["StringValue"]} for k, v in message.get("MessageAttributes", {}).items()}
                sent_ms = int(message["Attributes"]["SentTimestamp"])
                self.deliver(message["Body"], sent_ms=sent_ms, message_attributes=told)
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    def synced(self, *prefixes: str) -> Path:
        """A folder with a copy of parts of the bucket, and a catalogue."""
        write_items(self.folder / "synced", toy_item_rows())
        for prefix in prefixes:
            for key, data in moto_stack.objects(prefix).items():
                path = self.folder / "synced" / key
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
        return self.folder / "synced"


def event(event_type: str, **more: Any) -> dict[str, Any]:
    return {"user_id": USER, "event_type": event_type, "item_id": "item-3", "timestamp": BEFORE_S, **more}


def lived(world: World) -> None:
    """What the shopper, and somebody else, did before."""
    link = {"user_id": USER, "anonymous_id": DEVICE, "event_type": "identify", "timestamp": BEFORE_S}
    device = {"anonymous_id": DEVICE, "event_type": "view", "item_id": "item-9", "timestamp": BEFORE_S - 60}
    mine = [
        event("purchase", event_id="p"),
        event("review", event_id="r", text=WORDS, value=5),
        event("search", event_id="s", text=WORDS),
        device,
        link,
    ]
    others = [{**event("view", event_id=f"o{n}"), "user_id": OTHER, "item_id": f"item-{n}"} for n in range(3)]
    world.messages = [json.dumps({"events": [*mine, *others]}), json.dumps(GA4)]
    world.deliver(*world.messages)
    unusable = {"user_id": USER, "event_type": "gaze", "item_id": "item-3", "text": WORDS}
    world.deliver(json.dumps(unusable), f'{{"user_id": "{USER}", "text": "{WORDS}', sent_ms=BEFORE_S * 1000)
    shown = {"recommendation_id": "r1", "user_id": USER, "timestamp": BEFORE_S * 1000, "items": [{"item_id": "item-3"}]}
    records = [shown, {**shown, "user_id": f"anon:{DEVICE}"}, {**shown, "user_id": OTHER}]
    if world.keys is not None:
        records = [pseudonymous(record, keys) for record, keys in zip(records, (OLD_KEY, KEYS, KEYS), strict=True)]
    body = "".join(json.dumps(record) + "\n" for record in records).encode()
    put("exposures/2026/01/02/a.jsonl.gz", gzip.compress(body))
    failed = {"attemptsMade": 4, "rawData": base64.b64encode(body).decode(), "errorCode": "S3.AccessDenied"}
    put("errors/exposures/2026/01/02/b", json.dumps(failed).encode() + b"\n")
    world.rows = moto_stack.client("dynamodb").scan(TableName=moto_stack.PROFILES)["Items"]
    world.lines = archive_lines()


def put(key: str, body: bytes) -> None:
    moto_stack.client("s3").put_object(Bucket=moto_stack.BUCKET, Key=key, Body=body)


def archive_lines() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for body in moto_stack.objects("events/").values():
        if body.startswith(MAGIC):  # a month that is over
            found += read_records(io.BytesIO(body))
        else:
            found += [json.loads(line) for line in unzipped(body).splitlines() if line.endswith(b"}")]
    return found


def unzipped(data: bytes) -> bytes:
    return zlib.decompressobj(wbits=31).decompress(data) if data[:2] == b"\x1f\x8b" else data  # as far as it goes


# ---- the ways back ----


def replayed(world: World, place: Slot) -> None:
    queue = Queue(moto_stack.client("sqs"), moto_stack.ENVIRONMENT["EVENTS_QUEUE_URL"])
    outcome = replay(place, queue, 0, int(time.time() * 1000) + 60_000)
    assert outcome.sent
    with patch.dict("os.environ", {"EVENT_WEIGHTS": '{"gaze": 1.0}'}):  # what was wrong with it has been mended
        world.functions = Functions()
        assert world.pump() == outcome.sent


def replayed_quarantine(world: World) -> None:
    replayed(world, QuarantineFolder(moto_stack.client("s3"), moto_stack.BUCKET))


def dead_letters(world: World) -> None:
    replayed(world, DeadLetterQueue(moto_stack.client("sqs"), dead_letter_url(), wait_s=0))


def dead_letter_url() -> str:
    return str(moto_stack.client("sqs").get_queue_url(QueueName="dead")["QueueUrl"])


def late_message(world: World) -> None:
    world.deliver(*world.messages, functions=Functions())


def archive_sent_again(world: World) -> None:
    status, answer = world.functions.http("POST", "/events", {"events": world.lines})
    if world.keys is not None:
        assert status == 400  # nobody can send what names nobody
        return
    assert (status, answer["rejected"]) == (202, [])
    world.pump()


def rebuild_without_profiles(world: World) -> None:
    folder = world.synced("events/")
    with pytest.raises(InvalidInputError, match="no ledger of erasures"):
        read_shop(folder, NOW_MS, 0, {})
    name = People(world.keys).name_of
    for keys in [None] if world.keys is None else [None, world.keys]:
        before = read_shop(world.synced("events/"), NOW_MS, 0, {}, without_ledger=True, keys=keys)
        assert name(USER) in before.table.user_ids
        shop = read_shop(world.synced("erasures/"), NOW_MS, 0, {}, keys=keys)
        assert (set(shop.table.user_ids), shop.searches) == ({name(OTHER)}, ())
        shutil.rmtree(folder)


def batch_from_old_history(world: World) -> None:
    build_toy_snapshot(world.folder / "snapshot")
    write_events(world.folder, [event("purchase"), {**event("view"), "user_id": OTHER}])
    (world.folder / "users.csv").write_text(f"user_id\n{USER}\n{OTHER}\n")
    ledger = ledger_at(str(world.synced("erasures/")))
    found = batch_recommend(
        world.folder / "snapshot",
        world.folder / "events.csv",
        world.folder / "users.csv",
        3,
        world.folder / "recs.csv",
        ledger=ledger,
    )
    assert (found["users_without_events"], found["read"]["erased_events"]) == (1, 1)


def import_of_an_old_export(world: World) -> None:
    class Api:
        def post(self, path: str, body: Any) -> Any:
            return world.functions.http("POST", path, body)[1]

    folder = world.folder / "old"
    write_items(folder, toy_item_rows(4))
    write_events(folder, [event("purchase"), event("review", text=WORDS), {**event("view"), "timestamp": ""}])
    assert import_over_http(folder, Api(), no_progress).events == 3  # type: ignore[arg-type]
    world.pump()


def restored_table(world: World) -> None:
    dynamodb = moto_stack.client("dynamodb")
    for table, key in ((moto_stack.PROFILES, "user_id"), (moto_stack.ERASURES, "subject")):
        for row in dynamodb.scan(TableName=table)["Items"]:
            dynamodb.delete_item(TableName=table, Key={key: row[key]})
    for row in world.rows:
        dynamodb.put_item(TableName=moto_stack.PROFILES, Item=row)
    copy = LedgerCopy(moto_stack.client("s3"), moto_stack.BUCKET)
    table = ErasureTable(dynamodb, moto_stack.ERASURES, lambda: copy)
    told = reapply(table, copy, ProfileTable(dynamodb, moto_stack.PROFILES), no_progress)
    names = 1 if world.keys is None else 1 + len(world.keys.by_number)
    assert told["restored"] == told["erasures"] == 2 * names  # the shopper, and their device
    assert told["removed"] > 0


def rolled_back_snapshot(world: World) -> None:
    bucket = SnapshotBucket(moto_stack.client("s3"), moto_stack.BUCKET, world.folder / "uploads")
    current = bucket.current()
    assert current.previous is not None
    bucket.flip(current.previous, current)


def identify_of_their_device(world: World) -> None:
    newcomer = {"user_id": "newcomer", "anonymous_id": DEVICE, "event_type": "identify", "timestamp": NOW_MS // 1000}
    theirs = {"user_id": USER, "anonymous_id": "second-device", "event_type": "identify", "timestamp": BEFORE_S + 5}
    view = {"anonymous_id": "second-device", "event_type": "view", "item_id": "item-1", "timestamp": BEFORE_S}
    late = {"anonymous_id": DEVICE, "event_type": "view", "item_id": "item-7", "timestamp": BEFORE_S - 30}
    world.deliver(json.dumps({"events": [view]}), sent_ms=NOW_MS)
    assert profile("anon:second-device").interactions
    world.deliver(json.dumps({"events": [newcomer, theirs, late]}), sent_ms=NOW_MS)
    assert not profile("newcomer").interactions
    assert not profile("anon:second-device").interactions


def late_delivery(world: World) -> None:
    body = "".join(json.dumps(line) + "\n" for line in world.lines).encode()
    put("events/2026/01/02/late-1.jsonl.gz", gzip.compress(body))
    put("events/2026/01/02/late-2.jsonl.gz", gzip.compress(body[: len(body) // 2])[:-20])  # cut off


def warm_function(world: World) -> None:
    world.deliver(*world.messages)  # as warm as it can be: it has handled the same before


WAYS: dict[str, Callable[[World], None]] = {
    way.__name__: way
    for way in (
        replayed_quarantine,
        dead_letters,
        late_message,
        archive_sent_again,
        rebuild_without_profiles,
        batch_from_old_history,
        import_of_an_old_export,
        restored_table,
        rolled_back_snapshot,
        identify_of_their_device,
        late_delivery,
        warm_function,
    )
}


# ---- what is there afterwards ----


def profile(key: str) -> Any:
    return ProfileTable(moto_stack.client("dynamodb"), moto_stack.PROFILES).get(key, consistent=True).profile


def about_them(lines: list[dict[str, Any]]) -> int:
    theirs = THEIRS[USER] | THEIRS[f"anon:{DEVICE}"]
    named = ("user_id", "pseudonym", "anonymous_pseudonym")
    whose = (next((line[name] for name in named if name in line), f"anon:{line.get('anonymous_id')}") for line in lines)
    return sum(name in theirs for name in whose)


@dataclass(frozen=True)
class Aftermath:
    """Bytes of each store, what the purge said, and the receipt."""

    way: str
    contents: Mapping[str, bytes]
    report: Mapping[str, Any]
    receipt: Mapping[str, Any]
    bystander: Any


PLAIN = ("late_message", "archive_sent_again", "rebuild_without_profiles", "restored_table", "late_delivery")
"""Ways that are tried with plain ids each day, too: those on which archive and exposures are read, or the ledger is."""


def kinds() -> Iterator[Any]:
    """Each way with pseudonyms, as stacks are by default, and with plain ids."""
    yield from (pytest.param((way, True), id=way) for way in WAYS)
    for way in WAYS:
        yield pytest.param((way, False), id=f"{way}, plain", marks=[] if way in PLAIN else [pytest.mark.prove])


@pytest.fixture(scope="module", params=kinds())
def aftermath(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aftermath]:
    way, pseudonymous_stack = request.param
    folder = tmp_path_factory.mktemp(way)
    with stack_for_functions(folder):
        s3 = moto_stack.client("s3")
        s3.put_bucket_versioning(Bucket=moto_stack.BUCKET, VersioningConfiguration={"Status": "Enabled"})
        moto_stack.client("sqs").create_queue(QueueName="dead")
        keys = KEYS if pseudonymous_stack else None
        if keys is not None:
            text = json.dumps({number: key.decode() for number, key in keys.by_number.items()})
            secret = moto_stack.client("secretsmanager").create_secret(Name="keys", SecretString=text)
            os.environ["PSEUDONYM_SECRET"] = secret["ARN"]
        world = World(folder, Functions(), keys)
        lived(world)
        assert (USER.encode() in every_version("events/")) == (keys is None)
        moto_stack.client("sqs").send_message(QueueUrl=dead_letter_url(), MessageBody=world.messages[1])
        if way == "rolled_back_snapshot":
            learn(world)
        status, erased = world.functions.http("DELETE", "/users/{user_id}", user_id=USER)
        assert (status, erased["receipt"]["status"]) == (200, "pending")
        before = about_them(archive_lines())
        WAYS[way](world)
        assert is_forgotten(profile(USER))
        assert (about_them(archive_lines()) == before) == (way != "late_delivery")
        report = world.functions.invoke("purge_erased", {"begin": True})
        status, told = world.functions.http("GET", "/users/{user_id}/export", user_id=USER)
        yield Aftermath(
            way,
            {
                "profiles": table_bytes(moto_stack.PROFILES)
                + table_bytes(moto_stack.ERASURES)
                + every_version("erasures/"),
                "archive": every_version("events/"),
                "exposures": every_version("exposures/") + every_version("errors/"),
                "quarantine": every_version("quarantine/"),
                "training": every_version("snapshots/") + training_data(world),
                "everything": every_version() + every_table(),
            },
            report,
            told["erasure"]["receipt"],
            profile(OTHER),
        )


def learn(world: World) -> None:
    """Two snapshots that were learned while the shopper was there."""
    bucket = SnapshotBucket(moto_stack.client("s3"), moto_stack.BUCKET, world.folder / "uploads")
    data, before = world.synced("events/"), None
    for number, dim in enumerate((16, 8)):
        out = world.folder / f"learned-{number}"
        settings = RebuildSettings(data, out, encoder=str(TINY_ENCODER), dim=dim, max_cases=20, without_ledger=True)
        version = rebuild(settings)["version"]
        bucket.upload(out, version)
        bucket.flip(version, before)
        before = bucket.current()


def training_data(world: World) -> bytes:
    shop = read_shop(world.synced("events/", "erasures/"), NOW_MS, 0, {})
    return json.dumps(
        [shop.table.user_ids, [text for text in shop.table.text if text], [*map(str, shop.searches)]]
    ).encode()


@pytest.mark.parametrize("store", STORES)
def test_after_the_purge_no_byte_tells_of_them(aftermath: Aftermath, store: str) -> None:
    marks = THEIRS[USER] | {WORDS}
    marks |= {DEVICE} | THEIRS[f"anon:{DEVICE}"] if aftermath.way != "identify_of_their_device" else set()
    data = aftermath.contents[store]
    assert data or store in ("quarantine", "training")
    assert [mark for mark in marks if holds(data, mark)] == []


def test_the_purge_ends_with_a_pass_that_finds_nothing(aftermath: Aftermath) -> None:
    report = aftermath.report
    assert (report["status"], report["late"], report["unreadable"]) == ("done", 0, 0)
    assert report["passes"] >= 2
    assert {"profiles", "archive", "exposures"} <= set(report["looked"])
    assert report["bytes"] > 0


def test_the_receipt_counts_what_was_removed_under_whatever_name(aftermath: Aftermath) -> None:
    removed = {store["store"]: store.get("removed", 0) for store in aftermath.receipt["stores"]}
    assert removed["archive"] >= 3
    assert removed["exposures"] == removed["delivery_errors"] == 1


def test_a_bystander_keeps_everything(aftermath: Aftermath) -> None:
    assert {entry.item_id for entry in aftermath.bystander.interactions} >= {"item-0", "item-1", "item-2"}
    names = [name.encode() for name in THEIRS[OTHER]]
    assert sum(aftermath.contents["archive"].count(b'"%s"' % name) for name in names) >= 3
    assert any(name in aftermath.contents["exposures"] for name in names)
