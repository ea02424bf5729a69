"""What SageMaker hands to a training container: folders, choices, channels and hosts."""

from __future__ import annotations

import base64
import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from endcap.describing.writer import FREE, Price, price_of
from endcap.errors import InvalidInputError
from endcap.events.contexts import CONTEXT_NAMES
from endcap.events.types import event_types
from endcap.snapshot.fairness import FairnessLimits
from endcap_rebuild.data.options import ALLOWED_BAD, ReadOptions
from endcap_rebuild.data.row_weights import NEXT_TARGET
from endcap_rebuild.language.in_stack import WriterChoice
from endcap_rebuild.settings import RebuildSettings

ROOT: Final = Path("/opt/ml")
TABLE_CHANNELS: Final = frozenset({"items", "events", "profiles", "erasures"})
"""Channels that together are one folder to read: three table exports and the archive."""
CODE_CHANNEL: Final = "code"
"""What an image that is not ours runs; no data."""
INPUT_NAMES: Final = frozenset(
    {
        *("budget", "encoder", "student", "teacher", "teacher_prompt", "context", "device", "seed"),
        *("target", "keep_outliers", "max_gini", "min_coverage", "max_popularity_lift", "enrichment", "writer"),
        *("instance_type", "instance_count", "volume_gb", "max_seconds", "spot", "force", "allow_bad", "way"),
    }
)
"""What the input of an execution of the state machine may set."""
WRITERS: Final = ("none", "rules", "bedrock")
_MAX_REASON: Final = 1_024  # characters of the failure file that SageMaker reports


@dataclass(frozen=True)
class Roots:
    """Where things lie in the container.

    Attributes
    ----------
    input : `config/*.json` and `data/<channel>/`
    checkpoints : kept in S3 while the job runs, and there again after an interruption
    model : becomes model.tar.gz
    output : `failure` says why a job failed
    """

    input: Path
    checkpoints: Path
    model: Path
    output: Path

    def fail(self, reason: str) -> None:
        """Leave the reason where SageMaker looks for it."""
        self.output.mkdir(parents=True, exist_ok=True)
        (self.output / "failure").write_text(reason[:_MAX_REASON], encoding="utf-8")


@dataclass(frozen=True)
class Choices:
    """The hyperparameters of a job; SageMaker hands all of them over as text.

    Attributes
    ----------
    bucket : where the snapshot is published; "" leaves it in the model folder
    result : key of the object that says in the bucket what came out; "" for none
    event_weights_base64 : the storefront's own weights, a JSON object as in the stack's EventWeights; in base64, as it
        passes through templates on its way
    student, teacher : as `RebuildSettings` has them
    teacher_prompt : likewise; "auto" stands for None. Where it begins with a quotation mark it is a string of JSON, as
        a hyperparameter can hold no line break
    context_names : likewise; with commas between them
    target, keep_outliers : likewise
    enrichment : whether what was written about the items lies in the bucket, and is to be used
    writer, writer_model, writer_price, writer_budget : who writes what is missing, see `WriterChoice`; but for none
        it is used, too
    excluded_users_base64 : keys of profiles whose events are left out, as in the stack's ExcludedUsers; in base64
    max_gini, min_coverage, max_popularity_lift : as `FairnessLimits` has them; "null" stands for None
    allow_bad : share of unusable rows above which nothing is made of the others, see `ReadOptions`
    pseudonym_secret : ARN of the secret with the keys of the archive's pseudonyms; "" where it has none
    """

    budget: str = "full"
    encoder: str = "auto"
    device: str = "auto"
    seed: int = 0
    bucket: str = ""
    result: str = ""
    event_weights_base64: Mapping[str, object] = field(default_factory=dict)
    student: bool = False
    teacher: str = ""
    teacher_prompt: str | None = None
    context_names: tuple[str, ...] = CONTEXT_NAMES
    allow_bad: float = ALLOWED_BAD
    target: str = NEXT_TARGET
    keep_outliers: bool = False
    excluded_users_base64: frozenset[str] = frozenset()
    max_gini: float | None = None
    min_coverage: float | None = None
    max_popularity_lift: float | None = None
    pseudonym_secret: str = ""
    enrichment: bool = False
    writer: Literal["none", "rules", "bedrock"] = "none"
    writer_model: str = ""
    writer_price: Price = FREE
    writer_budget: float = 0.0

    @property
    def describes(self) -> bool:
        """Whether texts about the items are to be used."""
        return self.enrichment or self.writer != "none"

    @property
    def describing(self) -> WriterChoice:
        """Who writes them."""
        return WriterChoice(self.writer, self.writer_model, self.writer_price, self.writer_budget)


@dataclass(frozen=True)
class Hosts:
    """The machines of a job: `names` in one order on all of them, `current` is this one."""

    names: tuple[str, ...] = ("algo-1",)
    current: str = "algo-1"
    interface: str = ""

    @property
    def index(self) -> int:
        """Number of this machine; 0 leads."""
        return self.names.index(self.current)


def read_choices(roots: Roots) -> Choices:
    """The hyperparameters of a job; raises as `choices_of` does."""
    return choices_of(_read(roots, "hyperparameters.json"))


def choices_of(hyperparameters: Mapping[str, Any]) -> Choices:
    """What hyperparameters say.

    Raises
    ------
    InvalidInputError : one is unknown or unusable
    """
    given = dict(hyperparameters)
    _check_input(given.pop("execution_input", "{}"))
    if unknown := sorted(set(given) - set(Choices.__dataclass_fields__)):
        raise InvalidInputError(
            f"no such hyperparameter: {', '.join(unknown)}; there are {', '.join(Choices.__dataclass_fields__)}"
        )
    fields: dict[str, Any] = dict(given)
    for name, parse in _PARSED.items():
        if name in fields:
            try:
                fields[name] = parse(fields[name])
            except (TypeError, ValueError) as exc:
                raise InvalidInputError(f"hyperparameter {name}: {exc}") from exc
    return Choices(**fields)


def _check_input(text: str) -> None:
    """Refuse names that the state machine would pass over; it can check values, but has no way to list names."""
    try:
        names = set(json.loads(text))
    except (TypeError, ValueError) as exc:
        raise InvalidInputError(f"the input of the execution: {exc}") from exc
    if unknown := sorted(names - INPUT_NAMES):
        raise InvalidInputError(
            f"the input of the execution sets {', '.join(unknown)}; there are {', '.join(sorted(INPUT_NAMES))}"
        )


def _weights(text: str) -> dict[str, object]:
    weights = json.loads(base64.b64decode(text, validate=True))
    if not isinstance(weights, dict):
        raise ValueError("must be a JSON object")
    event_types(weights)
    return weights


def _share(text: str) -> float:
    return ReadOptions(allow_bad=float(text)).allow_bad


def _yes_or_no(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("must be true or false")
    return text == "true"


def _writer(text: str) -> str:
    if text not in WRITERS:
        raise ValueError(f"must be one of {', '.join(WRITERS)}")
    return text


def _money(text: str) -> float:
    if not (math.isfinite(budget := float(text)) and budget >= 0):
        raise ValueError("must be US dollars, 0 or more")
    return budget


def _prompt(text: str) -> str | None:
    prompt: str = json.loads(text) if text.startswith('"') else text
    return None if prompt == "auto" else prompt


def _limit(text: str) -> float | None:
    if text == "null":
        return None
    if not math.isfinite(limit := float(text)):
        raise ValueError("must be a finite number, or null")
    return limit


_PARSED: Final[Mapping[str, Callable[[str], object]]] = {
    "seed": int,
    "allow_bad": _share,
    "event_weights_base64": _weights,
    "excluded_users_base64": lambda text: frozenset(base64.b64decode(text, validate=True).decode().split()),
    "student": _yes_or_no,
    "keep_outliers": _yes_or_no,
    "enrichment": _yes_or_no,
    "writer": _writer,
    "writer_price": lambda text: price_of(text) if text else FREE,
    "writer_budget": _money,
    **dict.fromkeys(("max_gini", "min_coverage", "max_popularity_lift"), _limit),
    "teacher_prompt": _prompt,
    "context_names": lambda text: tuple(name.strip() for name in text.split(",") if name.strip()),
}


def settings_of(choices: Choices, data: Path, out: Path, kept: Path) -> RebuildSettings:
    """What a rebuild on one machine is asked to do.

    Parameters
    ----------
    kept : folder of what is not done twice: text vectors, encoders, finished steps
    """
    return RebuildSettings(
        data,
        out,
        encoder=choices.encoder,
        budget=choices.budget,
        seed=choices.seed,
        event_weights=choices.event_weights_base64,
        cache=kept / "cache",
        work=kept / "work",
        threads=os.cpu_count() or 1,
        device=choices.device,
        student=choices.student,
        teacher=choices.teacher,
        teacher_prompt=choices.teacher_prompt,
        context_names=choices.context_names,
        reading=ReadOptions(allow_bad=choices.allow_bad, excluded=choices.excluded_users_base64),
        target=choices.target,
        keep_outliers=choices.keep_outliers,
        fairness=FairnessLimits(choices.max_gini, choices.min_coverage, choices.max_popularity_lift),
    )


def data_folder(roots: Roots) -> Path:
    """The folder to read.

    Either the channels are `items`, `events`, `profiles` and `erasures`, as the state machine has them, or there is one
    channel with any other name that holds a whole folder in the import format.

    Raises
    ------
    InvalidInputError : neither
    """
    channels = set(_read(roots, "inputdataconfig.json")) - {CODE_CHANNEL}
    if channels <= TABLE_CHANNELS:
        return roots.input / "data"
    if len(channels) > 1:
        names = ", ".join(sorted(channels))
        raise InvalidInputError(
            f"channels {names}: give items, events, profiles and erasures, or a single one with everything"
        )
    return roots.input / "data" / channels.pop()


def read_hosts(roots: Roots) -> Hosts:
    """The machines of the job; one where nothing is said.

    Raises
    ------
    InvalidInputError : this machine is not among them
    """
    given = _read(roots, "resourceconfig.json")
    if not given:
        return Hosts()
    hosts = Hosts(
        tuple(sorted(given.get("hosts", ()))),
        str(given.get("current_host", "")),
        str(given.get("network_interface_name", "")),
    )
    if hosts.current not in hosts.names:
        raise InvalidInputError(f"resourceconfig.json: host {hosts.current!r} is not among {', '.join(hosts.names)}")
    return hosts


def _read(roots: Roots, name: str) -> dict[str, Any]:
    path = roots.input / "config" / name
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as exc:
        raise InvalidInputError(f"{path} can't be read: {exc}") from exc
    if not isinstance(value, dict):
        raise InvalidInputError(f"{path} holds no object")
    return value
