"""What every command that serves needs: options, the template, a free port, an orderly end."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, get_type_hints

import typer

from endcap_rebuild.data.options import ALLOWED_BAD, AUTO, FORMATS, ReadOptions

if TYPE_CHECKING:
    from endcap.pseudonyms import PseudonymKeys

_READING = "How the files are read"

FOLDER = "Folder with items.jsonl[.gz] and events.csv[.gz], or files in any other format of docs/data.md."
Data = Annotated[Path, typer.Option(help=FOLDER)]

Bucket = Annotated[str | None, typer.Option(help="The stack's data bucket.", envvar="DATA_BUCKET")]

PromoteFunction = Annotated[
    str | None,
    typer.Option(
        "--function",
        envvar="PROMOTE_FUNCTION",
        help="The stack's promote function, which alone may sign: let it do this.",
    ),
]
SnapshotKey = Annotated[
    str | None,
    typer.Option("--key", envvar="SNAPSHOT_KEY", help="ARN of the key to sign with here, as on a local stack."),
]

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of prose.")]
Port = Annotated[int, typer.Option(help="Port of the API on 127.0.0.1; 0 for a free one.")]
Template = Annotated[Path | None, typer.Option(help="The SAM template.", show_default="template.yaml")]
Encoder = Annotated[
    str, typer.Option(help="auto (measured where there are events), multilingual, english, or a folder.")
]

Target = Annotated[
    Literal["next", "liked"],
    typer.Option(help="next: what is chosen next, however it is graded; liked: only what turns out well."),
]
LedgerPlace = Annotated[
    str | None, typer.Option("--ledger", help="Whom to leave out: a copy of erasures/, or s3://BUCKET that holds it.")
]
WithoutLedger = Annotated[
    bool, typer.Option("--without-ledger", help="Read an archive that has no ledger, the erased included.")
]

Student = Annotated[
    bool, typer.Option("--student", help="Train a text encoder on the events; shipped if it is better. Needs torch.")
]
Teacher = Annotated[str, typer.Option(help="Of the student: a folder, a hub name, or the name of a base encoder.")]
KeysOfPseudonyms = Annotated[
    str | None,
    typer.Option("--pseudonym-keys", help="Of an archive's pseudonyms: ARN of the stack's secret, or a file of it."),
]
TeacherPrompt = Annotated[str | None, typer.Option(help="Put before each text that the teacher reads.")]


Source = Annotated[
    str, typer.Option("--from", help=f"Format of the files: {', '.join(FORMATS)}.", rich_help_panel=_READING)
]
Map = Annotated[
    list[str] | None,
    typer.Option("--map", help="A column of yours and our name of it, as visitorid=user_id.", rich_help_panel=_READING),
]
MapEvent = Annotated[
    list[str] | None,
    typer.Option(help="A type of event of yours and ours, as addtocart=add_to_cart.", rich_help_panel=_READING),
]
Timezone = Annotated[
    str, typer.Option(help="Of times that name no offset, as Europe/Berlin.", rich_help_panel=_READING)
]
RatingScale = Annotated[
    str | None,
    typer.Option(
        help="Scale of the grades, as 10, 1-10 or 0-1; by default the one that they show.", rich_help_panel=_READING
    ),
]
ExcludeUsers = Annotated[
    Path | None,
    typer.Option(
        help="File of user ids, one a line, whose events are left out; anon:ID for anonymous ones.",
        rich_help_panel=_READING,
    ),
]
AllowBad = Annotated[
    float, typer.Option(help="Share of unusable rows above which nothing is done.", rich_help_panel=_READING)
]
Errors = Annotated[Path | None, typer.Option(help="CSV file to keep the refused rows in.", rich_help_panel=_READING)]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Read and report, change nothing.", rich_help_panel=_READING)]


def reads_files(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say how files are read, in place of its parameter `reading`.

    All commands that read a shop's files have the same ones, under the same names.
    """
    own = inspect.signature(command)
    parameters = [p for p in own.parameters.values() if p.name != "reading"]
    at = list(own.parameters).index("reading")
    parameters[at:at] = _READING_OPTIONS

    @functools.wraps(command)
    def told(**given: Any) -> None:
        how = [given.pop(option.name, option.default) for option in _READING_OPTIONS]
        command(**given, reading=read_options(*how))

    hints = {name: hint for name, hint in get_type_hints(command, include_extras=True).items() if name != "reading"}
    told.__annotations__ = hints | {option.name: option.annotation for option in _READING_OPTIONS}
    told.__signature__ = own.replace(  # type: ignore[attr-defined]
        parameters=[p.replace(annotation=told.__annotations__[p.name]) for p in parameters]
    )
    return told


def read_options(
    source: str,
    columns: Sequence[str] | None,
    event_names: Sequence[str] | None,
    timezone: str,
    rating_scale: str | None,
    allow_bad: float,
    errors: Path | None,
    exclude_users: Path | None = None,
) -> ReadOptions:
    """How files are to be read; what makes no sense is wrong use."""
    from endcap.errors import InvalidInputError

    try:
        return ReadOptions(
            source,
            _pairs(columns, "--map"),
            _pairs(event_names, "--map-event"),
            timezone,
            rating_scale,
            allow_bad,
            errors,
            _lines(exclude_users),
        )
    except InvalidInputError as exc:
        raise typer.BadParameter(str(exc)) from exc


_READING_OPTIONS: Final = tuple(
    inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=annotation)
    for name, annotation, default in (
        ("source", Source, AUTO),
        ("map_", Map, None),
        ("map_event", MapEvent, None),
        ("timezone", Timezone, "UTC"),
        ("rating_scale", RatingScale, None),
        ("allow_bad", AllowBad, ALLOWED_BAD),
        ("errors", Errors, None),
        ("exclude_users", ExcludeUsers, None),
    )
)
"""In the order of `read_options`."""


def _lines(file: Path | None) -> frozenset[str]:
    if file is None:
        return frozenset()
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as exc:
        raise typer.BadParameter(f"{file} can't be read", param_hint="--exclude-users") from exc
    return frozenset(line.strip() for line in lines if line.strip())


def _pairs(texts: Sequence[str] | None, option: str) -> dict[str, str]:
    pairs = {}
    for text in texts or ():
        theirs, separator, ours = text.rpartition("=")
        if not separator or not theirs.strip() or not ours.strip():
            raise typer.BadParameter(f"{text!r} is not THEIRS=OURS", param_hint=option)
        pairs[theirs.strip()] = ours.strip()
    return pairs


def pseudonym_keys(source: str | None) -> PseudonymKeys | None:
    """The keys in a secret, by its ARN, or in a file.

    Raises
    ------
    InvalidInputError : there are none in it
    DependencyError, ThrottledError : the secret can't be read
    """
    if source is None:
        return None
    from endcap.errors import InvalidInputError
    from endcap.pseudonyms import PseudonymKeys

    if source.startswith("arn:"):
        from endcap.aws.clients import BACKGROUND, client
        from endcap.aws.secrets import PseudonymSecret

        return PseudonymSecret(client("secretsmanager", BACKGROUND), source).get()
    try:
        return PseudonymKeys.read(Path(source).read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise InvalidInputError(f"--pseudonym-keys {source}: {exc}") from exc


def template_parameters(pairs: Sequence[str]) -> dict[str, str]:
    """NAME=VALUE texts as a mapping."""
    parameters = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator or not name:
            raise typer.BadParameter(f"{pair!r} is not NAME=VALUE", param_hint="--param")
        parameters[name] = value
    return parameters
