"""The whole stack under mixed load for a while, with or without services that fail: what broke, what was lost.

Every function runs as processes of its own under AWS's runtime client, frozen between calls and killed when its time
from template.yaml is over; queues and streams are delivered as the local stack does; S3 and DynamoDB are moto behind
proxies that fail on schedule (`schedule`, `proxy`). docs/reliability.md says what that shows and what not.

`--json` writes an object with

- `seconds`, `requests`, `requests_per_s` of what was answered in that time;
- `faults`: `[{name, service, mode, from_s, to_s, delay_s}]`, empty without `--faults`; `met_by_proxies`:
  `{service: {mode: requests}}`;
- `by_kind`: `{kind: {statuses: {status: n}, n, p50_ms, p99_ms, max_ms}}`; status 0 is a request without an answer;
- `errors`, `client_errors`: `[{kind, phase, status, n, first_s, last_s}]` of status 500 and above or none, of 400 to
  499; a phase is the name of a fault, or `healthy`;
- `put_off_writes`: `{answers, refused_for_good}`: writes to a table that were answered with 503 and Retry-After while
  DynamoDB was failing, which the load sends again; those among them that were never taken. They are not in `errors`;
- `lists`: `{all: {n, p50_ms, p99_ms, max_ms}, phases: [{phase, n, …, degraded: {reason: n}}], worst_p99_ms,
  slowest: [{kind, phase, status, due_s, ms}]}`;
- `events`: `{accepted, excused_by_erasure, missing_from_archive, missing_from_profile, lost, lost_first, waiting:
  {queue: messages}, quarantined, drained_s}`; `lost` is missing from either, `drained_s` null where queues stayed full;
- `swaps`: `[{by, version, began_s, flipped_s, tries, error, first_served_after_s}]`;
- `restarts`: `[{function, environment, reason, at_s, phase}]`;
- `memory`: `[{environment, warm_mib, end_mib, slope_mib_per_min, growth_share}]`, private memory of each process from a
  quarter of the time on, by the median slope;
- `strain`: `{cpu_pressure, harness_cpu_share, lag_p99_ms}`, see `Strain`: where processors are short, latencies are the
  machine's;
- `snapshot`, `concurrency`, and `goals`: `{name: {goal, found, met}}`.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from endcap.aws.snapshots import SnapshotBucket
from endcap.errors import EndcapError
from endcap.snapshot.snapshot import Snapshot
from endcap_local.bench.functions import BenchError, http_event
from endcap_local.bench.import_paths import client_path, import_path, inference_functions
from endcap_local.bench.shops import altered, described
from endcap_local.bench.soak.load import HttpSender, Load
from endcap_local.bench.soak.proxy import FaultProxy
from endcap_local.bench.soak.report import Observed, Swapped, report
from endcap_local.bench.soak.rest import look_around
from endcap_local.bench.soak.schedule import Schedule, Swap
from endcap_local.bench.soak.traffic import Traffic
from endcap_local.bench.soak.watch import Watch
from endcap_local.engine.engine import Engine
from endcap_local.lambda_runtime.processes import ProcessInvoker, process_of
from endcap_local.lambda_runtime.reply import Reply
from endcap_local.lambda_runtime.runtime_api import ExecutionEnvironment, FunctionError
from endcap_local.stack import FUNCTION_ENVIRONMENT, LocalStack
from endcap_local.template.template import LocalFunction, StackPlan
from endcap_rebuild.settings import Progress

SERVICES: Final = ("s3", "dynamodb")
DRAIN_S: Final = 300.0
WARM_UP_S: Final = 120.0
PAUSE_S: Final = 0.2
DELIVERIES: Final = 10
"""Objects that a delivery stream writes in a soak: one a minute in ten, where AWS's wait for five."""
_SIZES: Final[Mapping[str, int]] = dict.fromkeys(("promote", "update_profile", "embed_item", "fold_counts"), 1) | {
    "manage_items": 4
}
"""Environments of other functions than `recommend`: one for one caller, some where DynamoDB is waited for."""
_OTHERS: Final = 2
WAITED_FOR: Final = frozenset(("recommend", "collect", "storefront"))
NICE: Final = 4
BEHIND: Final = 9
"""How far functions that somebody waits for, and all others, give way to what stands in for AWS: there neither the
services nor a function are slowed by what other functions compute."""


@dataclass(frozen=True, slots=True)
class SoakPlan:
    """What to run.

    Parameters
    ----------
    concurrency : environments of `recommend`; where all are busy a request waits, as Lambda's would not
    logs : folder for the functions' logs; None to drop them
    """

    template: Path
    seconds: float
    faults: bool
    rate: float
    concurrency: int
    logs: Path | None = None


def bench_soak(snapshot: Snapshot, plan: SoakPlan, progress: Progress) -> dict[str, Any]:
    """Run a soak; returns the report that this module's docstring describes.

    Raises
    ------
    BenchError : the stack did not come up, or could not be looked at afterwards
    """
    schedule = Schedule.of(plan.seconds, plan.faults)
    with ExitStack() as open_, tempfile.TemporaryDirectory(prefix="endcap-soak-") as scratch:
        folder = Path(scratch)
        snapshots = [snapshot, *(altered(snapshot, folder / f"snapshot-{n}", n) for n in (1, 2))]
        stage = open_.enter_context(_stage(plan, schedule, folder))
        stage.promote_first(snapshots)
        stage.warm_up()
        traffic = Traffic(list(snapshot.item_ids), _words(snapshot), lambda: time.time_ns() // 1_000_000)
        send = HttpSender(stage.stack.url)
        load = Load(send, traffic, plan.rate)
        observed = stage.run(load, [s.version for s in snapshots], progress)
        progress("soak: drain", 0, 1)
        found = look_around(stage.stack, load, send, DRAIN_S)
        measured = report(schedule, observed, found)
    return {"snapshot": described(snapshot), "concurrency": plan.concurrency, **measured}


@dataclass(slots=True)
class _Stage:
    """A running stack with its proxies."""

    stack: LocalStack
    invoker: ProcessInvoker
    proxies: Mapping[str, FaultProxy]
    schedule: Schedule

    def promote_first(self, snapshots: Sequence[Snapshot]) -> None:
        """Upload all and make the first one current."""
        for snapshot in snapshots:
            self._bucket().upload(snapshot.directory, snapshot.version)
        reply = self.stack.invoke("PromoteFunction", {"version": snapshots[0].version})
        if reply.error is not None:
            raise BenchError(f"the first snapshot was not promoted: {reply.error}")

    def warm_up(self) -> None:
        """Return when every environment that ranks has its snapshot: what a soak measures is not a first start."""
        name, deadline_s = self.stack.function("RecommendFunction").name, time.monotonic() + WARM_UP_S
        while not all(is_ok(reply) for reply in self.invoker.invoke_each(name, http_event("GET", "/health", {}, {}))):
            if time.monotonic() > deadline_s:
                raise BenchError(f"not every environment could rank within {WARM_UP_S:g} s")
            time.sleep(PAUSE_S)

    def run(self, load: Load, versions: Sequence[str], progress: Progress) -> Observed:
        """Load, faults, swaps and a look at the memory, side by side."""
        began_s = time.monotonic()
        over = threading.Event()
        swaps: list[Swapped] = []
        # There and back and on: the second swap goes back to the first snapshot, as a rollback does.
        targets = [versions[1], versions[0], versions[2]]
        side: list[tuple[Callable[..., None], tuple[Any, ...]]] = [
            (self._fail, (began_s, over)),
        ]
        for swap, version in zip(self.schedule.swaps, targets, strict=True):
            side.append((self._swap, (began_s, over, swap, version, swaps)))
        threads = [threading.Thread(target=target, args=args, daemon=True) for target, args in side]
        for thread in threads:
            thread.start()
        seconds = self.schedule.seconds
        watch = Watch(
            self.invoker.processes,
            min(1.0, seconds / 100),
            lambda at_s: progress("soak", int(min(at_s, seconds)), int(seconds)),
        )
        try:
            with watch:
                load.run(seconds)
        finally:
            over.set()
            for thread in threads:
                thread.join()
            for proxy in self.proxies.values():
                proxy.set(None)
        met = {service: proxy.met for service, proxy in self.proxies.items()}
        noted = (load.answers, load.accepted, load.erased, swaps, self.invoker.restarts)
        return Observed(*noted, began_s, watch.memory, met, watch.strain)

    def _fail(self, began_s: float, over: threading.Event) -> None:
        for at_s, fault, service in self.schedule.changes():
            if over.wait(max(0.0, began_s + at_s - time.monotonic())):
                return
            self.proxies[service].set(fault)

    def _swap(self, began_s: float, over: threading.Event, swap: Swap, version: str, swaps: list[Swapped]) -> None:
        if over.wait(max(0.0, began_s + swap.at_s - time.monotonic())):
            return
        at_s, tries, error = time.monotonic() - began_s, 1, self._flip(swap, version)
        while error and not over.wait(PAUSE_S):  # as the state machine of rebuilds, and Lambda itself, try again
            tries, error = tries + 1, self._flip(swap, version)
        flipped_s = None if error else round(time.monotonic() - began_s, 2)
        swaps.append(Swapped(swap.by, version, round(at_s, 2), flipped_s, tries, error))

    def _flip(self, swap: Swap, version: str) -> str | None:
        """Why it could not be done."""
        if swap.by == "promote":
            return self.stack.invoke("PromoteFunction", {"version": version}).error
        try:
            snapshots = self._bucket()
            snapshots.flip(version, snapshots.current(), snapshots.signature(version))
        except EndcapError as exc:
            return str(exc)
        return None

    def _bucket(self) -> SnapshotBucket:
        """The snapshots, past the proxies."""
        (bucket,) = self.stack.plan.buckets
        return SnapshotBucket(self.stack.client("s3"), bucket)


def is_ok(reply: Reply) -> bool:
    """Whether a function behind the API has answered with 200."""
    return isinstance(reply.payload, Mapping) and reply.payload.get("statusCode") == 200


@contextmanager
def _stage(plan: SoakPlan, schedule: Schedule, folder: Path) -> Iterator[_Stage]:
    layers, ranks = plan.template.resolve().parent / "layers", inference_functions(plan.template)
    paths = {inference: import_path(layers, inference, folder / "packages") for inference in (False, True)}
    client, logs = client_path(folder / "packages"), plan.logs or folder / "functions"
    logs.mkdir(parents=True, exist_ok=True)
    proxies: dict[str, FaultProxy] = {}
    invokers: list[ProcessInvoker] = []

    def run(stack: StackPlan, engine: Engine) -> ProcessInvoker:
        proxies.update({service: FaultProxy(service, engine.endpoint) for service in SERVICES})
        ways = {f"AWS_ENDPOINT_URL_{service.upper()}": proxy.url for service, proxy in proxies.items()}
        common = {**engine.environment(), **FUNCTION_ENVIRONMENT, **ways}

        def start(function: LocalFunction, name: str) -> ExecutionEnvironment:
            path = [*paths[function.logical_id in ranks], client]
            process = process_of(function, name, sys.executable, path, {**function.environment, **common}, logs)
            # Before it has threads, which inherit it.
            os.setpriority(os.PRIO_PROCESS, process.pid, NICE if function.code_dir.name in WAITED_FOR else BEHIND)
            return process

        names = {function.code_dir.name for function in stack.functions.values()}
        sizes = {name: _SIZES.get(name, _OTHERS) for name in names} | {"recommend": plan.concurrency}
        invokers.append(ProcessInvoker(stack.functions, sizes, start))
        return invokers[0]

    # A message that failed comes back after as long as the longest fault: on AWS it takes longer, so that fewer of the
    # receives which the queue allows are used up.
    redelivery_s = max(1, round(schedule.longest_s))
    try:
        rare_folds = {"LiveCountsSeconds": "5"}  # as on AWS they are not what the machine is busy with
        with LocalStack(
            plan.template,
            parameters=rare_folds,
            redelivery_s=redelivery_s,
            deliver_every_s=plan.seconds / DELIVERIES,
            runner=run,
        ) as stack:
            yield _Stage(stack, invokers[0], proxies, schedule)
    except FunctionError as exc:
        raise BenchError(f"a function did not start: {exc}") from exc
    finally:
        for invoker in invokers:
            invoker.stop()
        for proxy in proxies.values():
            proxy.stop()


def _words(snapshot: Snapshot) -> list[str]:
    """Words to search for: of the titles of some items, so that something is found."""
    step = max(1, snapshot.n_items // 200)
    titles = [str(snapshot.document(position).get("title", "")) for position in range(0, snapshot.n_items, step)]
    words = sorted({word for title in titles for word in title.split() if word.isalpha()})
    return words if len(words) > 1 else ["red", "blue"]
