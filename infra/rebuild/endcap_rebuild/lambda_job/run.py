"""A rebuild within one call of Lambda, which gives up in time for a training job to take over."""

from __future__ import annotations

import resource
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from endcap.errors import EncoderError, EndcapError
from endcap.observability import logger
from endcap_rebuild.lambda_job.inputs import fetch
from endcap_rebuild.language.in_stack import with_enrichment
from endcap_rebuild.sagemaker.contract import Choices, settings_of
from endcap_rebuild.sagemaker.publishing import Publisher, with_keys

PUBLISHING_S: Final = 60.0
"""Kept for the end of a rebuild: writing, verifying and uploading, in which nothing asks for the time."""
_MEMORY_SHARE: Final = 0.95


class HandedOverError(EndcapError):
    """This call will not come to the end of the rebuild."""


def rebuild_here(
    bucket: Publisher,
    execution: str,
    choices: Choices,
    folder: Path,
    encoders: Path,
    left_s: Callable[[], float],
    memory_mb: int,
) -> dict[str, Any]:
    """Rebuild from what an execution has exported, and publish.

    Parameters
    ----------
    folder : on a disk that the inputs and three snapshots fit; emptied before and after
    encoders : where base encoders are looked for, as ENDCAP_ENCODERS says
    left_s : seconds that the call still has
    memory_mb : that it may take

    Returns
    -------
    {"snapshot": version, content hash, counts and parent}, or {"handed_over": why} where time or memory would not do,
    or an encoder is wanted that can't be made here

    Raises
    ------
    as `endcap_rebuild.job.rebuild` and `Publisher.publish` do
    """
    shutil.rmtree(folder, ignore_errors=True)
    try:
        fetch(bucket, execution, folder / "data", encoders)
        settings = settings_of(choices, folder / "data", folder / "out", folder)
        settings = with_keys(replace(settings, work=None), choices.pseudonym_secret)
        watch = _Watch(left_s, memory_mb)
        if choices.describes:
            settings = with_enrichment(settings, bucket, folder / "enrichment", choices.describing, watch)
        manifest = bucket.rebuild(settings, progress=watch)
    except (HandedOverError, MemoryError, EncoderError) as exc:
        reason = str(exc) or type(exc).__name__
        logger.warning("rebuild handed over", extra={"reason": reason})
        return {"handed_over": reason}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {"snapshot": {name: manifest[name] for name in ("version", "content_hash", "counts", "parent_version")}}


class _Watch:
    """Progress as lines of the log; ends the rebuild when the call's time or memory nearly is."""

    def __init__(self, left_s: Callable[[], float], memory_mb: int) -> None:
        self._left_s, self._memory_mb = left_s, memory_mb
        self._step = ""

    def __call__(self, step: str, done: int, total: int) -> None:
        if step != self._step:
            self._step = step
            logger.info("rebuilding", extra={"step": step, "left_s": round(self._left_s()), "used_mb": _used_mb()})
        if self._left_s() < PUBLISHING_S:
            raise HandedOverError(f"less than {PUBLISHING_S:.0f} s are left, and it is at {step} {done}/{total}")
        if _used_mb() > self._memory_mb * _MEMORY_SHARE:
            raise HandedOverError(f"{_used_mb()} of {self._memory_mb} MB are taken, and it is at {step} {done}/{total}")


def _used_mb() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (1024 * 1024) if sys.platform == "darwin" else peak // 1024
