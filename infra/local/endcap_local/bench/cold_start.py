"""How long a function's first answer takes in a fresh process, where the time goes, and how much memory it takes.

The process can import what it can in Lambda and nothing else, and talks to moto in this process by boto3. It starts
with files in the page cache, without Lambda's own set-up, and with moto's latency in place of AWS's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from endcap.aws.keys import SigningKey
from endcap.aws.snapshots import SnapshotBucket
from endcap.snapshot.sign import sign
from endcap.snapshot.snapshot import Snapshot
from endcap_local.bench.functions import BenchError
from endcap_local.bench.import_paths import import_path, inference_functions
from endcap_local.bench.shops import described
from endcap_local.bench.timing import Timing
from endcap_local.engine.engine import Engine
from endcap_local.engine.resources import create_resources
from endcap_local.stack import FUNCTION_ENVIRONMENT
from endcap_local.template.template import LocalFunction, StackPlan, load_plan
from endcap_rebuild.settings import Progress

SAMPLES: Final[Mapping[str, str]] = {
    "collect": "http-events",
    "update_profile": "sqs-one-purchase",
    "recommend": "http-known-user",
    "storefront": "http-search",
    "manage_items": "http-put-item",
    "manage_users": "http-profile",
    "embed_item": "dynamodb-new-item",
    "describe_item": "dynamodb-new-item",
    "fold_counts": "dynamodb-notes",
    "receive_webhook": "http-shopify-unknown-topic",
    "load_file": "sqs-test-of-s3",
    "promote": "invoke-version",
    "purge_erased": "invoke-scheduled",
    "admin": "http-overview",
    "summarise_results": "eventbridge-object-created",
}
"""What each function is first asked, from the project's `events`."""
OPTIONS: Final = {
    "Storefront": "on",
    "StorefrontSecret": "of-a-stack-that-lives-for-one-measurement",
    "StorefrontOrigins": "https://shop.example",
    "FileInbox": "on",
    "ItemWriter": "rules",
}
"""Parameters with which the template has every function."""
SERVING: Final = ("recommend", "storefront")
"""What makes lists from a snapshot, and so waits for its files."""
SHOP_SECRET: Final = "secret-of-the-samples"  # nosec B105 # what the samples are signed with
LIMIT_S: Final = 3600.0
"""Much more than it takes: a machine that has other work may take minutes for a snapshot of a million items."""

# Reads everything it needs from its arguments: a Lambda process has none of this project's tools.
_CHILD: Final = """
import time
started = time.monotonic()
import importlib.util, json, resource, sys
from pathlib import Path
from types import SimpleNamespace
code, event, out, serves, folder = sys.argv[1:]
sys.path.insert(0, code)
import app
imported, here = time.monotonic(), []
if serves == "lists":  # notes when the files of the snapshot are here; from there on it is reading them
    from endcap.aws import snapshots as adapters
    from endcap.checksums import note, sha256_file
    fetch = adapters.SnapshotBucket.download
    def hashed(*_):  # the files lie here already: what a download does beside fetching them
        for path in Path(folder).iterdir():
            note(path, sha256_file(path))
        return Path(folder)
    def fetched(*arguments):
        found = (hashed if folder else fetch)(*arguments)
        here.append(time.process_time())
        return found
    adapters.SnapshotBucket.download = fetched
context = SimpleNamespace(function_name="cold", memory_limit_in_mb=1769, aws_request_id="1",
    invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:cold",
    get_remaining_time_in_millis=lambda: 60000)
def lacks_snapshot(answer):
    if not isinstance(answer, dict) or "statusCode" not in answer:
        return False
    degraded = json.loads(answer.get("body") or "{}").get("degraded") or {}
    return answer["statusCode"] == 503 or "snapshot" in degraded.get("lost", ())
answer = app.handler(json.load(open(event)), context)
answered, first = time.monotonic(), answer.get("statusCode", 200) if isinstance(answer, dict) else 200
while lacks_snapshot(answer):
    time.sleep(max(0.02, (time.monotonic() - answered) / 10))  # answers without it take the processor, too
    answer = app.handler(json.load(open(event)), context)
try:  # of this program alone: what getrusage says holds what the process that started it took
    (peak,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    memory = int(peak.split()[1])
except OSError:
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
spent = time.process_time()
ready = spent - here[0] if here else None
json.dump([started, imported, answered, time.monotonic(), spent, ready, memory, first, answer], open(out, "w"))
"""


@dataclass(frozen=True, slots=True)
class _Start:
    """Seconds of one start.

    Attributes
    ----------
    interpreter, imports, answer : until our code runs, of the imports, of the first answer
    served : from the beginning to the first answer that the snapshot has part in
    cpu : of all of it on the processor
    ready : of these from when the snapshot's files were here; None where it fetches none
    memory_mb : the most that was taken until then
    status : of the first answer
    """

    interpreter: float
    imports: float
    answer: float
    served: float
    cpu: float
    ready: float | None
    memory_mb: float
    status: int

    @property
    def total(self) -> float:
        return self.interpreter + self.imports + self.answer


def bench_cold_start(
    snapshot: Snapshot,
    template: Path,
    runs: int,
    progress: Progress,
    names: Sequence[str] = tuple(SAMPLES),
    *,
    from_folder: bool = False,
) -> dict[str, Any]:
    """Timings for functions of the template, and their median parts.

    Parameters
    ----------
    from_folder : what makes lists finds the snapshot's files in their folder and hashes them, and moto's S3, which
        takes minutes for gigabytes, has none of them
    """
    root = template.resolve().parent
    with (
        tempfile.TemporaryDirectory(prefix="endcap-cold-") as scratch,
        _stack(template, snapshot, upload=not from_folder) as (plan, environment),
    ):
        lies_in = str(snapshot.directory.resolve()) if from_folder else ""
        ranks, rows = inference_functions(template), []
        functions = {function.code_dir.name: function for function in plan.functions.values()}
        for number, name in enumerate(names):
            progress("cold starts", number, len(names))
            inference = functions[name].logical_id in ranks
            path = import_path(root / "layers", inference, Path(scratch) / "packages")
            event = json.loads((root / "events" / name / f"{SAMPLES[name]}.json").read_text())
            if name == "promote":
                event["version"] = snapshot.version  # named by its content, so no sample can know it
            starts = [
                _start(functions[name], event, path, environment, Path(scratch) / f"{name}-{run}", lies_in)
                for run in range(runs + 1)
            ][1:]  # the first one compiles, and brings the files into memory
            rows.append({"function": name, "inference_layer": inference, **_summary(starts)})
    return {"snapshot": described(snapshot), "runs": runs, "functions": rows}


def _summary(starts: Sequence[_Start]) -> dict[str, Any]:
    def of(name: str) -> list[float]:
        return [getattr(start, name) for start in starts]

    parts: dict[str, float | None]
    parts = {f"{name}_p50_ms": Timing.of(of(name)).p50_ms for name in ("interpreter", "imports", "answer", "served")}
    ready = [start.ready for start in starts if start.ready is not None]
    parts["ready_cpu_p50_ms"] = Timing.of(ready).p50_ms if ready else None
    worst = {"memory_mb": round(max(of("memory_mb"))), "first_status": max(start.status for start in starts)}
    return {"total": asdict(Timing.of(of("total"), of("cpu"))), **parts, **worst}


def _start(
    function: LocalFunction,
    event: object,
    path: Sequence[Path],
    environment: Mapping[str, str],
    folder: Path,
    lies_in: str,
) -> _Start:
    """One process: start, import, answer, end."""
    folder.mkdir()
    (folder / "event.json").write_text(json.dumps(event))
    own = {
        **function.environment,
        **environment,
        **FUNCTION_ENVIRONMENT,
        "SNAPSHOT_CACHE": str(folder / "snapshots"),  # nothing is there yet, as in a new environment
        "PYTHONPATH": os.pathsep.join(str(p) for p in path),
        "PATH": os.environ.get("PATH", ""),
    }
    serves = "lists" if function.code_dir.name in SERVING else "no lists"
    command = [
        sys.executable,
        "-S",
        "-s",
        "-c",
        _CHILD,
        str(function.code_dir),
        "event.json",
        "out.json",
        serves,
        lies_in,
    ]
    began = time.monotonic()  # one clock for all processes of a machine
    try:
        done = subprocess.run(
            command, cwd=folder, env=own, capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise BenchError(f"{function.code_dir.name} gave no answer within {LIMIT_S:g} s") from None
    if done.returncode != 0:
        raise BenchError(f"{function.code_dir.name} failed: {done.stderr.strip().splitlines()[-1:]}")
    told = json.loads((folder / "out.json").read_text())
    started, imported, answered, served, cpu, ready, memory, status, answer = told
    if isinstance(answer, dict) and (answer.get("statusCode", 200) >= 400 or answer.get("batchItemFailures")):
        raise BenchError(f"{function.code_dir.name} answered its sample with {str(answer)[:300]}")
    memory_mb = memory / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    parts = (started - began, imported - started, answered - imported, served - began)
    return _Start(*parts, cpu, ready, memory_mb, int(status))


@contextmanager
def _stack(template: Path, snapshot: Snapshot, *, upload: bool) -> Iterator[tuple[StackPlan, dict[str, str]]]:
    """The stack's resources on moto, with the snapshot promoted; and the environment that leads there."""
    engine = Engine()
    try:
        secret = engine.client("secretsmanager").create_secret(Name="shopify", SecretString=SHOP_SECRET)
        plan = load_plan(template, engine.endpoint, {**OPTIONS, "ShopifySecretArn": secret["ARN"]})
        create_resources(plan, engine)
        (bucket,) = plan.buckets
        snapshots = SnapshotBucket(engine.client("s3"), bucket)
        if upload:
            snapshots.upload(snapshot.directory, snapshot.version)
        key = next(iter(plan.functions.values())).environment["SNAPSHOT_KEY"]
        signature = sign(snapshot.version, snapshot.directory, snapshots, SigningKey(engine.client("kms"), key))
        snapshots.flip(snapshot.version, None, signature)
        yield plan, engine.environment()
    finally:
        engine.stop()
