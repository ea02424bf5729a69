"""What of an answer takes how much of its processor time: the share of each stage of a list and of a re-ranking.

    OPENBLAS_NUM_THREADS=1 python -m tests.benchmarks.stages --snapshot FOLDER --requests 1000

Without `--snapshot` a random catalogue of `--items` is made, without a text encoder. Every few milliseconds of
processor time a look at the stack says which stage is at work: the innermost function that a row of `STAGES` names.
Nothing is wrapped, so small functions, which timers around them would make look dear, count what they cost.
"""

from __future__ import annotations

import signal
import tempfile
import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from types import FrameType
from typing import Any, Final

from endcap.snapshot.snapshot import Snapshot, load_snapshot
from endcap_local.bench.functions import stage
from endcap_local.bench.kinds import Asker
from endcap_local.bench.memory_aws import MemoryAws
from endcap_local.bench.shops import random_snapshot

FUNCTIONS: Final = Path(__file__).parents[2] / "functions"
KINDS: Final = ("handler_known", "handler_unexplained", "rerank_100")
WARM_UP: Final = 50
EVERY_S: Final = 0.001
REST: Final = "routing, logs, and everything else"

STAGES: Final[Sequence[tuple[str, str, str]]] = (
    ("features of the history", "endcap/ranking/features.py", ""),
    ("user encoder", "endcap/encoders/user.py", ""),
    ("user encoder", "endcap/ranking/terms/similarity.py", "user_"),
    ("item-to-item lists", "endcap/ranking/terms/lists.py", "list_values"),
    ("scans of vectors", "endcap/index/vectors.py", "rough_"),
    ("reasons: support of past items", "endcap/explain/support.py", ""),
    ("reasons: shared words", "endcap/explain/words.py", ""),
    ("reasons: sentences", "endcap/messages/", ""),
    ("reasons: the rest", "endcap/explain/", ""),
    ("other terms, and their sum", "endcap/ranking/score.py", ""),
    ("filters and the best items", "endcap/filters/", ""),
    ("filters and the best items", "endcap/ranking/candidates.py", ""),
    ("filters and the best items", "endcap/recommend/selection.py", ""),
    ("the request, read", "endcap/api/parse.py", ""),
    ("the request, read", "endcap/recommend/resolve.py", ""),
    ("the answer, written", "endcap/api/responses.py", ""),
    ("the answer, written", "endcap/recommend/pipeline.py", "_ranked"),
    ("the pipeline, the rest", "endcap/recommend/", ""),
    ("its record and metrics", "endcap/serving/records.py", ""),
    ("its record and metrics", "aws_lambda_powertools/metrics/", "flush_"),
    ("its record and metrics", "aws_lambda_powertools/metrics/", "serialize_"),
    ("its record and metrics", "aws_lambda_powertools/metrics/", "add_"),
    ("waiting for another thread to read the profile", "endcap/live/waiting.py", ""),
)
"""What a stage is called, a part of the path of its code, and how its functions' names begin."""


@contextmanager
def sampled(found: Counter[str]) -> Iterator[None]:
    """Count the stages that are at work, as long as this lasts."""
    known: dict[Any, str | None] = {}

    def name_of(code: Any) -> str | None:
        rows = (name for name, path, begins in STAGES if path in code.co_filename and code.co_name.startswith(begins))
        return next(rows, None)

    def look(_: int, frame: FrameType | None) -> None:
        while frame is not None:
            code = frame.f_code
            if code not in known:
                known[code] = name_of(code)
            if (name := known[code]) is not None:
                found[name] += 1
                return
            frame = frame.f_back
        found[REST] += 1

    before = signal.signal(signal.SIGPROF, look)
    signal.setitimer(signal.ITIMER_PROF, EVERY_S, EVERY_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def measure(asker: Asker, kind: str, n_requests: int) -> tuple[float, Counter[str]]:
    """Milliseconds of processor time of a request, the median of all, and how often each stage was seen."""
    call: Callable[[dict[str, Any]], None] = asker.call(kind)
    events = [asker.events[kind](turn) for turn in range(n_requests + WARM_UP)]
    for event in events[:WARM_UP]:
        call(event)
    found, took = Counter[str](), []
    with sampled(found):
        for event in events[WARM_UP:]:
            began = time.thread_time()
            call(event)
            took.append(time.thread_time() - began)
    return 1000 * median(took), found


def report(snapshot: Snapshot, n_requests: int) -> None:
    """Print a table for each kind of request."""
    aws = MemoryAws()
    with stage(aws):  # in which nothing that is printed is seen
        asker = Asker(snapshot, FUNCTIONS, aws)
        measured = {kind: measure(asker, kind, n_requests) for kind in KINDS}
    for kind, (took_ms, found) in measured.items():
        n_seen = found.total()
        print(f"{kind}: {took_ms:.2f} ms of processor time, {n_requests} requests, {n_seen} looks")
        for name, times in found.most_common():
            print(f"  {100 * times / n_seen:5.1f} %  {took_ms * times / n_seen:5.2f} ms  {name}")


def main() -> None:
    parser = ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--snapshot", type=Path, help="folder of a snapshot")
    parser.add_argument("--items", type=int, default=10_000, help="of a random catalogue, where none is named")
    parser.add_argument("--requests", type=int, default=1_000, help="of each kind")
    options = parser.parse_args()
    if options.snapshot is not None:
        report(load_snapshot(options.snapshot), options.requests)
        return
    with tempfile.TemporaryDirectory(prefix="endcap-stages-") as scratch:
        report(random_snapshot(Path(scratch), options.items), options.requests)


if __name__ == "__main__":
    main()
