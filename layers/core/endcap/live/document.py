"""Documents of the data bucket that people edit: looked for now and then, the last good one kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Generic, Protocol, TypeVar

from aws_lambda_powertools.metrics import MetricUnit

from endcap.errors import EndcapError, InvalidInputError, NotFoundError
from endcap.live.polling import LastGood
from endcap.live.waiting import Clock, Waiting
from endcap.observability import logger, metrics

Content = TypeVar("Content")

CONFIGURATION_S: Final = 0.15
"""How long a request waits for a document at most, of `READS_S`: what was read of it before will do, and others want
the time."""


class Document(Protocol):
    """Something in a bucket that is read again only when it has changed."""

    def read(self, known_etag: str | None) -> tuple[bytes, str] | None:
        """Bytes and ETag, or None where it is still the one with `known_etag`; NotFoundError where there is none."""


@dataclass(frozen=True)
class _Seen(Generic[Content]):
    """What a look has seen: the last good content, which document is there now, and what is wrong with that."""

    content: Content | None = None
    etag: str | None = None
    problem: Exception | None = None


class Configured(Generic[Content]):
    """What a document says: looked for at most every `poll_s` seconds, the last good content kept.

    A document that can't be used is counted at every look until it is mended, so that an alarm stays on meanwhile; the
    log says once what is wrong with it.

    Parameters
    ----------
    name : of what it holds, for the log and the metric `<Name>NotUsable`
    read : its content; raises for a document that can't be used
    empty : the content where there is no document
    waiting : of the requests that are served meanwhile; looks are then made beside them
    """

    def __init__(
        self,
        document: Document,
        name: str,
        read: Callable[[bytes], Content],
        empty: Content,
        poll_s: float,
        clock: Clock = time.monotonic,
        waiting: Waiting | None = None,
    ) -> None:
        self._document, self._name, self._read, self._empty = document, name, read, empty
        self._waiting = waiting
        self._kept = LastGood[_Seen[Content]](_Seen(), poll_s, clock, waiting=waiting)

    def current(self) -> Content | None:
        """The content as it is now, or as it was where a request is hurried; None where none was ever usable."""
        before = self._kept.content
        hurried = self._waiting is not None and self._waiting.hurried and before.content is not None
        usual_s = CONFIGURATION_S if self._waiting is None else self._waiting.of_patience(CONFIGURATION_S)
        wait_s = 0.0 if hurried else usual_s
        seen = self._kept.refreshed(partial(self._look, before), self._failed, wait_s)
        if seen is not before and seen.problem is not None:
            if seen.etag != before.etag:
                self._log(seen.problem)
            self._count()
        return seen.content

    def latest(self) -> Content | None:
        """The same, without waiting for a look where anything is known: for what every request asks for."""
        if self._kept.content.content is None:
            return self.current()
        before = self._kept.content
        seen = self._kept.refreshed(partial(self._look, before), self._failed, 0)
        if seen is not before and seen.problem is not None and seen.etag != before.etag:
            self._log(seen.problem)
            self._count()
        return seen.content

    def _look(self, known: _Seen[Content]) -> _Seen[Content]:
        try:
            found = self._document.read(known.etag)
        except NotFoundError:
            return _Seen(self._empty)
        if found is None:  # a bad document is not read again either, until it is mended
            return replace(known)
        try:
            return _Seen(self._content(found[0]), found[1])
        except EndcapError as exc:
            return _Seen(known.content, found[1], exc)

    def _content(self, data: bytes) -> Content:
        try:
            return self._read(data)
        except EndcapError:
            raise
        except Exception as exc:  # whatever odd bytes bring about, it is the document's fault, not a request's
            raise InvalidInputError(f"{self._name} can't be read: {exc!r}") from exc

    def _failed(self, exc: Exception) -> None:
        self._log(exc)
        self._count()

    def _log(self, exc: Exception) -> None:
        logger.warning(f"{self._name} not usable", extra={"error": str(exc)})

    def _count(self) -> None:
        metrics.add_metric(f"{self._name.capitalize()}NotUsable", MetricUnit.Count, 1)
