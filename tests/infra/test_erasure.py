"""Every place of the template that keeps anything is in the inventory, with its true end."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from endcap.erasure.inventory import EXPIRING, PURGED, SETTLED_DAYS, STORES
from endcap_local.erasures import everything_of
from tests.infra.stack import of_type, statements_of

DAY_S = 86_400
KEEPING = ("AWS::DynamoDB::Table", "AWS::SQS::Queue", "AWS::S3::Bucket", "AWS::KinesisFirehose::DeliveryStream")


def test_everything_that_keeps_anything_is_in_the_inventory(everything: dict[str, Any]) -> None:
    made = {name for kind in KEEPING for name in of_type(everything, kind)}
    assert {store.resource for store in STORES} == made
    assert len({store.name for store in STORES}) == len(STORES)


def test_every_prefix_of_the_bucket_is_too(root: Path) -> None:
    (comment,) = re.findall(r"^  DataBucket: # (.*)$", (root / "template.yaml").read_text(), re.MULTILINE)
    prefixes = {store.prefix for store in STORES if store.resource == "DataBucket"}
    assert {prefix.partition("/")[0] + "/" for prefix in prefixes} == set(comment.split())
    named: set[str] = set()
    for folder in (root / "layers/core/endcap", root / "infra/rebuild/endcap_rebuild"):
        for path in folder.rglob("*.py"):
            found = re.findall(
                r'"((?:snapshots|config|counts|encoders|events|exposures|quarantine|errors|exports|rebuild|erasures|inbox)/)',
                path.read_text(),
            )
            named.update(found)
    assert named <= set(comment.split())


def test_what_goes_by_itself_does_so_before_a_purge_speaks_of_it(everything: dict[str, Any]) -> None:
    rules = everything["DataBucket"]["LifecycleConfiguration"]["Rules"]
    for store in EXPIRING:
        assert store.expires_days is not None
        assert store.expires_days <= SETTLED_DAYS, store.name
        resource = everything[store.resource]
        if store.prefix:
            rule = next(rule for rule in rules if rule.get("Prefix") == store.prefix)
            days = int(rule["ExpirationInDays"]) + int(rule["NoncurrentVersionExpiration"]["NoncurrentDays"])
            assert days == store.expires_days, store.name
        elif "MessageRetentionPeriod" in resource:
            assert resource["MessageRetentionPeriod"] == store.expires_days * DAY_S, store.name
        else:  # Firehose tries for 24 hours to deliver to S3, and then writes into errors/
            assert (resource["DeliveryStreamType"], store.expires_days) == ("DirectPut", 1)


def test_where_messages_about_people_end_up_that_fail_is_a_store_of_people(everything: dict[str, Any]) -> None:
    carrying = ("CollectFunction", "ReceiveWebhookFunction", "UpdateProfileFunction", "StorefrontFunction")
    kept = [
        config["DestinationConfig"]["OnFailure"]["Destination"]
        for config in of_type(everything, "AWS::Lambda::EventInvokeConfig").values()
        if any(name in str(config["FunctionName"]) for name in carrying)
    ]
    kept += [
        target["DeadLetterConfig"]["Arn"]
        for rule in of_type(everything, "AWS::Events::Rule").values()
        for target in rule["Targets"]
        if "DeadLetterConfig" in target and any(name in target["Arn"] for name in (*carrying, "EventsQueue"))
    ]
    kept += [everything["EventsQueue"]["RedrivePolicy"]["deadLetterTargetArn"]]
    resources = {store.resource for store in STORES if store.personal}
    assert {arn.rpartition("-")[2] for arn in kept} == {"InvokeFailuresQueue", "EventsDeadLetterQueue"}
    assert {arn.rpartition("-")[2] for arn in kept} <= resources


def test_the_purge_may_do_its_work_in_every_store_that_is_purged_and_nowhere_else(everything: dict[str, Any]) -> None:
    statements = statements_of("PurgeErasedFunction", everything)
    bucket = "arn:aws:s3:::endcap-local-databucket"
    for store in STORES:
        if store.prefix and store.name != "ledger_copy":
            allowed = any(s.allows("s3:DeleteObjectVersion", f"{bucket}/{store.prefix}x") for s in statements)
            assert allowed == (store in PURGED), store.name


def test_it_runs_on_a_schedule_and_is_watched(everything: dict[str, Any], monitoring: Mapping[str, Any]) -> None:
    (schedule,) = of_type(everything, "AWS::Scheduler::Schedule").values()
    assert schedule["ScheduleExpression"] == "rate(6 hours)"
    alarm = monitoring["Resources"]["ErasuresLateAlarm"]["Properties"]
    assert (alarm["MetricName"], alarm["Threshold"]) == ("ErasuresLate", 0)


def test_an_export_of_somebody_looks_into_every_store_that_is_theirs() -> None:
    class Empty:
        version = 0

        def get(self, key: str, *, consistent: bool) -> Any:
            return self

        def get_paginator(self, name: str) -> Any:
            return self

        def paginate(self, **_: Any) -> list[dict[str, Any]]:
            return [{}]

    held = everything_of("ann", Empty(), Empty(), "bucket")  # type: ignore[arg-type]
    assert set(held) == {store.name for store in PURGED} | {"gone_by_itself_after_days"}
    assert set(held["gone_by_itself_after_days"]) == {store.name for store in EXPIRING}


def test_the_page_for_lawyers_names_every_store_where_it_lies_and_how_it_ends(root: Path) -> None:
    rows = re.findall(r"^\| (`.*?) \|.*\| (.*?) \|$", (root / "docs/privacy.md").read_text(), re.MULTILINE)
    told = {name: (first, last) for first, last in rows for name in re.findall("`([a-z_]+)`", first)}
    assert set(told) == {store.name for store in STORES}
    for store in STORES:
        first, last = told[store.name]
        assert store.prefix in first, store.name
        assert (store.end == "purged") == ("purged" in last), store.name
        assert (store.end == "expires") == ("expires" in last), store.name
