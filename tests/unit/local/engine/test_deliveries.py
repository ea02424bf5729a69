"""Delivery streams that hold records back write them as one object."""

from __future__ import annotations

from typing import Any

from endcap_local.engine.engine import Engine

ROLE = "arn:aws:iam::123456789012:role/local"


def contents(engine: Engine) -> list[bytes]:
    s3 = engine.client("s3")
    keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket="data").get("Contents", ())]
    return [s3.get_object(Bucket="data", Key=key)["Body"].read() for key in keys]


def stream(engine: Engine) -> Any:
    engine.client("s3").create_bucket(Bucket="data")
    firehose = engine.client("firehose")
    destination = {"BucketARN": "arn:aws:s3:::data", "RoleARN": ROLE, "Prefix": "events/"}
    firehose.create_delivery_stream(DeliveryStreamName="archive", ExtendedS3DestinationConfiguration=destination)
    return firehose


def test_records_are_written_together_and_told_of_then() -> None:
    engine = Engine(deliver_every_s=3600)
    try:
        firehose, begun = stream(engine), engine.activity.count("firehose")
        for line in (b"one\n", b"two\n", b"three\n"):
            firehose.put_record(DeliveryStreamName="archive", Record={"Data": line})
        assert contents(engine) == []
        assert engine.activity.count("firehose") == begun
        engine.deliver()
        assert contents(engine) == [b"one\ntwo\nthree\n"]
        assert engine.activity.count("firehose") == begun + 1
        engine.deliver()  # nothing is left
        assert (len(contents(engine)), engine.activity.count("firehose")) == (1, begun + 1)
    finally:
        engine.stop()


def test_the_next_engine_writes_at_once() -> None:
    Engine(deliver_every_s=3600).stop()
    engine = Engine()
    try:
        stream(engine).put_record(DeliveryStreamName="archive", Record={"Data": b"line\n"})
        assert contents(engine) == [b"line\n"]
        assert engine.activity.count("firehose") > 0
    finally:
        engine.stop()
