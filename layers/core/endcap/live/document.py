"""Documents of the data bucket that people edit: looked for now and then, the last good one kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from aws_lambda_powertools.metrics import MetricUnit

from endcap.errors import NotFoundError
from endcap.live.polling import Clock, LastGood
from endcap.observability import logger, metrics

Content = TypeVar("Content")


class Document(Protocol):
    """Something in a bucket that is read again only when it has changed."""

    def read(self, known_etag: str | None) -> tuple[bytes, str] | None:
        """Bytes and ETag, or None where it is still the one with `known_etag`; NotFoundError where there is none."""


class Configured(Generic[Content]):
    """What a document says: looked for at most every `poll_s` seconds, the last good content kept.

    A document that can't be used is counted at every look until it is mended, so that an alarm stays on meanwhile; the
    log says once what is wrong with it.

    Parameters
    ----------
    name : of what it holds, for the log and the metric `<Name>NotUsable`
    read : its content; raises an EndcapError for a document that can't be used
    empty : the content where there is no document
    """

    def __init__(
        self,
        document: Document,
        name: str,
        read: Callable[[bytes], Content],
        empty: Content,
        poll_s: float,
        clock: Clock = time.monotonic,
    ) -> None:
        self._document, self._name, self._read, self._empty = document, name, read, empty
        self._etag: str | None = None
        self._mistaken = False
        self._kept = LastGood[Content | None](None, poll_s, clock)

    def current(self) -> Content | None:
        """The content as it is now; None where no usable document was ever read."""
        return self._kept.refreshed(self._look, self._failed)

    def _look(self) -> Content | None:
        try:
            found = self._document.read(self._etag)
            if found is None:
                if self._mistaken:
                    self._count()
                return self._kept.content
            self._etag, self._mistaken = found[1], True  # a bad document is not read again either, until it is mended
            content = self._read(found[0])
        except NotFoundError:
            self._etag, self._mistaken = None, False
            return self._empty
        self._mistaken = False
        return content

    def _failed(self, exc: Exception) -> None:
        logger.warning(f"{self._name} not usable", extra={"error": str(exc)})
        self._count()

    def _count(self) -> None:
        metrics.add_metric(f"{self._name.capitalize()}NotUsable", MetricUnit.Count, 1)
