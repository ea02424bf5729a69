"""Documents changed by operators: read, changed, written on condition that nobody else has, with an audit record."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from endcap.api.roles import Caller
from endcap.aws.documents import EditedDocument
from endcap.errors import ConflictError
from endcap.runtime import Runtime

Content = TypeVar("Content")
TRIES: Final = 4
NOBODY: Final = "nobody"
"""What a record calls a caller whom nothing but an address tells apart, which is no name."""


def who(caller: Caller | None) -> str:
    """What a record calls a caller: the person who has signed in, else the credential."""
    return NOBODY if caller is None else caller.person or NOBODY


@dataclass(frozen=True, slots=True)
class Change(Generic[Content]):
    """What a document is to hold afterwards, and what the audit record says of it.

    Attributes
    ----------
    done : each thing that it does, as (what, target), where it may do several or the part does not tell which
    """

    after: Content
    what: str
    target: str
    before_part: Any
    after_part: Any
    done: tuple[tuple[str, str], ...] = ()


def change(
    runtime: Runtime,
    document: EditedDocument,
    who: str,
    read: Callable[[bytes], Content],
    changed: Callable[[Content], Change[Content]],
) -> Content:
    """Change a document, whoever else writes other parts of it meanwhile; what it holds afterwards.

    Parameters
    ----------
    changed : raises where the change is not to be made

    Raises
    ------
    ConflictError : another writer won each time
    ThrottledError, DependencyError
    """
    for _ in range(TRIES):
        data, etag = document.found()
        made = changed(read(data))
        body = json.dumps(made.after, indent=1, ensure_ascii=False, sort_keys=True).encode()
        try:
            with noted(runtime, who, made.what, made.target, made.before_part, made.after_part, made.done):
                document.write(body, etag)
        except ConflictError:
            continue
        return made.after
    raise ConflictError("another writer won each time")


@contextmanager
def noted(
    runtime: Runtime,
    who: str,
    what: str,
    target: str,
    before: object = None,
    after: object = None,
    done: Sequence[tuple[str, str]] = (),
) -> Iterator[None]:
    """Leave an audit record of what the block does.

    Parameters
    ----------
    done : as a `Change` has it

    Raises
    ------
    ThrottledError, DependencyError : no record can be left, and nothing is done
    """
    record: dict[str, Any] = {
        "at": int(time.time() * 1000),
        "who": who,
        "what": what,
        "target": target,
        "before": before,
        "after": after,
    }
    if done:
        record["done"] = [{"what": one, "target": of} for one, of in done]
    with runtime.audit.noting(record):
        yield
