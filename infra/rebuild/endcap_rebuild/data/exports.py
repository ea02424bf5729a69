"""Exports of the stack's tables to S3: where their files lie, and what a row of them says.

`ExportTableToPointInTime` writes `<prefix>/AWSDynamoDB/<export id>/` with `manifest-summary.json`,
`manifest-files.json` and `data/*.json.gz`; each line of a data file is `{"Item": {name: {type: value}, ...}}`.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.Output.html
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from endcap.errors import InvalidInputError, InvalidItemError
from endcap.profiles.codec import ProfileFormatError, decode_profile
from endcap.profiles.consent import refuses
from endcap.profiles.links import floor_ms
from endcap.validation import timestamp_ms

_SUMMARY: Final = "manifest-summary.json"
_FILES: Final = "manifest-files.json"
NEVER_ERASED: Final = -1
"""Before every event: also those of time 0 stay."""
FOR_EVER: Final = 1 << 62
"""Later than every event."""


@dataclass(frozen=True)
class TableExport:
    """One export of a table, all of its files there.

    Attributes
    ----------
    exported_at_ms : the moment whose contents of the table it holds
    rows : how many rows its files hold together
    """

    exported_at_ms: int
    rows: int
    files: tuple[Path, ...]


def find_export(folder: Path) -> TableExport | None:
    """The newest finished export below `folder`; None where there is none.

    Only one is read: an item that was removed between two exports would come back with the older one.

    Raises
    ------
    InvalidInputError : an export was begun and none is finished, or a file that the manifest names is missing
    """
    found = [_read_export(summary) for summary in sorted(folder.rglob(_SUMMARY))]
    if not found and any(folder.rglob("AWSDynamoDB/*/_started")):
        raise InvalidInputError(f"{folder} holds an export that is not finished")
    return max(found, key=lambda export: export.exported_at_ms, default=None)


def is_exported(row: Mapping[str, Any]) -> bool:
    """Whether a row comes from an export, not from an import file."""
    return isinstance(row.get("Item"), Mapping) and "item_id" not in row and "id" not in row


def exported_document(row: Mapping[str, Any]) -> Any:
    """The item's JSON document that a row of the items table carries; None for a tombstone of a deleted item.

    Raises
    ------
    InvalidItemError : the row is not one of the items table
    """
    item = row["Item"]
    try:
        item["item_id"]["S"]
        return json.loads(item["document"]["S"]) if "document" in item else None
    except (KeyError, TypeError, ValueError) as exc:
        raise InvalidItemError("the row is not one of the items table") from exc


def exported_user_id(row: Mapping[str, Any]) -> str:
    """Whose row of the profiles table this is.

    Raises
    ------
    InvalidInputError : it is none
    """
    try:
        user_id = row["Item"]["user_id"]["S"]
    except (KeyError, TypeError) as exc:
        raise InvalidInputError("the row is not one of the profiles table") from exc
    return str(user_id)


def erased_until_ms(row: Mapping[str, Any]) -> int:
    """The time up to which the user of a row of the profiles table was erased, `NEVER_ERASED` for never.

    For an anonymous id that is the end of the last interval that belonged to a user who was erased. For one who refuses
    it is never over.

    Raises
    ------
    InvalidInputError : the profile can't be read
    """
    try:
        profile = decode_profile(base64.b64decode(row["Item"]["profile"]["B"], validate=True))
    except (KeyError, TypeError, ValueError, ProfileFormatError) as exc:
        raise InvalidInputError("the profile can't be read") from exc
    return FOR_EVER if refuses(profile) else floor_ms(profile.links, profile.deleted_at_ms)


def _read_export(summary: Path) -> TableExport:
    try:
        about = json.loads(summary.read_text(encoding="utf-8"))
        lines = (summary.parent / _FILES).read_text(encoding="utf-8").splitlines()
        names = [PurePosixPath(json.loads(line)["dataFileS3Key"]).name for line in lines if line.strip()]
        exported_at_ms, rows = timestamp_ms(about["exportTime"]), int(about["itemCount"])
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise InvalidInputError(f"the manifest of the export in {summary.parent} can't be read: {exc!r}") from exc
    files = tuple(summary.parent / "data" / name for name in sorted(names))
    if missing := [file.name for file in files if not file.is_file()]:
        raise InvalidInputError(f"the export in {summary.parent} lacks {', '.join(missing[:5])}")
    return TableExport(exported_at_ms, rows, files)
