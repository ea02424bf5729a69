"""`endcap cost`: arithmetic done by hand, line by line."""

from __future__ import annotations

import json
import math
import shlex
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from endcap.cost.estimate import Estimate, estimate, personalize_estimate
from endcap.cost.month import MONTH_S, Assumptions, Usage
from endcap.cost.prices import PRICES, Price, with_prices
from endcap.cost.quantities import rebuild_way, traced
from endcap.cost.so_far import STANDARD
from endcap.errors import InvalidInputError
from endcap_local.cli.app import app
from endcap_local.cli.cost import deployment_of
from endcap_local.template.intrinsics import TemplateError
from endcap_local.template.template import expand

TEMPLATE = Path(__file__).parents[4] / "template.yaml"
STACK = replace(STANDARD, alarms=16, dashboards=1)
SHOP = Usage(events=3_000_000, requests=1_000_000, items=10_000, users=100_000, rebuilds=30, item_changes=10_000)
WARM = Assumptions(cold_share=0.0)
counts = st.integers(0, 10**10)


def line(bill: Estimate, what: str) -> float:
    (found,) = [one.usd for one in bill.lines if one.what == what]
    return found


class TestByHand:
    bill = estimate(SHOP, STACK, WARM)

    def test_signatures(self) -> None:
        assert line(self.bill, "the key of snapshots") == 1.00
        # Warm, and one environment at a time: each of 30 rebuilds is signed once and looked at once.
        assert line(self.bill, "signatures looked at") == pytest.approx(30 * 2 * 0.15 / 10_000)

    def test_api(self) -> None:
        (requests,) = [one.usd for one in self.bill.lines if (one.service, one.what) == ("API Gateway", "requests")]
        assert requests == pytest.approx((3 + 1 + 0.01) * 1.00)
        assert line(self.bill, "answers to the internet") == pytest.approx(1_000_000 * 2_000 / 1e9 * 0.09)

    def test_lambda_is_time_by_memory(self) -> None:
        assert line(self.bill, "recommend") == pytest.approx(1_000_000 * 0.060 * 1769 / 1024 * 0.0000166667)
        assert line(self.bill, "collect") == pytest.approx(3_000_000 * 0.020 * 512 / 1024 * 0.0000166667)
        assert line(self.bill, "promote") == pytest.approx(30 * 30 * 3008 / 1024 * 0.0000166667)

    def test_cold_starts_are_billed(self) -> None:
        cold = estimate(SHOP, STACK, Assumptions(cold_share=0.1, cold_ms=3_000))
        assert line(cold, "recommend") == pytest.approx(1_000_000 * (0.060 + 0.300) * 1769 / 1024 * 0.0000166667)

    def test_profiles_cost_two_units_a_write_and_half_a_unit_a_read(self) -> None:
        assert line(self.bill, "profiles written") == pytest.approx(3 * 2 * 0.625)
        assert line(self.bill, "profiles read") == pytest.approx((3 * 1 + 1 * 0.5) * 0.125)

    def test_sparse_requests_each_look_for_changed_items_and_dense_ones_share(self) -> None:
        assert line(self.bill, "changed items looked for") == pytest.approx(1 * 8 / 2 * 0.125)
        busy = estimate(replace(SHOP, requests=100_000_000), STACK, WARM)
        environments = 3  # 100 million / month at 60 ms are 2.3 at once
        assert line(busy, "changed items looked for") == pytest.approx(environments * MONTH_S / 2 / 1e6 * 4 * 0.125)

    def test_tables(self) -> None:
        stored_gb = (100_000 + 10_000) * 2_048 / 1e9
        assert line(self.bill, "point-in-time recovery") == pytest.approx(stored_gb * 0.20)
        (storage,) = [one.usd for one in self.bill.lines if (one.service, one.what) == ("DynamoDB", "storage")]
        assert storage == pytest.approx(stored_gb * 0.25)

    def test_messages_are_sent_received_and_deleted(self) -> None:
        assert line(self.bill, "sent and deleted") == pytest.approx(2 * 3 * 0.40)
        assert line(self.bill, "received, empty calls too") == pytest.approx(3 * 0.40)

    def test_firehose_bills_five_kilobytes_a_record(self) -> None:
        assert line(self.bill, "events and exposures") == pytest.approx((3 + 1) * 1e6 * 5 * 1024 / 1e9 * 0.029)

    def test_storage_of_a_year(self) -> None:
        archive, exposures = 12 * 3_000_000 * 80, 3 * 1_000_000 * 400
        snapshots = 12 * 30 * (24_000_000 + 10_000 * 6_100)
        assert line(self.bill, "storage after 12 months") == pytest.approx(
            (archive + exposures + snapshots) / 1e9 * 0.023
        )

    def test_rebuilds_are_billed_by_the_way_that_they_go(self) -> None:
        own = estimate(SHOP, replace(STACK, rebuild_image=True), WARM)
        assert line(own, "rebuilds") == pytest.approx(30 * 0.5 * 1.408)
        seconds = rebuild_way(SHOP, STACK, WARM).seconds  # a year's archive is too much for one call
        assert line(self.bill, "rebuilds") == pytest.approx(30 * seconds / 3600 * 0.461)
        young, assumed = replace(SHOP, items=2_000), replace(WARM, months=1)
        small, way = estimate(young, STACK, assumed), rebuild_way(young, STACK, assumed)
        assert (way.way, line(small, "rebuilds")) == ("lambda", 0)
        assert line(small, "rebuild_snapshot") == pytest.approx(30 * way.seconds * 3008 / 1024 * 0.0000166667)
        disk_gb = (10_240 - 512) / 1024
        assert line(small, "disk of rebuilds") == pytest.approx(30 * way.seconds * disk_gb * 0.0000000309)

    def test_watching(self) -> None:
        assert line(self.bill, "alarms") == pytest.approx(16 * 0.10)
        assert line(self.bill, "dashboards") == 3.00

    def test_the_sum_is_the_sum_of_its_parts(self) -> None:
        assert self.bill.usd == pytest.approx(sum(one.usd for one in self.bill.lines))
        assert math.fsum(self.bill.by_service().values()) == pytest.approx(self.bill.usd)


def test_idle_costs_storage_alarms_and_the_polling_of_an_empty_queue() -> None:
    idle = estimate(SHOP.idle, STACK, WARM)
    nonzero = {(one.service, one.what) for one in idle.lines if one.usd > 0}
    assert nonzero == {
        ("DynamoDB", "storage"),
        ("DynamoDB", "point-in-time recovery"),
        ("SQS", "received, empty calls too"),
        ("S3", "storage after 12 months"),
        ("CloudWatch", "alarms"),
        ("CloudWatch", "dashboards"),
        ("KMS", "the key of snapshots"),
        # The purge, four times a day: less than two cents together.
        ("Lambda", "requests"),
        ("Lambda", "purge_erased"),
        ("S3", "archive put together"),
        ("S3", "archive read to be put together"),
        ("CloudWatch", "logs taken in"),
        ("CloudWatch", "logs kept 30 days"),
    }
    assert sum(one.usd for one in idle.lines if one.service == "Lambda") < 0.01
    assert sum(one.usd for one in idle.lines if one.what.startswith(("archive", "logs"))) < 0.002
    assert line(idle, "received, empty calls too") == pytest.approx(5 * 3 * 60 * 24 * 30 / 1e6 * 0.40)


def test_events_in_one_call_share_what_a_call_costs() -> None:
    single, packed = (estimate(SHOP, STACK, replace(WARM, events_per_call=n)) for n in (1, 10))
    assert line(packed, "sent and deleted") == pytest.approx(line(single, "sent and deleted") / 10)


def test_another_processor_has_its_own_price() -> None:
    arm = estimate(SHOP, replace(STACK, architecture="arm64"), WARM)
    assert line(arm, "recommend") == pytest.approx(line(TestByHand.bill, "recommend") * 0.0000133334 / 0.0000166667)


class TestPrices:
    def test_a_tier_begins_where_the_one_before_ends(self) -> None:
        price = Price(1.0, "x", "", tier=(300, 0.9))
        assert price.cost(300) == 300
        assert price.cost(400) == 300 + 100 * 0.9

    def test_the_free_tier_is_taken_off_once_and_only_when_asked(self) -> None:
        price = Price(2.0, "x", "", free=10)
        assert [price.cost(n) for n in (5, 15)] == [10, 30]
        assert [price.cost(n, free_tier=True) for n in (5, 15)] == [0, 10]

    def test_every_price_names_its_page(self) -> None:
        assert all(p.source.startswith("https://") and p.usd > 0 and p.unit for p in PRICES.values())

    def test_every_price_is_used(self) -> None:
        bills = [estimate(SHOP, replace(STACK, architecture=a)) for a in ("x86_64", "arm64")]
        bills += [estimate(replace(SHOP, events=1_000), STACK), estimate(SHOP, replace(STACK, rebuild_image=True))]
        used = {one.price for bill in (*bills, personalize_estimate(SHOP)) for one in bill.lines}
        assert used == set(PRICES)

    @pytest.mark.parametrize(
        "changes", [{"gold": 1.0}, {"alarms": "1"}, {"alarms": -1}, {"alarms": True}, {"alarms": float("nan")}]
    )
    def test_what_is_no_price_is_refused(self, changes: dict[str, Any]) -> None:
        with pytest.raises(InvalidInputError):
            with_prices(changes)

    def test_a_replaced_price_has_no_tier(self) -> None:
        assert with_prices({"http_api_requests": 2.0})["http_api_requests"].cost(400_000_000) == 800_000_000


class TestPersonalize:
    def test_a_busy_campaign_pays_by_request(self) -> None:
        bill = personalize_estimate(replace(SHOP, requests=30_000_000))
        assert line(bill, "Recommendations, one a second at least") == pytest.approx(30_000 * 0.15)
        assert line(bill, "Training") == pytest.approx(30 / 7 * 12 * 3_000 * 0.002)  # weekly, though rebuilt daily

    def test_who_never_rebuilds_never_trains(self) -> None:
        assert line(personalize_estimate(replace(SHOP, rebuilds=0)), "Training") == 0

    def test_an_idle_campaign_pays_for_one_request_a_second(self) -> None:
        assert personalize_estimate(SHOP.idle).usd == pytest.approx(30 * 86_400 / 1000 * 0.15)


class TestShares:
    @pytest.mark.parametrize(("calls", "share"), [(1_000, 1.0), (50 * MONTH_S, 1 / 50 * 0.95 + 0.05)])
    def test_few_calls_are_all_traced_and_many_by_a_twentieth(self, calls: float, share: float) -> None:
        assert traced(calls) == pytest.approx(calls * share, rel=1e-3)

    def test_counts_are_one_small_write_a_batch_and_two_objects_a_fold(self) -> None:
        assert line(TestByHand.bill, "live counts noted") == pytest.approx(3 * 0.625)
        folds = MONTH_S / 15  # 3 million batches of 60 ms are one copy of the function, and one shard of notes
        assert line(TestByHand.bill, "live counts folded") == pytest.approx(2 * folds * 5.00 / 1e6)
        assert line(TestByHand.bill, "fold_counts") == pytest.approx(folds * 0.150 * 1.0 * 0.0000166667)

    def test_a_quiet_shop_folds_each_batch_by_itself(self) -> None:
        quiet = estimate(replace(SHOP, events=1_000), STACK, WARM)
        assert line(quiet, "live counts folded") == pytest.approx(2 * 1_000 * 5.00 / 1e6)


@given(a=st.builds(Usage, *[counts] * 6), extra=st.integers(1, 10**9), name=st.sampled_from(Usage.__slots__))
def test_more_never_costs_less(a: Usage, extra: int, name: str) -> None:
    b = replace(a, **{name: getattr(a, name) + extra})
    # The lines add up in floating point, hence the tolerance.
    assert estimate(b, STACK).usd >= estimate(a, STACK).usd * (1 - 1e-9)
    assert estimate(a, STACK, free_tier=True).usd <= estimate(a, STACK).usd


class TestTemplate:
    def test_the_keys_of_pseudonyms_are_a_secret(self) -> None:
        assert deployment_of(TEMPLATE, {}).secrets == 1
        assert deployment_of(TEMPLATE, {"Pseudonyms": "off"}).secrets == 0
        with_keys = replace(STACK, secrets=1)
        assert line(estimate(SHOP.idle, with_keys, WARM), "keys of pseudonyms") == pytest.approx(0.40)
        assert line(estimate(SHOP, STACK, WARM), "keys read") == 0

    def test_memory_processor_and_alarms_are_the_templates(self) -> None:
        found = deployment_of(TEMPLATE, {"RecommendMemory": "3008", "Architecture": "arm64"})
        assert (found.architecture, found.memory_mb["recommend"]) == ("arm64", 3008)
        assert found.memory_mb["update_profile"] == 1769
        assert found.alarms > 0
        assert found.dashboards == 1

    def test_an_alarm_over_several_metrics_is_billed_for_each(self) -> None:
        monitoring = expand(TEMPLATE.parent / "infra" / "monitoring.yaml")[1]["Resources"].values()
        optional = ("HasStorefront", "HasShopSystems", "HasInbox", "DescribesItems")
        kept = [r for r in monitoring if r.get("Condition") not in optional]
        alarms = [r["Properties"] for r in kept if r["Type"] == "AWS::CloudWatch::Alarm"]
        several = [sum("MetricStat" in metric for metric in alarm["Metrics"]) for alarm in alarms if "Metrics" in alarm]
        assert max(several) > 1
        assert deployment_of(TEMPLATE, {}).alarms == sum("MetricName" in alarm for alarm in alarms) + sum(several)

    def test_alarms_of_the_storefront_door_are_billed_where_it_is_open(self) -> None:
        opened = deployment_of(TEMPLATE, {"Storefront": "on", "StorefrontSecret": "s" * 32})
        assert opened.alarms == deployment_of(TEMPLATE, {}).alarms + 2

    def test_ways_in_that_are_asked_for_are_billed(self) -> None:
        arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:shopify-AbCdEf"
        found = deployment_of(TEMPLATE, {"ShopifySecretArn": arn, "FileInbox": "on"})
        assert found.alarms == deployment_of(TEMPLATE, {}).alarms + 4 + 4
        usage = replace(SHOP, webhooks=100_000, file_rows=30 * 40_000)
        bill = estimate(usage, found, WARM)
        assert line(bill, "receive_webhook") == pytest.approx(100_000 * 0.060 * 1.0 * 0.0000166667)
        assert line(bill, "load_file") == pytest.approx(1_200_000 * 0.001 * 1.0 * 0.0000166667)
        assert line(bill, "items compared with files") == pytest.approx(1.2 * 0.5 * 0.125)
        assert line(bill, "products of webhooks") == pytest.approx(2 * 0.1 * 0.625)
        assert line(bill, "the inbox of files") == pytest.approx(5 * MONTH_S / 20 * 0.40 / 1e6)
        assert line(TestByHand.bill, "the inbox of files") == 0

    def test_traces_are_billed_where_functions_begin_them(self) -> None:
        assert not deployment_of(TEMPLATE, {}).traces
        assert deployment_of(TEMPLATE, {"Tracing": "Active"}).traces
        invocations = 2 * 3_000_000 + 1_000_000 + 2 * 10_000 + 30 + MONTH_S / 15 + MONTH_S / 300 + 120
        active = estimate(SHOP, replace(STACK, traces=True), WARM)
        assert line(active, "traces") == pytest.approx(traced(invocations) * 5.00 / 1_000_000)
        assert line(TestByHand.bill, "traces") == 0

    def test_metrics_of_routes_are_billed_where_they_are_asked_for(self) -> None:
        assert deployment_of(TEMPLATE, {}).routes == 0
        routes = deployment_of(TEMPLATE, {"RouteMetrics": "on"}).routes
        assert routes > 15
        more = estimate(SHOP, replace(STACK, routes=routes), WARM)
        assert line(more, "metrics") == pytest.approx(line(TestByHand.bill, "metrics") + 6 * routes * 0.30)

    def test_a_sandbox_that_nobody_uses_costs_less_than_a_dollar(self) -> None:
        sandbox = tomllib.loads((TEMPLATE.parent / "samconfig.toml").read_text())["sandbox"]["deploy"]["parameters"]
        given = dict(pair.split("=", 1) for pair in shlex.split(sandbox["parameter_overrides"]))
        assert estimate(SHOP.idle, deployment_of(TEMPLATE, given), WARM).usd < 1.00
        unwatched = estimate(SHOP.idle, deployment_of(TEMPLATE, {"Monitoring": "off"}), WARM)
        assert 1.00 < unwatched.usd < 2.00  # the key is a dollar by itself

    def test_without_signatures_there_is_no_key(self) -> None:
        unsigned = estimate(SHOP, deployment_of(TEMPLATE, {"SnapshotSignature": "off"}))
        assert line(unsigned, "the key of snapshots") == line(unsigned, "signatures looked at") == 0

    @pytest.mark.parametrize(
        ("asked_for", "more"),
        [
            ({}, 11 + 8),  # one for each function, and for what is lost without an error of a function
            ({"Storefront": "on", "StorefrontSecret": "s" * 32}, 11 + 8 + 1),
            ({"FileInbox": "on"}, 11 + 8 + 2),
            ({"Rebuild": "on"}, 11 + 8 + 1),
        ],
    )
    def test_canaries_are_an_alarm_for_each_function_and_some_for_losses(
        self, asked_for: dict[str, str], more: int
    ) -> None:
        before = deployment_of(TEMPLATE, asked_for).alarms
        assert deployment_of(TEMPLATE, asked_for | {"Canary": "on"}).alarms == before + more

    def test_rebuilds_and_their_schedule_are_watched(self) -> None:
        found = {
            asked_for: deployment_of(TEMPLATE, dict(asked_for)).alarms
            for asked_for in (
                (),
                (("Rebuild", "on"), ("RebuildSchedule", "")),
                (("Rebuild", "on"), ("RebuildSchedule", "rate(1 day)")),
                (("Rebuild", "on"), ("Monitoring", "off")),
            )
        }
        none, by_hand, scheduled, unwatched = found.values()
        assert (by_hand, scheduled, unwatched) == (none + 1, none + 2, 0)

    def test_files_of_the_archive_are_as_many_as_their_seconds_allow(self) -> None:
        found = deployment_of(TEMPLATE, {"ArchiveBufferSeconds": "300"})
        bills = [estimate(SHOP, replace(STACK, archive_buffer_s=s), WARM) for s in (60.0, found.archive_buffer_s)]
        fewer = MONTH_S / 60 - MONTH_S / 300
        saved = line(bills[0], "objects written") - line(bills[1], "objects written")
        assert saved == pytest.approx(fewer * 0.005 / 1000)

    def test_the_alarm_on_age_is_there_with_a_limit(self) -> None:
        assert deployment_of(TEMPLATE, {"SnapshotMaxAgeDays": "0"}).alarms == deployment_of(TEMPLATE, {}).alarms - 1

    def test_no_monitoring_no_alarms(self) -> None:
        assert deployment_of(TEMPLATE, {"Monitoring": "off"}).alarms == 0

    def test_an_unknown_processor_is_an_error(self) -> None:
        with pytest.raises(TemplateError, match="mips"):
            deployment_of(TEMPLATE, {"Architecture": "mips"})

    def test_every_function_that_is_billed_is_in_the_template(self) -> None:
        assert set(STANDARD.memory_mb) <= set(deployment_of(TEMPLATE, {}).memory_mb)


class TestCommand:
    def run(self, *options: str) -> Result:
        return CliRunner().invoke(app, ["cost", *options])

    def test_a_table_says_what_the_lines_add_up_to(self) -> None:
        report = json.loads(self.run("--json").stdout)
        total = report["endcap"]["usd"]
        assert total == pytest.approx(sum(one["usd"] for one in report["endcap"]["lines"]), abs=1e-3)
        assert f"{total:,.2f}" in self.run().output
        assert report["prices"]["usd"]["alarms"]["source"].startswith("https://")

    def test_prices_of_another_region(self, tmp_path: Path) -> None:
        file = tmp_path / "prices.json"
        file.write_text(json.dumps({"lambda_x86_64": 1.0}))
        dear = json.loads(self.run("--json", "--prices", str(file)).stdout)
        assert dear["endcap"]["usd"] > 1_000

    @pytest.mark.parametrize("text", ["no json", "[]", '{"gold": 1}'])
    def test_a_broken_price_file_is_an_error(self, text: str, tmp_path: Path) -> None:
        file = tmp_path / "prices.json"
        file.write_text(text)
        assert self.run("--prices", str(file)).exit_code == 1

    @pytest.mark.parametrize("options", [["--events-per-month", "-1"], ["--events-per-call", "0"], ["--param", "x"]])
    def test_what_can_not_be_is_a_usage_error(self, options: list[str]) -> None:
        assert self.run(*options).exit_code == 2
