"""What writers have answered about new items, and what that has cost: objects of the stack's bucket.

Each answer is an object of its own under its name, in the form of a line that `endcap enrich` writes, so that a rebuild
takes it for one. The ledger is one small document, changed on condition that it is still what was read.
"""

from __future__ import annotations

import contextlib
import json
import math
import random
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from endcap.aws.documents import EditedDocument
from endcap.errors import ConflictError, InvalidInputError, NotFoundError, StoredDataError

NEW_PREFIX: Final = "enrichment-new/"
LEDGER_KEY: Final = f"{NEW_PREFIX}ledger.json"
TRIES: Final = 10


class AnswerBucket:
    """Answers by their names, each a JSON object as `endcap.describing.lines` has it.

    Parameters
    ----------
    s3 : a boto3 S3 client
    """

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3, self._bucket = s3, bucket

    def get(self, key: str) -> Mapping[str, Any] | None:
        """An answer; None where nobody has asked, or what lies there is none.

        Raises
        ------
        ThrottledError, DependencyError
        """
        try:
            found = self._document(key).read()
            told = json.loads(found[0]) if found is not None else None
        except (NotFoundError, InvalidInputError, ValueError):
            return None
        return told if isinstance(told, dict) else None

    def put(self, key: str, answer: Mapping[str, Any]) -> None:
        """Keep an answer; the first one stays.

        Raises
        ------
        ThrottledError, DependencyError
        """
        body = json.dumps(answer, ensure_ascii=False).encode() + b"\n"
        with contextlib.suppress(ConflictError):  # another run was as quick
            self._document(key).write(body, None)

    def _document(self, key: str) -> EditedDocument:
        return EditedDocument(self._s3, self._bucket, f"{NEW_PREFIX}{key}.json")


class LedgerDocument:
    """What was spent, and what is set aside for what is being asked, US dollars.

    What was set aside by a run that was killed stays aside: the budget holds whatever happens.

    Parameters
    ----------
    s3 : a boto3 S3 client
    sleep : seconds
    """

    def __init__(self, s3: Any, bucket: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._document, self._sleep = EditedDocument(s3, bucket, LEDGER_KEY), sleep

    def spent(self) -> tuple[float, float]:
        """What was spent, and what is set aside.

        Raises
        ------
        StoredDataError, ThrottledError, DependencyError
        """
        return self._read()[:2]

    def reserve(self, usd: float, budget: float) -> bool:
        """Set so much aside, if spent and set aside together stay within the budget.

        Raises
        ------
        StoredDataError : the ledger can't be read, so nothing may be spent
        ConflictError, ThrottledError, DependencyError
        """

        def reserved(spent: float, aside: float) -> tuple[float, float] | None:
            return (spent, aside + usd) if spent + aside + usd <= budget else None

        return self._changed(reserved)

    def settle(self, reserved: float, spent: float) -> None:
        """Put what was spent in place of what was set aside.

        Raises
        ------
        StoredDataError, ConflictError, ThrottledError, DependencyError
        """
        self._changed(lambda before, aside: (before + spent, max(0.0, aside - reserved)))

    def _changed(self, change: Callable[[float, float], tuple[float, float] | None]) -> bool:
        for attempt in range(TRIES):
            spent, aside, etag = self._read()
            changed = change(spent, aside)
            if changed is None:
                return False
            # The random part tells writes apart: one whose answer was lost is known by its bytes.
            body = {"spent_usd": changed[0], "set_aside_usd": changed[1], "write": random.getrandbits(64)}  # nosec B311 # no secret
            try:
                self._document.write(json.dumps(body).encode(), etag)
            except ConflictError:
                self._sleep(random.uniform(0, 0.02 * 2**attempt))  # nosec B311 # a wait, no secret
                continue
            return True
        raise ConflictError("ledger: another writer won each time")

    def _read(self) -> tuple[float, float, str | None]:
        data, etag = self._document.found()
        if etag is None:
            return 0.0, 0.0, None
        try:
            told = json.loads(data)
            spent, aside = float(told["spent_usd"]), float(told["set_aside_usd"])
        except (KeyError, TypeError, ValueError) as exc:
            raise StoredDataError(f"{LEDGER_KEY} can't be read") from exc
        if not (math.isfinite(spent) and math.isfinite(aside) and spent >= 0 and aside >= 0):
            raise StoredDataError(f"{LEDGER_KEY} can't be read")
        return spent, aside, etag
