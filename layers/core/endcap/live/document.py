"""Documents of the data bucket that people edit: looked for now and then, the last good one kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Generic, Protocol, TypeVar

from aws_lambda_powertools.metrics import MetricUnit

from endcap.errors import EndcapError, InvalidInputError, NotFoundError
from endcap.live.polling import LastGood
from endcap.live.waiting import Clock, Waiting
from endcap.observability import logger, metrics

Content = TypeVar("Content")

CONFIGURATION_S: Final = 0.15
"""How long a request waits for a document at most: what was read of it before will do, and others want the time."""


class Document(Protocol):
    """Something in a bucket that is read again only when it has changed."""

    def read(self, known_etag: str | None) -> tuple[bytes, str] | None:
        """Bytes and ETag, or None where it is still the one with `known_etag`; NotFoundError where there is none."""


class _StillMistakenError(EndcapError):
    """The document is the one that could not be used before."""


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
        self._etag: str | None = None
        self._mistaken = False
        self._kept = LastGood[Content | None](None, poll_s, clock, waiting=waiting)

    def begin(self) -> None:
        """Look, if that is due; `current` waits for it."""
        self._kept.begin(self._look, self._failed)

    def current(self) -> Content | None:
        """The content as it is now; None where no usable document was ever read."""
        return self._kept.refreshed(self._look, self._failed, CONFIGURATION_S)

    def _look(self) -> Content | None:
        try:
            found = self._document.read(self._etag)
            if found is None:
                if self._mistaken:
                    raise _StillMistakenError(self._name)
                return self._kept.content
            self._etag, self._mistaken = found[1], True  # a bad document is not read again either, until it is mended
            content = self._content(found[0])
        except NotFoundError:
            self._etag, self._mistaken = None, False
            return self._empty
        self._mistaken = False
        return content

    def _content(self, data: bytes) -> Content:
        try:
            return self._read(data)
        except EndcapError:
            raise
        except Exception as exc:  # whatever odd bytes bring about, it is the document's fault, not a request's
            raise InvalidInputError(f"{self._name} can't be read: {exc!r}") from exc

    def _failed(self, exc: Exception) -> None:
        if not isinstance(exc, _StillMistakenError):
            logger.warning(f"{self._name} not usable", extra={"error": str(exc)})
        metrics.add_metric(f"{self._name.capitalize()}NotUsable", MetricUnit.Count, 1)
