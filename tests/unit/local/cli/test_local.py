"""What `endcap local` starts a stack with."""

from __future__ import annotations

from typing import Any

import pytest
from typer.testing import CliRunner

import endcap_local.stack
from endcap_local.cli.app import app


class _StartedError(Exception):
    pass


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The parameters of every stack that a command would have started."""
    found: list[Any] = []

    def stack(path: object, *, parameters: Any, **others: Any) -> Any:
        found.append(parameters)
        raise _StartedError

    monkeypatch.setattr(endcap_local.stack, "LocalStack", stack)
    return found


@pytest.mark.parametrize(
    ("given", "door"),
    [([], "on"), (["--param", "Storefront=off"], "off"), (["--template", "template.yaml"], None)],
)
def test_the_storefront_door_is_open_here_for_the_projects_own_template(
    started: list[Any], given: list[str], door: str | None
) -> None:
    CliRunner().invoke(app, ["local", "--port", "0", *given])
    (parameters,) = started
    assert parameters.get("Storefront") == door
