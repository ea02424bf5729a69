"""Batch jobs on Amazon Bedrock: thousands of requests at half the price of single ones, hours later.

`CreateModelInvocationJob` with `modelInvocationType` Converse reads lines of `{"recordId", "modelInput"}` from S3 and
writes lines with `modelOutput` or `error` there, in any order
(https://docs.aws.amazon.com/bedrock/latest/userguide/batch-inference.html). A job takes no fewer records than the
model's minimum; what is less is asked for one by one.

A job is written down before it is made, under a name that follows from its requests. So a run that was killed finds it
again, and nothing is paid for twice.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

from endcap.aws.clients import BACKGROUND, aws_errors, client
from endcap.describing.bedrock import BedrockWriter, converse_body, read_converse
from endcap.describing.writer import Request, Sleep, WriterError, Written
from endcap.errors import EndcapError
from endcap.snapshot.files import canonical_json, replace_file

PREFIX: Final = "enrichment-batch"
MINIMUM: Final = 100
"""Records of a job at least, for most models: https://docs.aws.amazon.com/bedrock/latest/userguide/quotas.html."""
MOST: Final = 10_000
LOOK_EVERY_S: Final = 60.0
_ENDED: Final = frozenset({"Completed", "PartiallyCompleted", "Failed", "Stopped", "Expired"})
_PENDING: Final = "batch.json"


class BatchPlace(NamedTuple):
    """Where jobs read and write: a bucket, and the role that lets Bedrock do so."""

    bucket: str
    role: str


@dataclass
class BatchServices:
    """The APIs that take part."""

    jobs: Any
    objects: Any

    @classmethod
    def of_account(cls) -> BatchServices:
        """By the credentials that boto3 finds."""
        return cls(client("bedrock", BACKGROUND), client("s3", BACKGROUND))


class BedrockBatchWriter:
    """Asks by batch jobs where there is enough to ask, else as `BedrockWriter` does.

    Parameters
    ----------
    folder : where a running job is written down
    direct : asks for what is too little for a job; its texts count as the same writer's
    """

    at_once: Final = MOST

    def __init__(
        self,
        model: str,
        place: BatchPlace,
        folder: Path,
        direct: BedrockWriter,
        minimum: int = MINIMUM,
        services: BatchServices | None = None,
        sleep: Sleep = time.sleep,
    ) -> None:
        self._model, self._place, self._direct, self._minimum = model, place, direct, minimum
        self._pending, self._sleep = folder / _PENDING, sleep
        self._services = services or BatchServices.of_account()

    @property
    def name(self) -> str:
        """The kind and the model."""
        return self._direct.name

    def write(self, requests: Sequence[Request], schema: Mapping[str, Any], most_tokens: int) -> Iterator[Written]:
        """See `Writer.write`; waits for jobs. What a job has left out is not answered."""
        left = {request.key: request for request in requests}
        for answer in self._answers_of_before():
            if left.pop(answer.key, None) is not None:
                yield answer
        self._pending.unlink(missing_ok=True)
        if len(left) < self._minimum:
            yield from self._direct.write(list(left.values()), schema, most_tokens)
            return
        job = self._begun(list(left.values()), schema, most_tokens)
        yield from self._answers(job)
        self._pending.unlink(missing_ok=True)

    def _begun(self, requests: Sequence[Request], schema: Mapping[str, Any], most_tokens: int) -> str:
        """The ARN of a new job."""
        base = f"endcap-{hashlib.sha256(' '.join(request.key for request in requests).encode()).hexdigest()[:24]}"
        name = f"{base}-{len(self._named(base))}"  # one that has failed is not the one that is begun
        lines = [
            {"recordId": request.key, "modelInput": converse_body(request, schema, most_tokens)} for request in requests
        ]
        body = b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines)
        with aws_errors("s3"):
            self._services.objects.put_object(Bucket=self._place.bucket, Key=f"{PREFIX}/{name}/in.jsonl", Body=body)
        self._write_down(name)
        uri = f"s3://{self._place.bucket}/{PREFIX}/{name}"
        try:
            with aws_errors("bedrock"):
                made = self._services.jobs.create_model_invocation_job(
                    jobName=name,
                    clientRequestToken=name,
                    roleArn=self._place.role,
                    modelId=self._model,
                    modelInvocationType="Converse",
                    inputDataConfig={"s3InputDataConfig": {"s3InputFormat": "JSONL", "s3Uri": f"{uri}/in.jsonl"}},
                    outputDataConfig={"s3OutputDataConfig": {"s3Uri": f"{uri}/out/"}},
                )
        except EndcapError as exc:
            raise WriterError(f"{self._model}: no batch job ({exc})") from exc
        return str(made["jobArn"])

    def _answers_of_before(self) -> Iterator[Written]:
        """What a job answers that an earlier run has begun; nothing where there is none."""
        try:
            name = str(json.loads(self._pending.read_text(encoding="utf-8"))["name"])
        except (OSError, ValueError, KeyError, TypeError):
            return
        # None: the run ended before there was one.
        for job in [arn for own, arn in self._named(name) if own == name]:
            yield from self._answers(job)

    def _answers(self, job: str) -> Iterator[Written]:
        """The answers of a job, once it has ended."""
        while True:
            with aws_errors("bedrock"):
                told = self._services.jobs.get_model_invocation_job(jobIdentifier=job)
            if told["status"] in _ENDED:
                break
            self._sleep(LOOK_EVERY_S)
        found = 0
        for line in self._lines(f"{PREFIX}/{told['jobName']}/out/"):
            answer = _read(line)
            if answer is not None:
                found += 1
                yield answer
        if not found:
            self._pending.unlink(missing_ok=True)
            raise WriterError(f"batch job {job}: {told['status']} ({told.get('message', 'no reason given')})")

    def _named(self, name: str) -> list[tuple[str, str]]:
        """Names and ARNs of the jobs whose name begins like this."""
        with aws_errors("bedrock"):
            pages = self._services.jobs.get_paginator("list_model_invocation_jobs").paginate(nameContains=name)
            rows = [row for page in pages for row in page.get("invocationJobSummaries", ())]
        found = [(str(row["jobName"]), str(row["jobArn"])) for row in rows]
        return [(own, arn) for own, arn in found if own.startswith(name)]

    def _lines(self, prefix: str) -> Iterator[bytes]:
        bucket, objects = self._place.bucket, self._services.objects
        with aws_errors("s3"):
            pages = objects.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            keys = sorted(row["Key"] for page in pages for row in page.get("Contents", ()))
        for key in keys:
            if key.endswith(".jsonl.out"):
                with aws_errors("s3"):
                    body = objects.get_object(Bucket=bucket, Key=key)["Body"].read()
                yield from body.splitlines()

    def _write_down(self, name: str) -> None:
        self._pending.parent.mkdir(parents=True, exist_ok=True)
        body = canonical_json({"name": name})

        def write(file: BinaryIO) -> None:
            file.write(body)

        replace_file(self._pending, write)


def _read(line: bytes) -> Written | None:
    """The answer in a line; None for one that is damaged."""
    try:
        record = json.loads(line)
        key = str(record["recordId"])
        error = record.get("error")
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    if error:
        return Written(key, failed=f"refused: {str(error)[:200]}")
    return read_converse(key, record.get("modelOutput"))
