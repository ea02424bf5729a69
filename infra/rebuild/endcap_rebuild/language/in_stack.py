"""What a stack's own rebuild does about texts: takes what lies in the bucket, has the rest written, puts it back."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Final, Literal, Protocol

from endcap.aws.answers import LEDGER_KEY, NEW_PREFIX
from endcap.aws.converse import Converse
from endcap.describing.bedrock import BedrockWriter
from endcap.describing.lines import answer_of
from endcap.describing.prompt import DEFAULT
from endcap.describing.rules import RulesWriter
from endcap.describing.writer import FREE, Price, Writer
from endcap.errors import EndcapError
from endcap.observability import logger
from endcap_rebuild.language.enrich import META, EnrichSettings, enrich, meta_of
from endcap_rebuild.language.store import Store
from endcap_rebuild.progress import Progress, no_progress
from endcap_rebuild.settings import RebuildSettings

PREFIX: Final = "enrichment/"
"""Of the bucket: what `endcap enrich`, or a rebuild, has had written about the items."""
_READS: Final = 10  # side by side; boto3 keeps as many connections


@dataclass(frozen=True)
class WriterChoice:
    """Who writes in a rebuild of the stack.

    Attributes
    ----------
    kind : none takes what is there; the others write what is missing
    model : of bedrock
    budget : US dollars, of all that was ever written into the bucket together
    """

    kind: Literal["none", "rules", "bedrock"] = "none"
    model: str = ""
    price: Price = FREE
    budget: float = 0.0


class Bucket(Protocol):
    """As `Publisher` has it."""

    def fetch(self, prefix: str, folder: Path) -> None:
        """Files below a prefix."""

    def put(self, key: str, body: bytes) -> None:
        """Write an object."""

    def sizes(self, prefix: str) -> Mapping[str, int]:
        """Bytes of the objects below a prefix, by key."""

    def read(self, key: str) -> bytes:
        """The contents of an object."""


def with_enrichment(
    settings: RebuildSettings,
    bucket: Bucket,
    folder: Path,
    choice: WriterChoice,
    progress: Progress = no_progress,
    writer: Writer | None = None,
) -> RebuildSettings:
    """The settings with what was written about the items; as they are where nothing was.

    A writer that can't be asked stops no rebuild: what was written before is used, and what was paid for is put back
    whatever happens.

    Parameters
    ----------
    folder : a new one, for the files
    writer : the one of `choice` where None

    Raises
    ------
    ThrottledError, DependencyError : the bucket can't be read
    """
    bucket.fetch(PREFIX, folder)
    if (folder / META).exists():
        _take_new(bucket, Store(folder))
    if choice.kind != "none":
        with _put_back(bucket, folder):
            _write(settings, folder, choice, progress, writer)
    return replace(settings, enrichment=folder) if (folder / META).exists() else settings


def _take_new(bucket: Bucket, store: Store) -> None:
    """Take over what was written about new items as they came in."""

    def missing(key: str) -> bool:
        return key != LEDGER_KEY and not store.knows(PurePosixPath(key).stem)

    with ThreadPoolExecutor(_READS) as pool:
        found = list(pool.map(bucket.read, filter(missing, bucket.sizes(NEW_PREFIX))))
    lines = [line for line in map(_line, found) if line is not None]
    if lines:
        store.add_lines(lines)


def _line(body: bytes) -> dict[str, Any] | None:
    try:
        line = json.loads(body)
    except ValueError:
        return None
    return line if isinstance(line, dict) and "usd" in line and answer_of(line) is not None else None


def _write(
    settings: RebuildSettings, folder: Path, choice: WriterChoice, progress: Progress, writer: Writer | None
) -> None:
    asked = EnrichSettings(settings.data, folder, choice.price, choice.budget, reading=settings.reading)
    try:
        who = writer or _writer(choice)
        report = enrich(replace(asked, prompt=_prompt(folder, who)), who, progress)
    except EndcapError as exc:
        logger.warning("not all items could be described", extra={"reason": str(exc)})
        return
    logger.info("items described", extra={"enrichment": report})


def _prompt(folder: Path, writer: Writer) -> str:
    """As this writer was asked before, so that it is asked about new items alone; the usual one where it was not."""
    if not (folder / META).exists():
        return DEFAULT
    meta = meta_of(folder)
    return str(meta["prompt"]) if meta["writer"] == writer.name else DEFAULT


def _writer(choice: WriterChoice) -> Writer:
    return RulesWriter() if choice.kind == "rules" else BedrockWriter(choice.model, Converse())


@contextlib.contextmanager
def _put_back(bucket: Bucket, folder: Path) -> Iterator[None]:
    try:
        yield
    finally:
        for path in sorted(folder.glob("*")) if folder.exists() else ():
            if path.is_file() and not path.name.startswith("."):
                bucket.put(PREFIX + path.name, path.read_bytes())
