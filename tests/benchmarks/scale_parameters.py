"""What docs/scale.md is worked out from: processor time of the code's own steps, with boto3 in them, and no AWS.

    python -m tests.benchmarks.scale_parameters [--tree FOLDER]

FOLDER has another version of the code, such as `git archive 25628eb layers | tar x -C FOLDER` leaves it. AWS is a
process of its own here that answers at once, so that what is measured is this side of the call alone: serialised,
signed, sent, read. Prints one JSON object, in milliseconds of one processor; `endcap_local/scale/parameters.py` has
what was printed.
"""

from __future__ import annotations

import argparse
import base64
import importlib
import json
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

SHOPPERS: Final = 500
ROWS, NAMES = 170, 250
"""Of a page of DynamoDB, a megabyte, with rows as versions before 9bc67e9 wrote them."""
RUNS: Final = 5
EVENT: Final = {"event_type": "view", "item_id": "item-000042", "timestamp": 1_760_000_000_000}


class _Aws(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = _PAGE if self.headers["X-Amz-Target"].endswith("Query") else b"{}"
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


def _page() -> bytes:
    counts = {f"di-{n:017d}": {"N": str(n % 9 + 1)} for n in range(NAMES)}
    rows = [
        {"shard": {"S": "2h#0"}, "bucket": {"N": str(n * 64)}, "counts": {"M": counts}, "ttl": {"N": "1"}}
        for n in range(ROWS)
    ]
    return json.dumps({"Items": rows, "Count": ROWS, "ScannedCount": ROWS}).encode()


_PAGE: Final = _page()


def _serve(port: Any) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Aws)
    port.put(server.server_port)
    server.serve_forever()


@contextmanager
def _dynamodb() -> Iterator[Any]:
    import boto3
    from botocore.config import Config

    ports: Any = multiprocessing.Queue()
    server = multiprocessing.Process(target=_serve, args=(ports,), daemon=True)
    server.start()
    try:
        yield boto3.client(
            "dynamodb",
            region_name="us-east-1",
            endpoint_url=f"http://127.0.0.1:{ports.get(timeout=30)}",
            aws_access_key_id="a",
            aws_secret_access_key="b",  # of nobody
            config=Config(max_pool_connections=40, tcp_keepalive=True),
        )
    finally:
        server.kill()
        server.join()


def _cpu_ms(work: Callable[[], object], runs: int = RUNS) -> float:
    work()
    laps = []
    for _ in range(runs):
        began = time.process_time()
        work()
        laps.append((time.process_time() - began) * 1000)
    return statistics.median(laps)


def _shoppers(dynamodb: Any, is_old: bool) -> float:
    """A read and a write of one shopper's profile, with one event in it."""
    if is_old:
        parse = importlib.import_module("endcap.interactions").parse_interaction
        apply_events = importlib.import_module("endcap.identities").apply_events
    else:
        parse = importlib.import_module("endcap.events.interaction").parse_interaction
        apply_events = importlib.import_module("endcap.profiles.identity").apply_events
    table = importlib.import_module("endcap.aws.profiles").ProfileTable(dynamodb, "profiles")

    def work() -> None:
        events = [parse({**EVENT, "user_id": f"user-{n}"}, EVENT["timestamp"]) for n in range(SHOPPERS)]
        apply_events(events, table, None, lambda *_: None)

    return _cpu_ms(work) / SHOPPERS


def _old_pages(dynamodb: Any) -> float:
    """A page of rows of counts, read and added up as a request did."""
    from collections import Counter

    counting = importlib.import_module("endcap.counting")
    table = importlib.import_module("endcap.aws.counters").CounterTable(dynamodb, "counters")
    shards = importlib.import_module("endcap.aws.counters").SHARDS

    def work() -> None:  # one page for each shard
        fresh: dict[int, Counter[str]] = {}
        for start_ms, counts in table.read(counting.COARSE, 0):
            fresh.setdefault(start_ms, Counter()).update(counts)

    return _cpu_ms(work) / shards


def _folds() -> dict[str, float]:
    """A fold of 15 seconds' notes into both objects, and a request's look at the larger one."""
    from endcap.aws.counters import note_of
    from endcap.events.counts import COARSE, FINE, LEVELS, Increment
    from endcap.events.folding import Folded, Note, decoded, packed
    from endcap.live.counts import Tally

    now_ms = 1_760_000_000_000

    def names(n: int, begin: int) -> dict[str, int]:
        return {f"{what}item-{begin + k:09d}": 1 for k in range(n) for what in "dp"}

    def level_of(level: Any, n_names: int) -> Folded:
        starts = range(now_ms - level.kept_ms, now_ms, level.width_ms)
        return Folded(level).with_counts(((level.start_of(s), names(n_names, 0)) for s in starts), now_ms)

    def records(n_notes: int) -> list[Any]:
        found = []
        for k in range(n_notes):
            increments = [Increment(level, level.start_of(now_ms), names(10, 10 * k)) for level in LEVELS]
            image = {"counted": {"B": base64.b64encode(packed(increments)).decode()}}
            found.append({"eventID": str(k), "dynamodb": {"NewImage": image}})
        return found

    before = {level: level_of(level, 4_000).encoded() for level in LEVELS}

    def fold(batch: list[Any]) -> None:
        notes = [Note(*vars_of(note_of(record))) for record in batch]
        for level in LEVELS:
            folded = decoded(before[level], level).with_batch(notes, now_ms)
            assert folded is not None
            folded.encoded()

    def vars_of(note: Any) -> tuple[Any, Any]:
        return note.name, note.increments

    few, many = records(10), records(1_000)
    low, high = _cpu_ms(lambda: fold(few)), _cpu_ms(lambda: fold(many))
    tally = Tally().updated(decoded(before[COARSE], COARSE))
    fresh = level_of(COARSE, 4_000).with_counts([(COARSE.start_of(now_ms), {"ditem-1": 1})], now_ms).encoded()
    return {
        "fold_note_ms": (high - low) / (len(many) - len(few)),
        "fold_ms": low - len(few) * (high - low) / (len(many) - len(few)),
        "object_bytes": float(max(len(data) for data in before.values())),
        "first_look_ms": _cpu_ms(lambda: Tally().updated(decoded(before[COARSE], COARSE))),
        "look_ms": _cpu_ms(lambda: tally.updated(decoded(fresh, COARSE))),
        "fine_bytes": float(len(before[FINE])),
    }


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tree", type=Path, help="another version of the repository")
    tree = parser.parse_args().tree
    if tree is not None:
        sys.path.insert(0, str(tree / "layers" / "core"))
    is_old = tree is not None and (tree / "layers" / "core" / "endcap" / "counting.py").exists()
    with _dynamodb() as dynamodb:
        found = SimpleNamespace(shopper_ms=_shoppers(dynamodb, is_old))
        if is_old:
            found.page_ms = _old_pages(dynamodb)
        else:
            vars(found).update(_folds())
    print(json.dumps({name: round(value, 3) for name, value in vars(found).items()}, indent=1))


if __name__ == "__main__":
    main()
