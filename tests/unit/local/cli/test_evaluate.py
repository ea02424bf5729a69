"""`endcap evaluate` from the command line, on a toy shop."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from endcap.errors import InvalidInputError
from endcap_local.cli.app import app
from endcap_rebuild.evaluation import evaluate
from endcap_rebuild.settings import RebuildSettings
from tests.fakes.toy_shop import write_chain_shop
from tests.fakes.toy_snapshot import TINY_ENCODER


def test_command_prints_writes_and_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENDCAP_CACHE", str(tmp_path / "cache"))
    shop = write_chain_shop(tmp_path / "shop")
    options = ["--encoder", str(TINY_ENCODER), "--protocol", "leave-one-out", "--max-cases", "25", "--seed", "3"]
    files = ["--json", str(tmp_path / "report.json"), "--html", str(tmp_path / "report.html")]
    answer = CliRunner().invoke(app, ["evaluate", "--data", str(shop), *options, *files])
    assert answer.exit_code == 0, answer.output
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["questions"]["asked"] == 25
    assert report["seeds"] == [3]
    endcap = next(model for model in report["models"] if model["name"] == "endcap")
    for part in ("What the lists show", "exposure by brand", "by events of the history"):
        assert part in answer.output
    for part in ("shop, leave-one-out, budget fast", f"{endcap['ndcg_at_10']:.4f}", "neutral pipeline: 25 of 25"):
        assert part in answer.output
    assert "<svg" in (tmp_path / "report.html").read_text()


def test_report_on_stdout_is_json_and_nothing_else(tmp_path: Path) -> None:
    shop = write_chain_shop(tmp_path / "shop", n_users=20)
    options = ["--encoder", str(TINY_ENCODER), "--protocol", "leave-one-out", "--work", str(tmp_path / "work")]
    answer = CliRunner().invoke(app, ["evaluate", "--data", str(shop), *options, "--json", "-"])
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.stdout)["questions"]["asked"] == 20
    assert any((tmp_path / "work").glob("endcap-seed0-*.npz"))
    assert not any((tmp_path / "work").glob("steps-*"))


def test_device_is_the_one_asked_for_and_code_the_one_that_was_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def rebuilt(settings: RebuildSettings, *_: object) -> None:
        asked.append(settings.device)
        raise InvalidInputError("enough")

    monkeypatch.setattr(evaluate, "rebuild", rebuilt)
    monkeypatch.setattr(evaluate, "code_digest", lambda *_: pytest.fail("the files may have changed since"))
    shop = write_chain_shop(tmp_path / "shop", n_users=20)
    options = ["--encoder", str(TINY_ENCODER), "--work", str(tmp_path / "work"), "--device", "cuda"]
    answer = CliRunner().invoke(app, ["evaluate", "--data", str(shop), "--protocol", "leave-one-out", *options])
    assert isinstance(answer.exception, InvalidInputError)
    assert asked == ["cuda"]
