"""The scheduled rebuild: its nested template, and its state machine run to the end by moto's interpreter."""

from __future__ import annotations

import base64
import importlib.util
import inspect
import json
import os
import re
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest
import yaml

from endcap.aws.items import ItemTable
from endcap.aws.profiles import ProfileTable
from endcap.aws.queues import RecordStream
from endcap.aws.snapshots import SnapshotBucket
from endcap.aws.work import STEPS
from endcap.describing.writer import Price
from endcap.errors import EndcapError
from endcap.events.interaction import interaction_document, parse_interaction
from endcap.profiles.identity import apply_events, delete_user
from endcap.pseudonyms import PseudonymKeys, pseudonymous
from endcap.snapshot.candidate import force_of
from endcap.snapshot.promote import promote
from endcap.snapshot.verify import verify_snapshot
from endcap_local.cli.rebuild import rebuild as rebuild_command
from endcap_local.template.intrinsics import STACK_NAME, Resolver
from endcap_rebuild.base_encoders.recipes import RECIPES
from endcap_rebuild.language.in_stack import WriterChoice
from endcap_rebuild.sagemaker.__main__ import main
from endcap_rebuild.sagemaker.contract import INPUT_NAMES, Choices, Roots, read_choices
from endcap_rebuild.settings import RebuildSettings
from tests.fakes.moto_stack import ARCHIVE, BUCKET, ERASURES, ITEMS, PROFILES, QUEUE, client, drop_messages, stack
from tests.fakes.state_machine import Execution, ServiceError, run_machine
from tests.fakes.table_export import export_files
from tests.fakes.toy_shop import NOW_MS, chain_events
from tests.fakes.toy_snapshot import TINY_ENCODER, toy_items
from tests.fakes.training_root import write_training_root
from tests.infra.stack import of_type

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop/endcap-rebuild:1"
STOCK = {"RebuildImageUri": "", "Rebuild": "on"}
"""A stack that nobody has made an image for."""
QUICK = {"budget": "fast", "encoder": str(TINY_ENCODER)}
WEIGHTS = '{"view": 0.25}'
REBUILD_FUNCTION = Path(__file__).parents[2] / "infra" / "rebuild" / "function" / "app.py"

# Actions that IAM knows no narrower resource for, and what narrows them instead.
ON_EVERYTHING = {"ecr:GetAuthorizationToken", "cloudwatch:PutMetricData"}
SECRET = "endcap-local-PseudonymKeys"


@pytest.fixture(scope="session")
def nested(resolved: Callable[..., dict[str, Any]], rebuilding: Mapping[str, Any]) -> Callable[..., dict[str, Any]]:
    """A function that gives the nested stack's resources under some parameters of the template."""

    @cache
    def resources(**parameters: str) -> dict[str, Any]:
        given = resolved(**{"RebuildImageUri": IMAGE, **parameters})["Rebuilding"]["Parameters"]
        resolver = Resolver(rebuilding, given, "http://127.0.0.1:9")
        return {
            name: {"Type": resource["Type"], **resolver.resolve(resource.get("Properties", {}))}
            for name, resource in rebuilding["Resources"].items()
            if "Condition" not in resource or resolver.holds(resource["Condition"])
        }

    return resources


@pytest.fixture(scope="session")
def text(root: Path) -> str:
    """The state machine as written."""
    return (root / "infra" / "rebuild.asl.yaml").read_text()


@pytest.fixture(scope="session")
def machine(nested: Callable[..., dict[str, Any]], text: str) -> Callable[..., dict[str, Any]]:
    """A function that gives the state machine as it is deployed under some parameters of the template."""

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    @cache
    def read(**parameters: str) -> dict[str, Any]:
        substitutions = nested(**parameters)["StateMachine"]["DefinitionSubstitutions"]
        document: dict[str, Any] = yaml.load(re.sub(r"\$\{(\w+)\}", lambda m: str(substitutions[m[1]]), text), loader)
        return document

    def definition(**parameters: str) -> dict[str, Any]:
        return deepcopy(read(**parameters))

    return definition


# ------------------------------------------------------------------ template


def test_nothing_is_created_that_nobody_asked_for(resolved: Callable[..., dict[str, Any]]) -> None:
    assert "Rebuilding" not in resolved()
    for asked in ({"Rebuild": "on"}, {"RebuildImageUri": IMAGE}):  # as stacks of before asked for it
        assert resolved(**asked)["Rebuilding"]["TemplateURL"] == "infra/rebuild.yaml"


def test_bedrock_gets_a_role_only_where_its_batches_are_asked_for(nested: Callable[..., dict[str, Any]]) -> None:
    assert "EnrichmentBatchRole" not in nested()
    role = nested(EnrichmentBatches="on")["EnrichmentBatchRole"]
    (trusted,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trusted["Principal"] == {"Service": "bedrock.amazonaws.com"}
    assert trusted["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}
    objects, listing = _statements(role)
    assert [arn.split("/", 1)[1] for arn in objects["Resource"]] == ["enrichment-batch/*"]
    assert listing["Condition"] == {"StringLike": {"s3:prefix": "enrichment-batch/*"}}


def test_models_may_be_asked_only_where_they_are_to_write(nested: Callable[..., dict[str, Any]]) -> None:
    def asked(**parameters: str) -> list[str]:
        resources = nested(**parameters)
        return [
            arn
            for name in ("TrainingRole", "RebuildSnapshotRole")
            for one in _statements(resources[name])
            if "bedrock:InvokeModel" in one["Action"]
            for arn in one["Resource"]
        ]

    assert asked() == asked(RebuildWriter="rules") == []
    found = asked(RebuildWriter="bedrock", RebuildWriterModel="small-1")
    assert len(found) == 4
    assert {arn.rpartition("/")[2] for arn in found} == {"small-1"}


def test_nested_stack_gets_every_name_that_it_asks_for(
    rebuilding: Mapping[str, Any], resolved: Callable[..., dict[str, Any]]
) -> None:
    assert set(resolved(RebuildImageUri=IMAGE)["Rebuilding"]["Parameters"]) == set(rebuilding["Parameters"])


def test_schedule_is_a_parameter_and_may_be_left_out(nested: Callable[..., dict[str, Any]]) -> None:
    (schedule,) = of_type(nested(RebuildSchedule="rate(6 hours)"), "AWS::Scheduler::Schedule").values()
    assert schedule["ScheduleExpression"] == "rate(6 hours)"
    assert schedule["Target"]["Arn"].endswith("stateMachine:endcap-local-StateMachine")
    kinds = {resource["Type"] for resource in nested(RebuildSchedule="").values()}
    assert "AWS::Scheduler::Schedule" not in kinds
    assert "AWS::StepFunctions::StateMachine" in kinds


def test_everything_that_is_created_is_free_while_idle_but_the_alarm(nested: Callable[..., dict[str, Any]]) -> None:
    kinds = {resource["Type"] for resource in nested(Monitoring="off").values()}
    schedule = {"AWS::Scheduler::Schedule", "AWS::Scheduler::ScheduleGroup"}
    function = {"AWS::Lambda::Function", "AWS::Lambda::LayerVersion", "AWS::Logs::LogGroup"}
    deployed = {
        "AWS::Lambda::Version",
        "AWS::Lambda::Alias",
        "AWS::CodeDeploy::Application",
        "AWS::CodeDeploy::DeploymentGroup",
    }
    assert kinds == {"AWS::IAM::Role", "AWS::StepFunctions::StateMachine"} | schedule | function | deployed
    assert {"RebuildTimeoutAlarm", "ScheduleAlarm"} <= set(nested())
    assert "ScheduleAlarm" not in nested(RebuildSchedule="")


def test_a_rebuild_that_could_not_be_started_is_told_of(nested: Callable[..., dict[str, Any]]) -> None:
    stack = nested()
    queue = stack["RebuildSchedule"]["Target"]["DeadLetterConfig"]["Arn"]
    (sent,) = [s for s in _statements(stack["ScheduleRole"]) if "sqs:SendMessage" in s["Action"]]
    assert sent["Resource"] == [queue]
    # Metrics of schedules are those of their group, and other stacks' schedules are in the account's default one.
    (dimension,) = stack["ScheduleAlarm"]["Dimensions"]
    assert dimension["Value"] == stack["RebuildSchedule"]["GroupName"]


def test_roles_hold_no_wildcards_beyond_folders_of_the_stack(nested: Callable[..., dict[str, Any]]) -> None:
    for name, role in of_type(nested(), "AWS::IAM::Role").items():
        for statement in _statements(role):
            for action in statement["Action"]:
                assert "*" not in action, name
                if action not in ON_EVERYTHING:
                    assert all(len(arn) > 1 and arn.count("*") <= 1 for arn in statement["Resource"]), action


def test_each_role_is_for_one_service_of_this_account(nested: Callable[..., dict[str, Any]]) -> None:
    services = {}
    for name, role in of_type(nested(), "AWS::IAM::Role").items():
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        services[name] = statement["Principal"]["Service"]
        if services[name] not in ("lambda.amazonaws.com", ["codedeploy.amazonaws.com"]):  # which do not say whose it is
            assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}
    assert services.pop("CodeDeployServiceRole") == ["codedeploy.amazonaws.com"]  # as SAM makes it in every stack
    assert services == {
        "RebuildSnapshotRole": "lambda.amazonaws.com",
        "TrainingRole": "sagemaker.amazonaws.com",
        "RebuildRole": "states.amazonaws.com",
        "ScheduleRole": "scheduler.amazonaws.com",
    }


REBUILDING = ("TrainingRole", "RebuildSnapshotRole")
"""What makes snapshots, each way."""


@pytest.mark.parametrize("role", REBUILDING)
def test_rebuild_can_not_say_which_snapshots_are_sound_or_current(
    role: str, nested: Callable[..., dict[str, Any]]
) -> None:
    (denied,) = [s for s in _statements(nested()[role]) if s["Effect"] == "Deny"]
    assert denied["Action"] == ["s3:PutObject"]
    bucket = _bucket_arn(nested)
    own = ("current.json", "refused.json", "*/manifest.sig")
    assert denied["Resource"] == [f"{bucket}/snapshots/{name}" for name in own]
    assert not [s for s in _statements(nested()[role]) if any(a.startswith("kms:") for a in s["Action"])]


@pytest.mark.parametrize("role", REBUILDING)
def test_training_job_can_write_over_no_snapshot(role: str, nested: Callable[..., dict[str, Any]]) -> None:
    snapshots = f"{_bucket_arn(nested)}/snapshots/"
    granted = [s for s in _statements(nested()[role]) if s["Effect"] == "Allow"]
    (new,) = [s for s in granted if "s3:PutObject" in s["Action"] and any(snapshots in arn for arn in s["Resource"])]
    assert new["Condition"] == {"Null": {"s3:if-none-match": "false"}}
    (pattern,) = new["Resource"]
    assert fnmatchcase(f"{snapshots}20260122T042619Z-69ef8b78cdc9/manifest.json", pattern)
    assert not fnmatchcase(f"{snapshots}current.json", pattern)
    assert not fnmatchcase(f"{snapshots}notes/manifest.json", pattern)
    assert not [s for s in granted if {"s3:DeleteObject", "s3:DeleteObjectVersion"} & set(s["Action"])]


def test_training_job_may_be_put_into_a_network_of_the_shop(
    nested: Callable[..., dict[str, Any]], account: Account, machine: Callable[..., dict[str, Any]]
) -> None:
    network = {"RebuildSubnets": "subnet-1, subnet-2", "RebuildSecurityGroups": "sg-1"}
    interfaces = [
        s for s in _statements(nested(**network)["TrainingRole"]) if "ec2:CreateNetworkInterface" in s["Action"]
    ]
    assert len(interfaces) == 1
    assert not [s for s in _statements(nested()["TrainingRole"]) if any(a.startswith("ec2:") for a in s["Action"])]
    assert run(machine(**network), account).status == "SUCCEEDED"
    assert account.jobs[0]["VpcConfig"] == {"Subnets": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]}


def test_training_job_may_pull_images_of_the_account_and_region_of_its_own(
    nested: Callable[..., dict[str, Any]],
) -> None:
    (pull,) = [s for s in _statements(nested()["TrainingRole"]) if "ecr:BatchGetImage" in s["Action"]]
    assert pull["Resource"] == ["arn:aws:ecr:us-east-1:123456789012:repository/*"]
    (pull,) = [s for s in _statements(nested(**STOCK)["TrainingRole"]) if "ecr:BatchGetImage" in s["Action"]]
    assert pull["Resource"] == ["arn:aws:ecr:us-east-1:763104351884:repository/pytorch-training"]


def test_exports_and_checkpoints_are_forgotten_but_snapshots_are_not(resolved: Callable[..., dict[str, Any]]) -> None:
    rules = {rule.get("Prefix"): rule for rule in resolved()["DataBucket"]["LifecycleConfiguration"]["Rules"]}
    for prefix in ("exports/", "rebuild/checkpoints/", "rebuild/"):
        assert rules[prefix]["ExpirationInDays"] <= 60
        assert rules[prefix]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}
    # By age the current one would go when nobody rebuilds for a while.
    assert not [prefix for prefix in rules if prefix and prefix.startswith("snapshots/")]


@pytest.mark.parametrize(
    ("parameter", "good", "bad"),
    [
        ("RebuildTeacher", ["", "english", "intfloat/e5-large-v2", "/opt/teacher"], ['a"b', "a b", "a\\b"]),
        ("RebuildTeacherPrompt", ["auto", "", "query: ", "Anweisung für 查询: "], ['say "x"', "a\\nb", "a\nb"]),
        (
            "RebuildContext",
            ["", "device", "device,utm source", ",".join("abcdefgh")],
            ["a,,b", ",".join("abcdefghi"), '"'],
        ),
    ],
)
def test_texts_that_would_end_a_string_of_the_definition_are_refused(
    parameter: str, good: list[str], bad: list[str], template: Mapping[str, Any]
) -> None:
    pattern = template["Parameters"][parameter]["AllowedPattern"]
    assert all(re.fullmatch(pattern, value) for value in good)
    assert not any(re.fullmatch(pattern, value) for value in bad)


def test_teacher_without_a_student_is_refused_before_anything_is_deployed(template: Mapping[str, Any]) -> None:
    rule = template["Rules"]["TeachersNeedAStudent"]
    assert rule["RuleCondition"] == {"Fn::Equals": [{"Ref": "RebuildStudent"}, "false"]}
    defaults = {name: template["Parameters"][name]["Default"] for name in ("RebuildTeacher", "RebuildTeacherPrompt")}
    asserted = [one["Assert"]["Fn::Equals"] for one in rule["Assertions"]]
    assert asserted == [[{"Ref": name}, default] for name, default in defaults.items()]


# ------------------------------------------------------------------ definition


def lint(definition: Mapping[str, Any]) -> list[str]:
    properties = {"RoleArn": "arn:aws:iam::123456789012:role/rebuild", "Definition": definition}
    resources = {"Machine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}}
    document = json.dumps({"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources})
    import cfnlint  # with sympy, which no other worker need load

    return [str(match) for match in cfnlint.lint(document, regions=["us-east-1"])]


def test_definition_keeps_the_states_language(machine: Callable[..., dict[str, Any]]) -> None:
    assert lint(machine()) == []
    broken = machine()
    del broken["States"]["Promote"]["Resource"]
    assert "'Resource' is a required property" in str(lint(broken))


def test_every_substitution_is_given_and_used(nested: Callable[..., dict[str, Any]], text: str) -> None:
    assert set(re.findall(r"\$\{(\w+)\}", text)) == set(nested()["StateMachine"]["DefinitionSubstitutions"])


def test_every_call_is_tried_again_or_caught(machine: Callable[..., dict[str, Any]]) -> None:
    for name, state in machine()["States"].items():
        if state["Type"] in ("Task", "Map"):
            assert {"ErrorEquals": ["States.ALL"]}.items() <= state["Catch"][-1].items(), name


def test_every_choice_of_the_command_can_be_made_here(machine: Callable[..., dict[str, Any]]) -> None:
    of_the_command = set(inspect.signature(rebuild_command).parameters)
    # Channels, bucket, hosts, ledger, secret.
    elsewhere = {"data", "out", "work", "as_json", "shards", "shard", "running", "ledger", "without_ledger", "keys"}
    elsewhere |= {"exclude_users"}  # the stack's parameter ExcludedUsers
    foreign = {"source", "map_", "map_event", "timezone", "rating_scale", "errors", "dry_run"}  # the archive is our own
    assert of_the_command - elsewhere - foreign <= INPUT_NAMES
    assert set(machine()["States"]["Defaults"]["Parameters"]) == {
        name + ".$" if name in {"student", "enrichment", "instance_count", "volume_gb", "max_seconds", "spot"} else name
        for name in INPUT_NAMES
    }


# ------------------------------------------------------------------ execution


class Account:
    """The services around the machine: tables, bucket and queue in moto, the container's program for the training.

    Attributes
    ----------
    jobs : what CreateTrainingJob was asked for, one after the other
    calls : IAM action and resource of every call
    steps : what the function that rebuilds was asked for
    breakdowns : how it ends, one after the other, before it rebuilds at all
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.jobs, self.calls = folder, list[dict[str, Any]](), list[tuple[str, str]]()
        self.failures: list[ServiceError] = []
        self.steps, self.left_ms = list[str](), 900_000
        self.breakdowns: list[ServiceError] = []
        self._polled: set[str] = set()

    @property
    def services(self) -> dict[str, Callable[[Mapping[str, Any]], Any]]:
        return {
            "dynamodb.export_table_to_point_in_time": self.export,
            "dynamodb.describe_export": self.describe_export,
            "s3.list_objects_v2": self.list_objects,
            "s3.get_object": self.get_object,
            "sagemaker.create_training_job": self.train,
            "lambda.invoke": self.invoke,
            "sqs.send_message": self.report,
        }

    def export(self, asked: Mapping[str, Any]) -> Any:
        self.calls.append(("dynamodb:ExportTableToPointInTime", asked["TableArn"]))
        table = {"items": ITEMS, "profiles": PROFILES, "erasures": ERASURES}[asked["S3Prefix"].rsplit("/", 1)[1]]
        rows = client("dynamodb").scan(TableName=table)["Items"]
        for key, content in export_files(rows).items():
            name = f"{asked['S3Prefix']}/{key}"
            self.calls.append(("s3:PutObject", f"{self.bucket_arn(asked['S3Bucket'])}/{name}"))
            client("s3").put_object(Bucket=BUCKET, Key=name, Body=content)
        return {"ExportDescription": {"ExportArn": f"{asked['TableArn']}/export/01", "ExportStatus": "IN_PROGRESS"}}

    def describe_export(self, asked: Mapping[str, Any]) -> Any:
        self.calls.append(("dynamodb:DescribeExport", asked["ExportArn"]))
        status = "COMPLETED" if asked["ExportArn"] in self._polled else "IN_PROGRESS"
        self._polled.add(asked["ExportArn"])
        return {"ExportDescription": {"ExportArn": asked["ExportArn"], "ExportStatus": status}}

    def list_objects(self, asked: Mapping[str, Any]) -> Any:
        self.calls.append(("s3:ListBucket", self.bucket_arn(asked["Bucket"])))
        return {"KeyCount": client("s3").list_objects_v2(**{**asked, "Bucket": BUCKET})["KeyCount"]}

    def get_object(self, asked: Mapping[str, Any]) -> Any:
        self.calls.append(("s3:GetObject", f"{self.bucket_arn(asked['Bucket'])}/{asked['Key']}"))
        return {"Body": client("s3").get_object(Bucket=BUCKET, Key=asked["Key"])["Body"].read().decode()}

    def train(self, asked: Mapping[str, Any]) -> Any:
        name = asked["TrainingJobName"]
        self.calls.append(
            ("sagemaker:CreateTrainingJob", f"arn:aws:sagemaker:us-east-1:123456789012:training-job/{name}")
        )
        assert name not in {job["TrainingJobName"] for job in self.jobs}
        self.jobs.append(dict(asked))
        if self.failures:
            raise self.failures.pop(0)
        root = self.folder / name
        channels = {
            channel["ChannelName"]: self.download(channel["DataSource"]["S3DataSource"]["S3Uri"])
            for channel in asked["InputDataConfig"]
        }
        assert all(channels.values()), "SageMaker refuses a channel without objects"
        write_training_root(root, {**asked["HyperParameters"], "bucket": BUCKET}, channels)
        with patch.object(signal, "signal"):  # which only a main thread may call, and the machine runs in others
            status = main(["train", "--root", str(root)])
        if status:
            reason = (root / "output" / "failure").read_text()
            raise ServiceError("States.TaskFailed", json.dumps({"FailureReason": f"AlgorithmError: {reason}"}))
        return {"TrainingJobName": name, "TrainingJobStatus": "Completed"}

    def download(self, uri: str) -> dict[str, bytes]:
        prefix = uri.removeprefix("s3://").partition("/")[2]
        keys = [e["Key"] for e in client("s3").list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", ())]
        return {k.removeprefix(prefix): client("s3").get_object(Bucket=BUCKET, Key=k)["Body"].read() for k in keys}

    def invoke(self, asked: Mapping[str, Any]) -> Any:
        self.calls.append(("lambda:InvokeFunction", asked["FunctionName"]))
        event = json.loads(asked["Payload"])
        return self.rebuild(event) if "step" in event else self.promote(event)

    def rebuild(self, event: Mapping[str, Any]) -> Any:
        """The function that rebuilds; its clock says what `left_ms` does."""
        self.steps.append(event["step"])
        if event["step"] == "rebuild" and self.breakdowns:
            raise self.breakdowns.pop(0)
        event = {**event, "hyperparameters": {**event["hyperparameters"], "bucket": BUCKET}}
        context = SimpleNamespace(
            get_remaining_time_in_millis=lambda: self.left_ms,
            function_name="rebuild_snapshot",
            memory_limit_in_mb=3008,
            invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:rebuild_snapshot",
            aws_request_id="1",
        )
        try:
            return {"StatusCode": 200, "Payload": self.app().handler(event, context)}
        except EndcapError as exc:
            raise ServiceError(type(exc).__name__, json.dumps({"errorMessage": str(exc)})) from exc

    def app(self) -> ModuleType:
        spec = importlib.util.spec_from_file_location("rebuild_snapshot", REBUILD_FUNCTION)
        app = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(app)
        app.FOLDER = self.folder / "function"
        return app

    def promote(self, event: Mapping[str, Any]) -> Any:
        snapshots, items = SnapshotBucket(client("s3"), BUCKET), ItemTable(client("dynamodb"), ITEMS)
        try:
            promoted = promote(event["version"], snapshots, items, force=force_of(event["force"]))
        except EndcapError as exc:
            raise ServiceError(type(exc).__name__, json.dumps({"errorMessage": str(exc)})) from exc
        return {"StatusCode": 200, "Payload": asdict(promoted)}

    def report(self, asked: Mapping[str, Any]) -> Any:
        assert asked["QueueUrl"].endswith("endcap-local-InvokeFailuresQueue")
        queue = client("sqs").get_queue_url(QueueName=QUEUE)["QueueUrl"]
        return client("sqs").send_message(QueueUrl=queue, MessageBody=asked["MessageBody"])

    def reported(self) -> list[dict[str, Any]]:
        """Bodies in the queue of failures."""
        queue = client("sqs").get_queue_url(QueueName=QUEUE)["QueueUrl"]
        found = client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", ())
        return [json.loads(message["Body"]) for message in found]

    @staticmethod
    def bucket_arn(name: str) -> str:
        return f"arn:aws:s3:::{name}"


@contextmanager
def shop(folder: Path) -> Iterator[Account]:
    """A stack with a catalogue and an archive."""
    with stack():
        items = ItemTable(client("dynamodb"), ITEMS)
        for item in toy_items(20):
            items.put(item)
        rows = [{**row, "event_id": f"e{k}"} for k, row in enumerate(chain_events(n_users=20, n_items=20))]
        events = [parse_interaction(row, NOW_MS) for row in rows]
        documents = [interaction_document(event) for event in events]
        client("secretsmanager").create_secret(Name=SECRET, SecretString=json.dumps({"1": "k" * 64}))
        keys = PseudonymKeys({1: b"k" * 64})
        archive = RecordStream(client("firehose"), ARCHIVE)
        # Of before and since the stack has had pseudonyms, in the middle of a shopper's events.
        archive.put(documents[:9])
        archive.put([pseudonymous(document, keys) for document in documents[9:]])
        profiles = ProfileTable(client("dynamodb"), PROFILES)
        apply_events(events[:12], profiles)
        delete_user("user-1", NOW_MS, profiles)
        of_the_function = {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "10240", "STORAGE_MB": "10240"}
        with patch.dict(os.environ, {**of_the_function, "ENDCAP_ENCODERS": str(folder / "encoders")}):
            yield Account(folder)


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    with shop(tmp_path) as made:
        yield made


def run(definition: Mapping[str, Any], account: Account, name: str = "run-1", **given: Any) -> Execution:
    return run_machine(definition, {**QUICK, **given}, account.services, name)


@dataclass(frozen=True)
class Finished:
    """Two runs, one after the other, and what they left."""

    account: Account
    runs: tuple[Execution, Execution]
    current: str
    counts: Mapping[str, int]
    reported: list[dict[str, Any]]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, machine: Callable[..., dict[str, Any]]) -> Finished:
    definition = machine(
        EventWeights=WEIGHTS, ExcludedUsers="staff-1 anon:test", RebuildInstanceCount="2", RebuildVolumeGb="50"
    )
    with shop(tmp_path_factory.mktemp("runs")) as account:
        runs = (run(definition, account, "run-1"), run(definition, account, "run-2"))
        snapshots = SnapshotBucket(client("s3"), BUCKET)
        version = snapshots.current().version
        counts = verify_snapshot(snapshots.download(version))["counts"]
        return Finished(account, runs, version, counts, account.reported())


def test_a_run_ends_with_a_new_current_snapshot(finished: Finished) -> None:
    first, second = finished.runs
    assert (first.status, second.status) == ("SUCCEEDED", "SUCCEEDED")
    assert second.output == {"version": finished.current, "previous": first.output["version"], "embedded": 0}
    counts = finished.counts
    assert (counts["items"], counts["events"], counts["erased_events"]) == (20, 114, 6)
    assert first.states.count("DescribeExport") == 6
    assert finished.reported == []


def test_job_is_what_the_parameters_say(finished: Finished) -> None:
    job, other = finished.account.jobs
    assert job["AlgorithmSpecification"]["TrainingImage"] == IMAGE
    assert job["ResourceConfig"] == {"InstanceType": "ml.m5.2xlarge", "InstanceCount": 2, "VolumeSizeInGB": 50}
    assert job["EnableManagedSpotTraining"] is True
    assert job["StoppingCondition"] == {"MaxRuntimeInSeconds": 14_400, "MaxWaitTimeInSeconds": 28_800}
    assert base64.b64decode(job["HyperParameters"]["event_weights_base64"]).decode() == WEIGHTS
    assert base64.b64decode(job["HyperParameters"]["excluded_users_base64"]).decode() == "staff-1 anon:test"
    assert job["HyperParameters"]["budget"] == "fast"  # by the input of this execution
    assert {channel["ChannelName"] for channel in job["InputDataConfig"]} == {"items", "profiles", "erasures", "events"}
    assert job["CheckpointConfig"]["S3Uri"] != other["CheckpointConfig"]["S3Uri"]


def test_job_is_tagged_with_what_it_is_billed_for(machine: Callable[..., dict[str, Any]]) -> None:
    # CloudFormation does it for what it makes itself: tests/infra/test_deploy_settings.py.
    jobs = [s for s in machine()["States"].values() if str(s.get("Resource")).endswith("createTrainingJob.sync")]
    wanted = [{"Key": "application", "Value": "endcap"}, {"Key": "stack", "Value": STACK_NAME}]
    assert [job["Parameters"]["Tags"] for job in jobs] == [wanted, wanted]


def asked_for(definition: Mapping[str, Any], account: Account, **given: Any) -> Choices:
    """What the container reads of its job, which is stopped before it begins."""
    account.failures = [ServiceError("States.TaskFailed", "stopped")]
    run_machine(definition, given, account.services, f"run-{len(account.jobs)}")
    root = account.folder / "asked"
    return read_choices(_roots(write_training_root(root, account.jobs[-1]["HyperParameters"], {})))


def _roots(root: Path) -> Roots:
    return Roots(root / "input", root / "checkpoints", root / "model", root / "output")


def test_job_of_a_plain_stack_makes_the_choices_of_a_plain_rebuild(
    account: Account, machine: Callable[..., dict[str, Any]]
) -> None:
    asked = asked_for(machine(), account)
    assert asked.pseudonym_secret.endswith(f":secret:{SECRET}")
    assert replace(asked, bucket="", result="", pseudonym_secret="") == Choices()
    assert asked_for(machine(Pseudonyms="off"), account).pseudonym_secret == ""
    plain = RebuildSettings(Path("data"), Path("out"))
    for name in (
        "student",
        "teacher",
        "teacher_prompt",
        "context_names",
        "device",
        "seed",
        "encoder",
        "keep_outliers",
        "target",
    ):
        assert getattr(asked, name) == getattr(plain, name), name


def test_parameters_of_the_stack_and_the_input_reach_the_job(
    account: Account, machine: Callable[..., dict[str, Any]]
) -> None:
    definition = machine(
        RebuildStudent="true",
        RebuildTeacher="org/teacher-1",
        RebuildTeacherPrompt="it's a query: ",
        RebuildContext="device, utm source",
    )
    asked = asked_for(definition, account)
    assert (asked.student, asked.teacher, asked.teacher_prompt) == (True, "org/teacher-1", "it's a query: ")
    assert asked.context_names == ("device", "utm source")
    said = 'Instruct: "find"\nQuery: '
    given = {"teacher": "english", "teacher_prompt": said, "context": "", "device": "cpu", "seed": 7, "budget": "fast"}
    given |= {"allow_bad": 0.5}
    asked = asked_for(definition, account, **given)
    assert (asked.student, asked.teacher, asked.teacher_prompt) == (True, "english", said)
    assert (asked.context_names, asked.device, asked.seed, asked.budget) == ((), "cpu", 7, "fast")
    assert asked.allow_bad == 0.5
    asked = asked_for(definition, account, student=False, teacher="", teacher_prompt="auto")
    assert (asked.student, asked.teacher, asked.teacher_prompt) == (False, "", None)
    assert asked_for(definition, account, teacher_prompt="").teacher_prompt == ""
    assert asked_for(definition, account, target="liked").target == "liked"
    asked = asked_for(definition, account, keep_outliers=True, max_gini=0.95, max_popularity_lift=-0.5)
    assert (asked.keep_outliers, asked.max_gini, asked.min_coverage, asked.max_popularity_lift) == (
        True,
        0.95,
        None,
        -0.5,
    )
    assert not asked.enrichment
    assert asked_for(definition, account, enrichment=True).enrichment
    assert asked_for(machine(RebuildEnrichment="true"), account).enrichment
    assert not asked.describes
    assert asked_for(definition, account, writer="rules").describes
    paid = machine(
        RebuildWriter="bedrock", RebuildWriterModel="small-1", RebuildWriterPrice="0.1,0.2", RebuildWriterBudget="3"
    )
    assert asked_for(paid, account).describing == WriterChoice("bedrock", "small-1", Price(0.1, 0.2), 3.0)
    assert not any("\n" in text for job in account.jobs for text in job["HyperParameters"].values())


UNUSABLE: list[dict[str, Any]] = [
    {"way": "boat"},
    {"budget": "huge"},
    {"budget": 3},
    {"device": "tpu"},
    {"encoder": ["english"]},
    {"student": "true"},
    {"spot": "false"},
    {"force": 1},
    {"seed": "0"},
    {"allow_bad": "0.2"},
    {"instance_count": None},
    {"teacher": "english"},
    {"teacher_prompt": "query: "},
    {"student": True, "teacher_prompt": None},
    {"context": ["device"]},
    {"keep_outliers": "true"},
    {"enrichment": "true"},
    {"writer": "bedrock"},
    {"writer": 1},
    {"target": "bought"},
    {"max_gini": "0.9"},
    {"min_coverage": True},
]


class TestUnusableInput:
    @pytest.fixture(scope="class")
    def account(self, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
        with shop(tmp_path_factory.mktemp("refusing")) as made:
            yield made

    @pytest.mark.parametrize("number", range(len(UNUSABLE)), ids=lambda number: json.dumps(UNUSABLE[number]))
    def test_is_refused_before_anything_is_exported(
        self, number: int, account: Account, machine: Callable[..., dict[str, Any]]
    ) -> None:
        given = UNUSABLE[number]
        drop_messages(QUEUE)
        execution = run(machine(), account, f"run-{number}", **given)
        assert (execution.status, account.calls, account.jobs) == ("FAILED", [], [])
        assert execution.cause.startswith("InputRefused, ")
        (report,) = account.reported()
        (name,) = set(given) - {"student"} or {"student"}
        assert name in report["failure"]["Cause"]
        assert json.dumps(given[name]) in report["failure"]["Cause"]


def test_input_that_names_no_setting_is_refused_by_the_job(
    account: Account, machine: Callable[..., dict[str, Any]]
) -> None:
    execution = run(machine(), account, studnet=True)
    assert execution.status == "FAILED"
    assert "the input of the execution sets studnet; there are allow_bad, budget, context" in execution.cause


def test_every_call_of_a_run_is_granted(finished: Finished, nested: Callable[..., dict[str, Any]]) -> None:
    failures = "arn:aws:sqs:us-east-1:123456789012:endcap-local-InvokeFailuresQueue"
    for action, arn in [*finished.account.calls, ("sqs:SendMessage", failures)]:
        granted = [s for s in _statements(nested()["RebuildRole"]) if action in s["Action"]]
        assert any(fnmatchcase(arn, pattern) for s in granted for pattern in s["Resource"]), (action, arn)


def test_without_spot_there_is_no_time_to_wait_for_it(account: Account, machine: Callable[..., dict[str, Any]]) -> None:
    run(machine(RebuildSpot="false"), account)
    assert account.jobs[0]["EnableManagedSpotTraining"] is False
    assert account.jobs[0]["StoppingCondition"] == {"MaxRuntimeInSeconds": 14_400}


def test_shop_without_events_gets_no_channel_for_them(account: Account, machine: Callable[..., dict[str, Any]]) -> None:
    for key in account.download("s3://data-bucket/events/"):
        client("s3").delete_object(Bucket=BUCKET, Key=f"events/{key}")
    assert run(machine(), account).status == "SUCCEEDED"
    assert [channel["ChannelName"] for channel in account.jobs[0]["InputDataConfig"]] == [
        "items",
        "profiles",
        "erasures",
    ]


def test_job_that_found_no_machine_is_tried_again_from_the_same_checkpoints(
    account: Account, machine: Callable[..., dict[str, Any]]
) -> None:
    cause = json.dumps({"FailureReason": "CapacityError: Unable to provision requested ML compute capacity."})
    account.failures = [ServiceError("States.TaskFailed", cause)] * 3
    assert run(machine(), account).status == "SUCCEEDED"
    assert len(account.jobs) == 4
    assert len({job["CheckpointConfig"]["S3Uri"] for job in account.jobs}) == 1


def test_lasting_want_of_machines_is_reported(account: Account, machine: Callable[..., dict[str, Any]]) -> None:
    account.failures = [ServiceError("SageMaker.AmazonSageMakerException", "ResourceLimitExceeded: 0 instances")] * 9
    execution = run(machine(), account)
    assert execution.status == "FAILED"
    assert "SageMaker.AmazonSageMakerException" in execution.cause
    assert len(account.jobs) == 5
    (report,) = account.reported()
    assert report["source"] == "rebuild"
    assert "ResourceLimitExceeded" in report["failure"]["Cause"]


def test_small_shop_is_rebuilt_by_one_call_and_needs_no_image(
    account: Account, machine: Callable[..., dict[str, Any]], nested: Callable[..., dict[str, Any]]
) -> None:
    with_encoder()
    execution = run(machine(**STOCK, ExcludedUsers="staff-1"), account)
    assert execution.status == "SUCCEEDED", execution.cause
    assert (account.steps, account.jobs) == (["plan", "rebuild"], [])
    snapshots = SnapshotBucket(client("s3"), BUCKET)
    assert snapshots.current().version == execution.output["version"]
    counts = verify_snapshot(snapshots.download(execution.output["version"]))["counts"]
    assert (counts["items"], counts["events"], counts["erased_events"]) == (20, 114, 6)
    for action, arn in account.calls:
        granted = [s for s in _statements(nested(**STOCK)["RebuildRole"]) if action in s["Action"]]
        assert any(fnmatchcase(arn, pattern) for s in granted for pattern in s["Resource"]), (action, arn)


def test_what_one_call_can_not_do_goes_to_a_machine_with_an_image_of_aws(
    account: Account, machine: Callable[..., dict[str, Any]]
) -> None:
    execution = run(machine(**STOCK), account)  # no encoder was staged, and none is current
    assert execution.status == "SUCCEEDED", execution.cause
    assert account.steps == ["plan"]
    (job,) = account.jobs
    images = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training"
    assert job["AlgorithmSpecification"]["TrainingImage"] == f"{images}:2.7.1-cpu-py312-ubuntu22.04-sagemaker"
    assert job["ResourceConfig"]["InstanceType"] == "ml.m5.2xlarge"
    channels = {channel["ChannelName"]: channel for channel in job["InputDataConfig"]}
    assert set(channels) == {"items", "profiles", "erasures", "events", "code"}
    script = job["AlgorithmSpecification"]["ContainerEntrypoint"][-1].removeprefix("/opt/ml/input/data/code/")
    staged = account.download(channels["code"]["DataSource"]["S3DataSource"]["S3Uri"])
    assert set(staged) == {script, "code.tar.gz"}


def test_a_gpu_is_taken_where_something_is_trained_on_it(
    account: Account, machine: Callable[..., dict[str, Any]]
) -> None:
    definition = machine(**STOCK)
    given_type = {"way": "sagemaker", "instance_type": "ml.p3.2xlarge"}
    for given, instance, image in (
        ({"budget": "full"}, "ml.g5.xlarge", "2.7.1-gpu-py312-cu128"),
        ({"budget": "full", "device": "cpu"}, "ml.m5.2xlarge", "2.7.1-cpu-py312"),
        (given_type, "ml.p3.2xlarge", "2.7.1-gpu-py312-cu128"),
    ):
        account.failures = [ServiceError("States.TaskFailed", "stopped")]
        run(definition, account, f"run-{len(account.jobs)}", **given)
        job = account.jobs[-1]
        assert job["ResourceConfig"]["InstanceType"] == instance, given
        assert f":{image}-" in job["AlgorithmSpecification"]["TrainingImage"], given
    assert set(account.steps) == {"plan"}


def test_call_that_does_not_come_to_its_end_is_gone_on_with_by_a_job(
    account: Account, machine: Callable[..., dict[str, Any]]
) -> None:
    with_encoder()
    definition = machine(**STOCK)
    for breakdown in ("Sandbox.Timedout", ""):
        account.breakdowns = [ServiceError(breakdown, "ended")] if breakdown else []
        account.left_ms = 59_000  # without a breakdown it sees by itself that it will not do
        account.failures = [ServiceError("States.TaskFailed", "stopped")]
        account.steps.clear()
        account.jobs.clear()
        run(definition, account, f"run-{breakdown}")
        assert (account.steps, len(account.jobs)) == (["plan", "rebuild"], 1), breakdown


def test_lambda_can_be_asked_for_though_the_stack_has_an_image(
    account: Account, machine: Callable[..., dict[str, Any]]
) -> None:
    account.breakdowns = [ServiceError("UnusableDataError", "{}")]
    assert run(machine(), account, way="lambda").cause.startswith("UnusableDataError")
    assert (account.steps, account.jobs) == (["plan", "rebuild"], [])


def with_encoder() -> None:
    """A whole base encoder, as far as names go: the rebuilds here name another one."""
    recipe = RECIPES["english"]
    for name in recipe.sha256:
        client("s3").put_object(Bucket=BUCKET, Key=f"encoders/{recipe.folder}/{name}", Body=b"staged")


def test_defect_of_the_job_is_reported_at_once(account: Account, machine: Callable[..., dict[str, Any]]) -> None:
    execution = run(machine(), account, encoder="/nowhere")
    assert (execution.status, len(account.jobs)) == ("FAILED", 1)
    assert "AlgorithmError" in execution.cause
    assert "nowhere" in account.reported()[0]["failure"]["Cause"]


def test_refusal_by_the_gates_fails_the_run_and_leaves_the_snapshot(
    account: Account, machine: Callable[..., dict[str, Any]]
) -> None:
    first = run(machine(), account, "run-1")
    items = ItemTable(client("dynamodb"), ITEMS)
    for item in toy_items(20)[5:]:
        items.delete(item.item_id)
    assert "name items that the catalogue does not have" in run(machine(), account, "run-2").cause
    assert account.reported()[0]["failure"]["Error"] != "GateError"
    refused = run(machine(), account, "run-3", allow_bad=1)
    assert refused.status == "FAILED"
    assert refused.cause.startswith("GateError, ")
    assert SnapshotBucket(client("s3"), BUCKET).current().version == first.output["version"]
    assert account.reported()[0]["failure"]["Error"] == "GateError"
    assert run(machine(), account, "run-4", force="the shop closes", allow_bad=1).status == "SUCCEEDED"
    assert SnapshotBucket(client("s3"), BUCKET).current().promotion["forced"] == "the shop closes"


def test_failed_export_is_reported(
    account: Account, machine: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account, "describe_export", lambda asked: {"ExportDescription": {"ExportStatus": "FAILED"}})
    execution = run(machine(), account)
    assert execution.status == "FAILED"
    assert execution.cause.startswith("ExportFailed, ")
    assert account.jobs == []
    assert len(account.reported()) == 1


def _statements(role: Mapping[str, Any]) -> list[dict[str, Any]]:
    statements = [s for policy in role.get("Policies", ()) for s in policy["PolicyDocument"]["Statement"]]

    def several(value: str | list[str]) -> list[str]:
        return [value] if isinstance(value, str) else value

    return [{**s, "Action": several(s["Action"]), "Resource": several(s["Resource"])} for s in statements]


def _bucket_arn(nested: Callable[..., dict[str, Any]]) -> str:
    bucket = nested()["StateMachine"]["DefinitionSubstitutions"]["Bucket"]
    return f"arn:aws:s3:::{bucket}"


def test_the_states_by_which_operators_are_told_how_far_it_has_come_are_there(text: str) -> None:
    for name in STEPS:
        assert re.search(rf"^ +{name}:", text, re.MULTILINE), name
