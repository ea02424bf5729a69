"""The errors that Endcap raises.

EndcapError
├── InvalidInputError            the caller sent something unusable; a retry won't help
│   ├── InvalidInteractionError
│   ├── InvalidItemError
│   └── InvalidRequestError
├── UnauthorisedError            a token is no good; another one may be
├── ForbiddenError               the caller may not do this
├── TooManyRequestsError         the caller has had its share for now
├── NotFoundError                the thing named does not exist
├── PreconditionError            it is not what the caller has last seen, or they do not say what that was
├── NotConfiguredError           the stack has nothing that could do this
├── ConflictError                somebody else wrote first; read again and retry
├── ThrottledError               the service asks for patience; retry later
├── DependencyError              an AWS call failed for another reason; retry later
│   ├── DeadlineError            too little time was left to begin it; retry at once
│   └── RefusedError             the service will never take the call as it is
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


class UnauthorisedError(EndcapError):
    """A token is forged, expired or unreadable."""


class ForbiddenError(EndcapError):
    """The caller may not do this.

    Attributes
    ----------
    scopes : of which a token would need one; empty where no token would help
    """

    def __init__(self, message: str, scopes: Sequence[str] = ()) -> None:
        self.scopes = tuple(scopes)
        super().__init__(message)


class TooManyRequestsError(EndcapError):
    """The caller has had its share for now.

    Attributes
    ----------
    retry_after_s : whole seconds to wait
    """

    def __init__(self, message: str, retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message)


class NotFoundError(EndcapError):
    """The named user, item or snapshot does not exist."""


class PreconditionError(EndcapError):
    """Something was to be changed that is not as the caller has last seen it.

    Attributes
    ----------
    etag : of what it is now; empty where there is none
    given : whether the caller has said what they have seen
    """

    def __init__(self, message: str, etag: str = "", *, given: bool = True) -> None:
        self.etag, self.given = etag, given
        super().__init__(message)


class NotConfiguredError(EndcapError):
    """The stack was deployed without what this needs."""


class UnderWayError(EndcapError):
    """What is asked for is being done already, and can't be done twice at once."""


class ConflictError(EndcapError):
    """A conditional write lost against another writer after all retries."""


class ThrottledError(EndcapError):
    """AWS throttled the call; the source should retry later."""


class DependencyError(EndcapError):
    """An AWS call failed; the source should retry later."""


class DeadlineError(DependencyError):
    """Too little of the invocation's time was left; nothing is wrong, and the source should send it again."""


class RefusedError(DependencyError):
    """AWS finds the call itself wrong; the same call will fail the same way."""


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


class SnapshotOutdatedError(SnapshotError):
    """The snapshot is older than the current one, which only a rollback goes back from."""
