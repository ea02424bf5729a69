import json
from pathlib import Path
from typing import Any

import pytest

from endcap.erasure.ledger import Ledger, ledger_key
from endcap.errors import InvalidInputError
from endcap.events.interaction import Interaction
from endcap_rebuild.data.erasures import Erased, erased_of, ledger_at, read_ledger
from endcap_rebuild.data.reading import ReadReport
from tests.fakes.table_export import export_files

SECRET = b"\xaa" * 32
LEDGER = Ledger({1: SECRET}, {ledger_key("ann", SECRET): 7})
VIEW = {"user_id": "ann", "event_type": "view", "item_id": "i", "timestamp": 1}


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def lines(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def exported(ledger: Ledger = LEDGER) -> dict[str, bytes]:
    rows: list[dict[str, Any]] = [{"subject": {"S": "round"}, "state": {"S": "{}"}}]
    rows += [{"subject": {"S": f"key#{n}"}, "secret": {"B": secret}} for n, secret in ledger.secrets.items()]
    rows += [
        {"subject": {"S": s}, "until_ms": {"N": str(until)}, "requested_ms": {"N": "9"}}
        for s, until in ledger.entries.items()
    ]
    return {f"erasures/{name}": data for name, data in export_files(rows).items()}


def copied(ledger: Ledger = LEDGER) -> dict[str, bytes]:
    return {f"erasures/{n}.json": lines([row]) for n, row in enumerate(ledger.rows())}


@pytest.mark.parametrize("files", [exported(), copied(), {"erasures/all.jsonl": lines(LEDGER.rows())}])
def test_a_ledger_is_read_from_an_export_of_its_table_and_from_its_copy(
    tmp_path: Path, files: dict[str, bytes]
) -> None:
    write(tmp_path, files)
    assert read_ledger(tmp_path / "erasures") == LEDGER
    assert ledger_at(str(tmp_path)) == ledger_at(str(tmp_path / "erasures")) == LEDGER


def test_an_export_of_an_empty_table_is_a_ledger_that_names_nobody(tmp_path: Path) -> None:
    write(tmp_path, {f"erasures/{name}": data for name, data in export_files([]).items()})
    assert read_ledger(tmp_path / "erasures") == Ledger()
    assert read_ledger(tmp_path / "elsewhere") is None


@pytest.mark.parametrize("damage", [b"no json\n", b'{"subject": "ann", "until_ms": 3}\n', b'{"who": 1}\n'])
def test_half_a_ledger_is_refused(tmp_path: Path, damage: bytes) -> None:
    with pytest.raises(InvalidInputError):
        read_ledger(write(tmp_path, {**copied(), "erasures/odd.json": damage}) / "erasures")


def test_an_archive_is_refused_without_a_ledger_and_read_with_any(tmp_path: Path) -> None:
    archive = write(tmp_path / "archive", {"events/2026/01/02/a.jsonl": lines([VIEW])})
    with pytest.raises(InvalidInputError, match="no ledger of erasures"):
        erased_of(archive, ReadReport())
    assert erased_of(archive, ReadReport(), LEDGER).ledger == LEDGER
    assert erased_of(archive, ReadReport(), without_ledger=True) == Erased()
    before = {f"profiles/{name}": data for name, data in export_files([]).items()}
    assert erased_of(write(archive, before), ReadReport()) == Erased()


def test_files_of_the_import_format_need_none_and_take_one(tmp_path: Path) -> None:
    write(tmp_path, {"events.csv": b"user_id,item_id,event_type,timestamp\n"})
    assert erased_of(tmp_path, ReadReport()) == erased_of(tmp_path / "events.csv", ReadReport()) == Erased()
    assert erased_of(tmp_path / "events.csv", ReadReport(), LEDGER).ledger == LEDGER


def test_ledgers_of_two_stacks_are_not_put_together(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError):
        erased_of(write(tmp_path, copied()), ReadReport(), Ledger({1: b"another"}))


def test_events_are_left_out_by_ledger_and_by_profile() -> None:
    report = ReadReport()
    identify = Interaction("x", "cat", "identify", 3, anonymous_id="cookie")
    events = [
        Interaction(f"e{n}", who, "view", at, "i") for n, (who, at) in enumerate([("ann", 7), ("ann", 8), ("bob", 5)])
    ]
    entries = {**LEDGER.entries, ledger_key("anon:cookie", SECRET): 3}
    erased = Erased(Ledger({1: SECRET}, entries), {"bob": 5})
    assert list(erased.without([*events, identify], report)) == [events[1]]
    assert report.erased_events == 3
