"""The errors that Endcap raises.

EndcapError
├── InvalidInputError            the caller sent something unusable; a retry won't help
│   ├── InvalidInteractionError
│   ├── InvalidItemError
│   └── InvalidRequestError
├── NotFoundError                the thing named does not exist
├── ConflictError                somebody else wrote first; read again and retry
├── ThrottledError               the service asks for patience; retry later
├── DependencyError              an AWS call failed for another reason; retry later
├── StoredDataError              what is stored can't be read; somebody has to look at it
├── EncoderError                 an encoder file is unusable or fails to run
└── SnapshotError
    ├── SnapshotMissingError     no snapshot has been promoted yet
    └── SnapshotIntegrityError   a snapshot's files do not match its manifest or the format
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict


class FieldError(TypedDict):
    """One thing wrong with one field; `field` is a dotted path, "" for the whole input."""

    field: str
    message: str


class EndcapError(Exception):
    """Base of every error that Endcap raises on purpose."""


class InvalidInputError(EndcapError):
    """The input can never be accepted as it is.

    Attributes
    ----------
    errors : what is wrong, one entry per finding
    """

    def __init__(self, errors: Sequence[FieldError] | str) -> None:
        if isinstance(errors, str):
            errors = [FieldError(field="", message=errors)]
        self.errors: list[FieldError] = list(errors)
        super().__init__(
            "; ".join(f"{e['field']}: {e['message']}" if e["field"] else e["message"] for e in self.errors)
        )


class InvalidInteractionError(InvalidInputError):
    """An interaction breaks the event format."""


class InvalidItemError(InvalidInputError):
    """An item breaks the item format."""


class InvalidRequestError(InvalidInputError):
    """A request's body or parameters can't be used."""


class NotFoundError(EndcapError):
    """The named user, item or snapshot does not exist."""


class ConflictError(EndcapError):
    """A conditional write lost against another writer after all retries."""


class ThrottledError(EndcapError):
    """AWS throttled the call; the source should retry later."""


class DependencyError(EndcapError):
    """An AWS call failed; the source should retry later."""


class StoredDataError(EndcapError):
    """What is stored is damaged, or of a format that this version does not read."""


class EncoderError(EndcapError):
    """An encoder can't be loaded or run."""


class SnapshotError(EndcapError):
    """A snapshot can't be used."""


class SnapshotMissingError(SnapshotError):
    """No snapshot has been promoted yet."""


class SnapshotIntegrityError(SnapshotError):
    """A snapshot's files do not match its manifest, or break the format."""
