"""The program of the container. Status: 0; 1 with the reason in the failure file, 3 where the data was not good enough;
143 when it was told to stop.

SageMaker sends SIGTERM two minutes before it takes a spot machine away. Whatever is finished lies in the checkpoints by
then, for every file there is written whole under its own name; the next container goes on after it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NoReturn

from endcap.aws.clients import BACKGROUND, client
from endcap.errors import EndcapError
from endcap_rebuild.job import rebuild, run_shard
from endcap_rebuild.language.in_stack import with_enrichment
from endcap_rebuild.sagemaker.contract import ROOT, Hosts, Roots, data_folder, read_choices, read_hosts, settings_of
from endcap_rebuild.sagemaker.publishing import Publisher, with_keys

_STOPPED: Final = 128 + signal.SIGTERM
_SAY_EVERY_S: Final = 30.0
_MEETING_PORT: Final = "29500"
# Small enough to lie in model.tar.gz beside the snapshot that is in the bucket anyway.
_ABOUT: Final = ("manifest.json", "metrics.json", "MODEL_CARD.md")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one job; returns the exit status."""
    roots = _roots(arguments, os.environ)
    before = signal.signal(signal.SIGTERM, _stop)
    try:
        _train(roots)
    except EndcapError as exc:
        roots.fail(str(exc))
        print(f"failed: {exc}", flush=True)
        return int(getattr(exc, "exit_status", 1))
    except Exception as exc:
        roots.fail(f"defect: {type(exc).__name__}: {exc}")
        traceback.print_exc()
        return 1
    finally:
        signal.signal(signal.SIGTERM, before)
    return 0


def _train(roots: Roots) -> None:
    choices, hosts = read_choices(roots), read_hosts(roots)
    settings = settings_of(choices, data_folder(roots), roots.model, roots.checkpoints)
    settings = replace(settings, shards=len(hosts.names), shard=hosts.index)
    _name_leader(hosts)
    if settings.shard:
        run_shard(settings)
        print(f"helped {hosts.names[0]}", flush=True)
        return
    settings = with_keys(settings, choices.pseudonym_secret)
    if not choices.bucket:
        _said(rebuild(settings, _Log()))
        return
    publisher = Publisher(client("s3", BACKGROUND), choices.bucket)
    with tempfile.TemporaryDirectory(prefix="endcap-snapshot-") as scratch:
        folder = Path(scratch) / "snapshot"
        if choices.describes:
            texts = Path(scratch) / "enrichment"
            settings = with_enrichment(settings, publisher, texts, choices.describing, _Log())
        manifest = publisher.rebuild(replace(settings, out=folder), choices.result, _Log())
        roots.model.mkdir(parents=True, exist_ok=True)
        for name in _ABOUT:
            shutil.copy(folder / name, roots.model)
    _said(manifest)


def _name_leader(hosts: Hosts) -> None:
    """Tell torch.distributed where the hosts meet, in the variables that torchrun would set."""
    if len(hosts.names) > 1:
        os.environ.setdefault("MASTER_ADDR", hosts.names[0])
        os.environ.setdefault("MASTER_PORT", _MEETING_PORT)
        for backend in ("GLOO", "NCCL"):
            os.environ.setdefault(f"{backend}_SOCKET_IFNAME", hosts.interface)


def _said(manifest: Mapping[str, Any]) -> None:
    """Print what came out, the figures in the form that the state machine's MetricDefinitions look for."""
    read, counts = manifest["run"]["read"], manifest["counts"]
    print(f"read {read['items']} items and {read['events']} events, {read['bad_row_count']} bad rows")
    for row in read["bad_rows"]:
        print(f"  {row['file']}:{row['line']}: {row['reason']}")
    print(f"left out {counts['erased_events']} events of erased users")
    for name, value in manifest["metrics"].get("validation", {}).get("after", {}).items():
        if isinstance(value, int | float):
            print(f"validation {name}={value:.6f};")
    print(f"snapshot {manifest['version']} after {manifest['run']['seconds']} s", flush=True)


class _Log:
    """Progress as lines of a log: each step once, and long ones now and then."""

    def __init__(self) -> None:
        self._step, self._said_at = "", 0.0

    def __call__(self, step: str, done: int, total: int) -> None:
        now = time.monotonic()
        if step != self._step or now - self._said_at >= _SAY_EVERY_S:
            print(f"{step} {done}/{total}", flush=True)
            self._step, self._said_at = step, now


def _stop(*_: object) -> NoReturn:
    os.write(1, b"told to stop; the checkpoints hold what is finished\n")  # print may be what was interrupted
    raise SystemExit(_STOPPED)


def _roots(arguments: Sequence[str] | None, environment: Mapping[str, str]) -> Roots:
    parser = argparse.ArgumentParser(prog="python -m endcap_rebuild.sagemaker", description=__doc__)
    parser.add_argument("command", choices=["train"], help="the argument that SageMaker starts a container with")
    parser.add_argument("--root", type=Path, default=ROOT, help="where the other folders lie by default")
    folders = {"input": "SM_INPUT_DIR", "checkpoints": None, "model": "SM_MODEL_DIR", "output": "SM_OUTPUT_DIR"}
    for name, variable in folders.items():
        found = environment.get(variable) if variable else None
        parser.add_argument(f"--{name}", type=Path, default=found, help=f"default: {variable or ''} or ROOT/{name}")
    given = parser.parse_args(arguments)
    return Roots(**{name: getattr(given, name) or given.root / name for name in folders})


if __name__ == "__main__":
    sys.exit(main())
