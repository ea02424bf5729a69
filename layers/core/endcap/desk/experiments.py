"""Experiments read and configured."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from endcap.desk.changes import Change, change
from endcap.errors import InvalidInputError, InvalidRequestError
from endcap.experiments.assignment import Experiment
from endcap.experiments.config import read_experiments
from endcap.operator.experiments import changes, mistakes
from endcap.operator.scenarios import check_seen, etag_of
from endcap.runtime import Runtime

Document = Mapping[str, Any]


def all_experiments(runtime: Runtime) -> dict[str, Any]:
    """Every experiment in the order of the document, and whether it runs.

    Raises
    ------
    InvalidInputError : what the bucket has can't be read
    """
    return _told(_read(runtime.experiments_document.found()[0]))


def put_experiments(runtime: Runtime, who: str, body: object, if_match: str | None) -> dict[str, Any]:
    """Configure all experiments.

    Raises
    ------
    InvalidRequestError : with every finding; also where one that is new or changed is surely a mistake
    PreconditionError : the document is not what the caller has seen
    """
    if not isinstance(body, dict):
        raise InvalidRequestError("the body must be an object")
    try:
        after = read_experiments(json.dumps(body).encode())
    except InvalidRequestError:
        raise
    except InvalidInputError as exc:
        raise InvalidRequestError(exc.errors) from exc

    def changed(known: Document) -> Change[Document]:
        if known["experiments"] or if_match is not None:
            check_seen(known, if_match)
        before, now_ms = _standing(known), int(time.time() * 1000)
        if wrong := list(mistakes(before, after, now_ms)):
            raise InvalidRequestError(wrong)
        done = tuple(changes(before, after, now_ms))
        return Change(body, "put_experiments", "experiments", known["experiments"], body["experiments"], done)

    return _told(change(runtime, runtime.experiments_document, who, _read, changed))


def planned(runtime: Runtime) -> tuple[Experiment, ...]:
    """The experiments that are configured; none where they can't be read."""
    data = runtime.experiments_document.found()[0]
    return read_experiments(data) if data else ()


def _standing(known: Document) -> tuple[Experiment, ...]:
    """What is configured so far; none where that can't be used, which is what the change mends."""
    try:
        return read_experiments(json.dumps(known).encode())
    except InvalidInputError:
        return ()


def _read(data: bytes) -> Document:
    document = json.loads(data) if data else {}
    return document if isinstance(document, dict) and "experiments" in document else {"experiments": []}


def _told(document: Document) -> dict[str, Any]:
    now_ms, read = int(time.time() * 1000), read_experiments(json.dumps(document).encode())
    pairs = zip(document["experiments"], read, strict=True)
    return {"etag": etag_of(document), "experiments": [_experiment(given, one, now_ms) for given, one in pairs]}


def _experiment(given: Mapping[str, Any], one: Experiment, now_ms: int) -> dict[str, Any]:
    state = "over" if one.over(now_ms) else "running" if one.running(now_ms) else "planned"
    times = {name: ms for name, ms in (("start", one.start_ms), ("end", one.end_ms)) if ms is not None}
    stated = {name: value for name, value in given.items() if value is not None and name not in ("start", "end")}
    variants = [{name: value for name, value in v.items() if value is not None} for v in given["variants"]]
    return {**stated, "variants": variants, **times, "state": state}
