"""`endcap export aggregates` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from endcap.errors import InvalidInputError
from endcap_local.cli.app import app
from tests.fakes.toy_shop import write_chain_shop


def test_command_writes_tables_and_says_what_is_left(tmp_path: Path) -> None:
    pytest.importorskip("pydp", reason="python-dp has no wheel for this machine")
    shop = write_chain_shop(tmp_path / "shop")
    options = ["export", "aggregates", "--data", str(shop), "--out", str(tmp_path / "out"), "--limit", "1.5"]
    answer = CliRunner().invoke(app, [*options, "--epsilon", "1"])
    assert answer.exit_code == 0, answer.output
    assert "shop: epsilon 1 of 1.5" in answer.output
    assert len((tmp_path / "out" / "popularity.csv").read_text().splitlines()) == 1 + 40
    again = CliRunner().invoke(app, [*options, "--epsilon", "1"])
    assert isinstance(again.exception, InvalidInputError)
    half = CliRunner().invoke(app, [*options, "--epsilon", "0.5", "--json"])
    assert json.loads(half.stdout)["budget"]["epsilon"] == 1.5


def test_epsilon_has_to_be_said_and_to_make_sense(tmp_path: Path) -> None:
    options = ["export", "aggregates", "--data", str(tmp_path), "--out", str(tmp_path / "out")]
    assert CliRunner().invoke(app, options).exit_code == 2
    assert isinstance(CliRunner().invoke(app, [*options, "--epsilon", "0"]).exception, InvalidInputError)
