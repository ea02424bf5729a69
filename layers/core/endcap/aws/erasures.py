"""The ledger of erasures: a DynamoDB table, and a copy in S3 that rebuilds read and that outlives the table.

The table holds a row for each erasure under its subject, one for the key that subjects are made with, and one for the
purge that is under way. The copy is one object for each erasure and one for the key, written once and never changed, so
that whatever is lost of either is in the other.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from endcap.aws.clients import aws_errors
from endcap.erasure.ledger import NEVER, Ledger, joined, ledger_key, ledger_of, new_secret
from endcap.erasure.receipt import Entry
from endcap.errors import ConflictError, DependencyError, StoredDataError
from endcap.pseudonyms import PseudonymKeys, names_of

PREFIX: Final = "erasures/"
KEY_NUMBER: Final = 1
_KEY_ROW: Final = f"key#{KEY_NUMBER}"
_ROUND_ROW: Final = "round"
_TOGETHER: Final = 100  # keys of a BatchGetItem
_TRIES: Final = 4
_SIDE_BY_SIDE: Final = 16


class LedgerCopy:
    """The ledger's copy in the data bucket.

    Parameters
    ----------
    s3 : a boto3 S3 client
    """

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3, self._bucket = s3, bucket

    def put_key(self, secret: bytes) -> None:
        """Keep the key; the same one gives the same object.

        Raises
        ------
        ThrottledError, DependencyError
        """
        self._put(f"key-{KEY_NUMBER}", {"number": KEY_NUMBER, "secret": secret.hex()})

    def put(self, subject: str, until_ms: int) -> None:
        """Keep an erasure, under a name that no other one has.

        Raises
        ------
        ThrottledError, DependencyError
        """
        self._put(f"{subject}/{until_ms}", {"subject": subject, "until_ms": until_ms})

    def read(self) -> Ledger | None:
        """The ledger, as far as it is copied; None where nothing is.

        Raises
        ------
        StoredDataError : an object is none of it
        ThrottledError, DependencyError
        """
        names = list(self._names())
        return ledger_of(row for name in names for row in self._rows(name)) if names else None

    def _put(self, name: str, row: Mapping[str, Any]) -> None:
        body = json.dumps(row, separators=(",", ":")).encode() + b"\n"
        with aws_errors("copy an erasure"):
            self._s3.put_object(
                Bucket=self._bucket, Key=f"{PREFIX}{name}.json", Body=body, ContentType="application/json"
            )

    def _names(self) -> Iterator[str]:
        with aws_errors("list the ledger's copy"):
            for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=PREFIX):
                yield from (entry["Key"] for entry in page.get("Contents", ()))

    def _rows(self, name: str) -> Iterator[Any]:
        with aws_errors("read the ledger's copy"):
            data = self._s3.get_object(Bucket=self._bucket, Key=name)["Body"].read()
        try:
            yield from (json.loads(line) for line in data.splitlines() if line.strip())
        except ValueError as exc:
            raise StoredDataError(f"{name} is no part of the ledger of erasures") from exc


class ErasureTable:
    """The ledger's table; what is put into it goes to the copy first.

    Parameters
    ----------
    dynamodb : a boto3 DynamoDB client
    copy : makes the copy's adapter when something is first put; None where nothing is
    pseudonym_keys : gets the keys of pseudonyms as they are now; None where the stack has none
    """

    def __init__(
        self,
        dynamodb: Any,
        table: str,
        copy: Callable[[], LedgerCopy] | None = None,
        clock: Callable[[], float] = time.time,
        pseudonym_keys: Callable[[], PseudonymKeys] | None = None,
    ) -> None:
        self._dynamodb, self._table, self._make_copy, self._clock = dynamodb, table, copy, clock
        self._pseudonym_keys = pseudonym_keys
        self._secret: bytes | None = None
        self._copy: LedgerCopy | None = None

    @property
    def secret(self) -> bytes:
        """The key that subjects are made with; made by whoever asks first, and then the same for all.

        Raises
        ------
        ThrottledError, DependencyError
        StoredDataError : the row of the key holds none
        """
        if self._secret is None:
            with aws_errors("read the ledger's key"):
                answer = self._dynamodb.update_item(
                    TableName=self._table,
                    Key={"subject": {"S": _KEY_ROW}},
                    UpdateExpression="SET secret = if_not_exists(secret, :secret)",
                    ExpressionAttributeValues={":secret": {"B": new_secret()}},
                    ReturnValues="ALL_NEW",
                )
            self._secret = _secret_of(answer.get("Attributes", {}))
        return self._secret

    def subject(self, key: str) -> str:
        """How the ledger names a profile key."""
        return ledger_key(key, self.secret)

    def until_ms(self, keys: Iterable[str]) -> dict[str, int]:
        """See `Erasures`; read anew each time, as what a warm function remembers would let the erased through."""
        secret = self._known_secret()
        if secret is None:
            return {}  # nobody ever was erased
        subjects = {ledger_key(key, secret): key for key in keys}
        names = sorted(subjects)
        parts = [names[first : first + _TOGETHER] for first in range(0, len(names), _TOGETHER)]
        if len(parts) > 1:
            with ThreadPoolExecutor(min(len(parts), _SIDE_BY_SIDE)) as readers:
                answers = list(readers.map(self._many, parts))
        else:
            answers = [self._many(part) for part in parts]
        rows = (row for answer in answers for row in answer if "until_ms" in row)
        return {subjects[row["subject"]["S"]]: int(row["until_ms"]["N"]) for row in rows}

    def put(self, key: str, until_ms: int) -> None:
        """See `Erasures`."""
        for name in self._names_of(key):
            self.put_subject(self.subject(name), until_ms)

    def put_subject(self, subject: str, until_ms: int) -> None:
        """Write an erasure down, where none that reaches as far is there."""
        if self._make_copy is not None:
            if self._copy is None:
                copy = self._make_copy()
                copy.put_key(self.secret)
                self._copy = copy
            self._copy.put(subject, until_ms)
        try:
            self._update(
                subject,
                "SET until_ms = :until, requested_ms = :now REMOVE purged_ms, scanned",
                {":until": _number(until_ms), ":now": _number(int(self._clock() * 1000))},
                "attribute_not_exists(until_ms) OR until_ms < :until",
            )
        except ConflictError:
            return

    def restore(self, ledger: Ledger) -> int:
        """Write down what another copy of this ledger holds and this one does not; how many entries that were.

        Raises
        ------
        StoredDataError : it is another stack's
        ThrottledError, DependencyError
        """
        secret = ledger.secrets.get(KEY_NUMBER)
        if secret is None:
            return 0
        with aws_errors("restore the ledger's key"):
            answer = self._dynamodb.update_item(
                TableName=self._table,
                Key={"subject": {"S": _KEY_ROW}},
                UpdateExpression="SET secret = if_not_exists(secret, :secret)",
                ExpressionAttributeValues={":secret": {"B": secret}},
                ReturnValues="ALL_NEW",
            )
        if _secret_of(answer.get("Attributes", {})) != secret:
            raise StoredDataError("the copy was made with another key: it is another stack's ledger")
        known = self.read()[0].entries
        missing = {s: until for s, until in ledger.entries.items() if until > known.get(s, NEVER)}
        for subject, until in sorted(missing.items()):
            self.put_subject(subject, until)
        return len(missing)

    def entry(self, key: str) -> Entry | None:
        """The latest erasure of a profile key, with what was removed of its pseudonyms; None where there is none.

        Raises
        ------
        ThrottledError, DependencyError
        """
        secret = self._known_secret()
        if secret is None:
            return None
        subject, *others = (ledger_key(name, secret) for name in self._names_of(key))
        entries = {e.subject: e for e in map(_entry, filter(_is_entry, self._many([subject, *others])))}
        if subject not in entries:
            return None
        return entries.pop(subject).with_others(list(entries.values()))

    def read(self) -> tuple[Ledger, list[Entry]]:
        """See `endcap.erasure.purge.Book`."""
        secrets: dict[int, bytes] = {}
        entries: list[Entry] = []
        with aws_errors("read the ledger"):
            for page in self._dynamodb.get_paginator("scan").paginate(TableName=self._table, ConsistentRead=True):
                for row in page["Items"]:
                    if row["subject"]["S"] == _KEY_ROW:
                        secrets[KEY_NUMBER] = _secret_of(row)
                    elif "until_ms" in row:
                        entries.append(_entry(row))
        rows = Ledger(secrets, {entry.subject: entry.until_ms for entry in entries})
        return joined([rows]), sorted(entries, key=lambda entry: (entry.requested_ms, entry.subject))

    def round(self) -> dict[str, Any] | None:
        """See `endcap.erasure.purge.Book`."""
        with aws_errors("read the purge"):
            row = self._dynamodb.get_item(
                TableName=self._table, Key={"subject": {"S": _ROUND_ROW}}, ConsistentRead=True
            ).get("Item")
        state: dict[str, Any] | None = json.loads(row["state"]["S"]) if row else None
        return state

    def save(self, state: Mapping[str, Any]) -> None:
        """See `endcap.erasure.purge.Book`."""
        text = json.dumps(state, separators=(",", ":"))
        self._update(_ROUND_ROW, "SET #state = :state", {":state": {"S": text}}, None, {"#state": "state"})

    def count(self, subject: str, store: str, removed: int, mark: str) -> None:
        """See `endcap.erasure.purge.Book`."""
        try:
            self._update(
                subject,
                "SET #removed = if_not_exists(#removed, :none) + :removed, mark = :mark",
                {":removed": _number(removed), ":none": _number(0), ":mark": {"S": mark}},
                "attribute_exists(until_ms) AND (attribute_not_exists(mark) OR mark <> :mark)",
                {"#removed": f"removed_{store}"},
            )
        except ConflictError:
            return  # it was counted, and the run ended before it was removed

    def finish(self, entry: Entry, at_ms: int, scanned: Mapping[str, int]) -> None:
        """See `endcap.erasure.purge.Book`."""
        try:
            self._update(
                entry.subject,
                "SET purged_ms = :at, scanned = :scanned REMOVE mark",
                {
                    ":at": _number(at_ms),
                    ":scanned": {"M": {name: _number(count) for name, count in scanned.items()}},
                    ":until": _number(entry.until_ms),
                },
                "until_ms = :until",
            )
        except ConflictError:
            return

    def _names_of(self, key: str) -> list[str]:
        """What the ledger has entries of for a profile key: itself, and every name that records may carry instead.

        The keys are read anew each time: one that was added a moment ago may be in use already.
        """
        return [key, *(names_of(key, self._pseudonym_keys()) if self._pseudonym_keys is not None else ())]

    def _known_secret(self) -> bytes | None:
        """The key, where anybody has made it."""
        if self._secret is None:
            for row in self._many([_KEY_ROW]):
                self._secret = _secret_of(row)
        return self._secret

    def _many(self, subjects: Sequence[str]) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        keys = [{"subject": {"S": subject}} for subject in subjects]
        asked: Mapping[str, Any] = {self._table: {"Keys": keys, "ConsistentRead": True}}
        for attempt in range(_TRIES):
            if attempt:
                time.sleep(0.02 * 2**attempt)
            with aws_errors("look erasures up"):
                answer = self._dynamodb.batch_get_item(RequestItems=asked)
            found += answer["Responses"].get(self._table, ())
            asked = answer.get("UnprocessedKeys") or {}
            if not asked:
                return found
        raise DependencyError("look erasures up: some were not answered")

    def _update(
        self,
        subject: str,
        expression: str,
        values: Mapping[str, Any],
        condition: str | None,
        names: Mapping[str, str] | None = None,
    ) -> None:
        more: dict[str, Any] = {"ConditionExpression": condition} if condition else {}
        more |= {"ExpressionAttributeNames": dict(names)} if names else {}
        with aws_errors("write an erasure down"):
            self._dynamodb.update_item(
                TableName=self._table,
                Key={"subject": {"S": subject}},
                UpdateExpression=expression,
                ExpressionAttributeValues=dict(values),
                **more,
            )


def _secret_of(row: Mapping[str, Any]) -> bytes:
    try:
        return bytes(row["secret"]["B"])
    except (KeyError, TypeError) as exc:
        raise StoredDataError("the ledger's key can't be read") from exc


def _is_entry(row: Mapping[str, Any]) -> bool:
    return "until_ms" in row


def _entry(row: Mapping[str, Any]) -> Entry:
    def number(name: str) -> int | None:
        return int(row[name]["N"]) if name in row else None

    removed = {name.removeprefix("removed_"): int(v["N"]) for name, v in row.items() if name.startswith("removed_")}
    scanned = {name: int(count["N"]) for name, count in row.get("scanned", {}).get("M", {}).items()}
    until = number("until_ms") or 0
    return Entry(row["subject"]["S"], until, number("requested_ms") or until, removed, number("purged_ms"), scanned)


def _number(value: int) -> dict[str, str]:
    return {"N": str(value)}
