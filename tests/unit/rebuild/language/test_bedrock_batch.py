"""Batch jobs: made once, found again, and read whatever order and errors their answers come with."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import botocore.session
import pytest
from botocore.validate import ParamValidator

from endcap.describing.writer import Request, Usage, WriterError, Written
from endcap_rebuild.language.bedrock_batch import PREFIX, BatchPlace, BatchServices, BedrockBatchWriter

SCHEMA: Final = {"type": "object"}
MODELS: Final = botocore.session.get_session()
PLACE: Final = BatchPlace("shop-bucket", "arn:aws:iam::123456789012:role/batch")


def requests(n: int) -> list[Request]:
    return [Request(f"k{k}", "describe it", json.dumps({"item": {"title": f"mug {k}"}})) for k in range(n)]


class Account:
    """Bedrock's jobs and a bucket; what botocore would refuse to send is refused."""

    def __init__(self) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}
        self.objects: dict[str, bytes] = {}
        self.status = "Completed"
        self.looks = 0
        self.left_out: set[str] = set()
        self.refused: set[str] = set()
        self.waited: list[float] = []
        self.dies_after_creation = False

    def _checked(self, service: str, operation: str, given: Mapping[str, Any]) -> None:
        shape = MODELS.get_service_model(service).operation_model(operation).input_shape
        report = ParamValidator().validate(given, shape)
        assert not report.has_errors(), report.generate_report()

    def create_model_invocation_job(self, **given: Any) -> dict[str, str]:
        self._checked("bedrock", "CreateModelInvocationJob", given)
        assert given["modelInvocationType"] == "Converse"
        name = given["jobName"]
        arn = f"arn:aws:bedrock:us-east-1:123456789012:model-invocation-job/{name}"
        self.jobs[arn] = given
        uri = given["inputDataConfig"]["s3InputDataConfig"]["s3Uri"]
        body = self.objects[uri.removeprefix(f"s3://{PLACE.bucket}/")]
        lines = []
        for line in reversed(body.splitlines()):
            record = json.loads(line)
            self._checked("bedrock-runtime", "Converse", {"modelId": "m", **record["modelInput"]})
            key = record["recordId"]
            if key in self.refused:
                lines.append(record | {"error": {"errorCode": 400, "errorMessage": "filtered"}})
            elif key not in self.left_out:
                title = json.loads(record["modelInput"]["messages"][0]["content"][0]["text"])["item"]["title"]
                output = {"message": {"content": [{"text": json.dumps({"kind": title})}]}}
                usage = {"inputTokens": 300, "outputTokens": 60}
                lines.append(record | {"modelOutput": {"output": output, "stopReason": "end_turn", "usage": usage}})
        out = f"{PREFIX}/{name}/out/abc/in.jsonl.out"
        if lines:
            self.objects[out] = b"\n".join(json.dumps(line).encode() for line in lines) + b"\n{torn"
        self.objects[f"{PREFIX}/{name}/out/abc/manifest.json.out"] = b"{}"
        if self.dies_after_creation:
            raise KeyboardInterrupt
        return {"jobArn": arn}

    def get_model_invocation_job(self, jobIdentifier: str) -> dict[str, Any]:
        self.looks += 1
        status = "InProgress" if self.looks < 3 else self.status
        return {"jobName": self.jobs[jobIdentifier]["jobName"], "status": status, "message": "because"}

    def get_paginator(self, name: str) -> Account:
        self._listing = name
        return self

    def paginate(self, **given: Any) -> Sequence[dict[str, Any]]:
        if self._listing == "list_model_invocation_jobs":
            rows = [{"jobName": job["jobName"], "jobArn": arn} for arn, job in self.jobs.items()]
            return [{"invocationJobSummaries": [row for row in rows if given["nameContains"] in row["jobName"]]}]
        return [{"Contents": [{"Key": key} for key in self.objects if key.startswith(given["Prefix"])]}]

    def put_object(self, Bucket: str, Key: str, Body: bytes) -> None:
        assert Bucket == PLACE.bucket
        self.objects[Key] = Body

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:
        return {"Body": io.BytesIO(self.objects[Key])}


class Direct:
    """Single requests."""

    name = "bedrock:m"
    at_once = 1

    def __init__(self) -> None:
        self.asked: list[str] = []

    def write(self, requests: Sequence[Request], schema: Mapping[str, Any], most_tokens: int) -> Iterator[Written]:
        for request in requests:
            self.asked.append(request.key)
            yield Written(request.key, {"kind": "one by one"})


@pytest.fixture
def account() -> Account:
    return Account()


def writer(account: Account, folder: Path, direct: Direct | None = None) -> BedrockBatchWriter:
    services = BatchServices(account, account)
    single: Any = direct or Direct()
    return BedrockBatchWriter("m", PLACE, folder, single, 5, services, account.waited.append)


def test_a_job_answers_all_that_it_was_asked(account: Account, tmp_path: Path) -> None:
    account.refused = {"k3"}
    found = {one.key: one for one in writer(account, tmp_path).write(requests(6), SCHEMA, 300)}
    assert found["k2"] == Written("k2", {"kind": "mug 2"}, Usage(300, 60))
    assert found["k3"].failed.startswith("refused: ")
    assert len(found) == 6
    assert account.waited == [60.0, 60.0]
    assert not (tmp_path / "batch.json").exists()
    (job,) = account.jobs.values()
    assert job["roleArn"] == PLACE.role


def test_what_is_too_little_for_a_job_is_asked_for_one_by_one(account: Account, tmp_path: Path) -> None:
    direct = Direct()
    found = list(writer(account, tmp_path, direct).write(requests(4), SCHEMA, 300))
    assert direct.asked == ["k0", "k1", "k2", "k3"]
    assert len(found) == 4
    assert not account.jobs


def test_a_job_that_was_begun_is_found_again_and_not_paid_for_twice(account: Account, tmp_path: Path) -> None:
    account.dies_after_creation = True
    with pytest.raises(KeyboardInterrupt):
        list(writer(account, tmp_path).write(requests(6), SCHEMA, 300))
    account.dies_after_creation = False
    reading = writer(account, tmp_path).write(requests(6), SCHEMA, 300)
    read = [next(reading).key, next(reading).key]
    reading.close()  # killed again, while answers are read
    left = [request for request in requests(7) if request.key not in read]
    direct = Direct()
    found = [one.key for one in writer(account, tmp_path, direct).write(left, SCHEMA, 300)]
    assert sorted(found) == sorted(request.key for request in left)
    assert direct.asked == ["k6"]
    assert len(account.jobs) == 1


def test_a_run_that_ended_before_its_job_was_made_has_paid_for_nothing(account: Account, tmp_path: Path) -> None:
    (tmp_path / "batch.json").write_text('{"name": "endcap-never-0"}')
    assert len(list(writer(account, tmp_path).write(requests(6), SCHEMA, 300))) == 6


def test_what_a_job_has_left_out_is_left_open(account: Account, tmp_path: Path) -> None:
    account.status, account.left_out = "PartiallyCompleted", {"k1"}
    found = [one.key for one in writer(account, tmp_path).write(requests(6), SCHEMA, 300)]
    assert sorted(found) == ["k0", "k2", "k3", "k4", "k5"]


def test_a_job_that_failed_says_why_and_the_next_run_makes_another(account: Account, tmp_path: Path) -> None:
    account.status, account.left_out = "Failed", {f"k{k}" for k in range(6)}
    with pytest.raises(WriterError, match=r"Failed \(because\)"):
        list(writer(account, tmp_path).write(requests(6), SCHEMA, 300))
    account.status, account.left_out = "Completed", set()
    assert len(list(writer(account, tmp_path).write(requests(6), SCHEMA, 300))) == 6
    assert len({job["jobName"] for job in account.jobs.values()}) == 2
