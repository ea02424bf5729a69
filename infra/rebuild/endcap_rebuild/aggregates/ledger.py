"""How much privacy of a data set has been spent, in a file.

Releases of one data set add up (sequential composition): epsilons and deltas are summed, whatever was released when.
What is spent is written down before anything is released, so that a release that breaks off has been paid for.
"""

from __future__ import annotations

import fcntl
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from endcap.errors import InvalidInputError
from endcap.snapshot.files import replace_file

DEFAULT_LIMIT: Final = 3.0
DEFAULT_DELTA_LIMIT: Final = 1e-5
_FORMAT: Final = 1
# Ten releases of 0.1 are not refused for the last bit of their sum.
_SLACK: Final = 1e-9


class BudgetError(InvalidInputError):
    """The release would spend more of the data set's privacy than its limit allows."""


@dataclass(frozen=True)
class Budget:
    """What was spent of one data set, and what may be."""

    epsilon: float
    delta: float
    epsilon_limit: float
    delta_limit: float


def spend(file: Path, dataset: str, epsilon: float, delta: float, limit: float | None, at: str) -> Budget:
    """Write a release into the ledger.

    Parameters
    ----------
    limit : of all epsilons together; None for the ledger's own, or `DEFAULT_LIMIT` for a new data set
    at : the time, as it is to be read

    Returns
    -------
    the budget with this release

    Raises
    ------
    BudgetError : more would be spent than the limit allows, or the limit is not the one that the ledger holds
    InvalidInputError : the ledger can't be read; nothing is spent, as nobody can say what was before
    """
    with _locked(file):
        ledger = _read(file)
        entry = ledger["datasets"].setdefault(
            dataset,
            {
                "epsilon_limit": DEFAULT_LIMIT if limit is None else limit,
                "delta_limit": DEFAULT_DELTA_LIMIT,
                "releases": [],
            },
        )
        if limit is not None and limit != entry["epsilon_limit"]:
            raise BudgetError(
                f"{file} holds {dataset} to epsilon {entry['epsilon_limit']:g} in all, not {limit:g}; "
                "a limit that moves is none, so it is changed there by hand or not at all"
            )
        entry["releases"].append({"at": at, "epsilon": epsilon, "delta": delta})
        budget = _budget(entry)
        for name, spent, most, own in (
            ("epsilon", budget.epsilon, budget.epsilon_limit, epsilon),
            ("delta", budget.delta, budget.delta_limit, delta),
        ):
            if not spent <= most * (1 + _SLACK):
                raise BudgetError(
                    f"{dataset} has {max(most - (spent - own), 0):.4g} of its {name} left, the release takes {own:g}"
                )
        content = json.dumps(ledger, ensure_ascii=False, indent=1, sort_keys=True) + "\n"

        def write(written: BinaryIO) -> None:
            written.write(content.encode())

        replace_file(file, write)
    return budget


def _budget(entry: Mapping[str, Any]) -> Budget:
    releases = entry["releases"]
    epsilon, delta = (math.fsum(release[name] for release in releases) for name in ("epsilon", "delta"))
    return Budget(epsilon, delta, float(entry["epsilon_limit"]), float(entry["delta_limit"]))


def _read(file: Path) -> dict[str, Any]:
    try:
        ledger = json.loads(file.read_text(encoding="utf-8"))
        usable = ledger["format"] == _FORMAT and all(_sound(entry) for entry in ledger["datasets"].values())
    except FileNotFoundError:
        return {"format": _FORMAT, "datasets": {}}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as exc:
        raise InvalidInputError(f"the ledger {file} can't be read: {exc!r}") from exc
    if not usable:
        raise InvalidInputError(f"the ledger {file} is damaged, or of another version")
    return dict(ledger)


def _sound(entry: Mapping[str, Any]) -> bool:
    numbers = [entry["epsilon_limit"], entry["delta_limit"]]
    numbers += [release[name] for release in entry["releases"] for name in ("epsilon", "delta")]
    return all(math.isfinite(number) and number >= 0 for number in numbers)


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """One release at a time: two that read the same ledger would each spend what is left."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.with_name(file.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
