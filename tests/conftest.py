"""What every test runs under: one thread for each worker, the number of examples that properties try, the order."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import Phase, settings

# Workers share the cores, so threads of numpy inside of each only wait for one another. Read when numpy is imported.
if "PYTEST_XDIST_WORKER" in os.environ:
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")

# How long an example takes says nothing on cores that others use, too: hypothesis would fail one of more than 200 ms.
settings.register_profile("daily", settings.default, deadline=None)
settings.load_profile("daily")
# `make prove` looks at other examples in each run, also in CI, where those of `make test` are always the same.
settings.register_profile("prove", deadline=None, derandomize=False, print_blob=True)
# `make mutate` asks only whether a test fails, again and again: always of the same examples, and not of the smallest.
settings.register_profile(
    "mutate", derandomize=True, database=None, deadline=None, phases=(Phase.explicit, Phase.generate)
)

LAST: Final = Path(__file__).parent / "unit" / "endcap"
"""Nearly all short: where long files come last, one worker is still at one while the others have nothing left."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The order in which workers take files."""
    items.sort(key=lambda item: LAST in item.path.parents)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is collected stays until the end: to look through it for garbage over and over took a third of the time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session", autouse=True)
def _examined_here() -> Iterator[None]:
    """Promotions examine snapshots in this process; `tests/unit/endcap/snapshot/test_examination.py` starts others."""
    from endcap.snapshot import candidate
    from tests.fakes.promotions import examine_here

    with pytest.MonkeyPatch.context() as patches:
        patches.setattr(candidate, "examine", examine_here)
        yield
