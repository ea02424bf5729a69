"""`endcap enrich`: a catalogue described by a writer, within a budget, kept so that nothing is paid for twice."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, BinaryIO, Final

from endcap.catalog.item import Item, item_document, item_text
from endcap.errors import InvalidInputError
from endcap.messages.language import TEXTS, Language, language_of
from endcap.snapshot.files import canonical_json, replace_file
from endcap_rebuild.data.options import ReadOptions
from endcap_rebuild.data.reading import read_items
from endcap_rebuild.data.report import ReadReport, no_items
from endcap_rebuild.language.enriched import FIELDS, MOST_TOKENS, Enriched, Grounded, grounded
from endcap_rebuild.language.store import Store, key_of
from endcap_rebuild.language.tags import AUDIENCES, OCCASIONS, THEMES, Tag
from endcap_rebuild.language.writer import Price, Request, Writer, WriterError, most_of
from endcap_rebuild.progress import Progress, no_progress

PROMPT: Final = "enrich-1"
BATCH: Final = 8
"""Requests that are sent between two looks at the budget."""
FAILED_IN_A_ROW: Final = 10
"""Answers in a row that can't be used before nothing more is asked: the model is not fit, or the account is not."""
MOST_DESCRIPTION: Final = 600
REVIEWED: Final = 20
META: Final = "enrichment.json"
REVIEW: Final = "review.csv"
SCHEMA: Final[Mapping[str, Any]] = Enriched.model_json_schema() | {"required": list(FIELDS)}


@dataclass(frozen=True)
class EnrichSettings:
    """What is to be described, and what it may cost.

    Attributes
    ----------
    out : folder of what is written
    budget : US dollars, of all runs on `out` together
    dry_run : ask nobody; say what would be asked, and what it would cost at most
    limit : most items; None for all
    """

    data: Path
    out: Path
    price: Price = field(default_factory=Price)
    budget: float = 0.0
    dry_run: bool = False
    limit: int | None = None
    reading: ReadOptions = field(default_factory=ReadOptions)


@dataclass(frozen=True)
class Asked:
    """An item, its language, and the name of its answer."""

    item: Item
    language: Language
    key: str


def enrich(settings: EnrichSettings, writer: Writer, progress: Progress = no_progress) -> dict[str, Any]:
    """Have the items of a folder described, and report what came of it; see `report_of`.

    Raises
    ------
    UnusableDataError : no usable item
    InvalidInputError : a price without a budget
    WriterError : the writer can't be asked; what was answered before is kept
    """
    if not settings.price.is_free and settings.budget <= 0:
        raise InvalidInputError("what costs money needs a --budget")
    items = _items(settings)
    store = Store(settings.out)
    asked = [Asked(item, language, _key(item, language, writer.name)) for item, language in _with_languages(items)]
    missing = list({one.key: one for one in asked if one.key not in store}.values())
    if settings.dry_run:
        most = most_of([request_of(one) for one in missing], settings.price, MOST_TOKENS)
        return report_of(asked, store, settings, writer.name) | {"requests": len(missing), "most_usd": round(most, 4)}
    out_of_money = _ask(missing, store, settings, writer, progress)
    _write_meta(settings.out, writer.name)
    _write_review(settings.out, asked, store)
    return report_of(asked, store, settings, writer.name) | {"out_of_budget": out_of_money}


def _ask(missing: Sequence[Asked], store: Store, settings: EnrichSettings, writer: Writer, progress: Progress) -> bool:
    """Ask for what is missing; whether the budget was too small for all of it."""
    in_a_row = 0
    for start in range(0, len(missing), BATCH):
        progress("enrich", start, len(missing))
        requests = [request_of(one) for one in missing[start : start + BATCH]]
        if store.spent + most_of(requests, settings.price, MOST_TOKENS) > settings.budget + 1e-12:
            return True
        for answer in writer.write(requests, SCHEMA, MOST_TOKENS):
            store.add([answer], settings.price)
            in_a_row = in_a_row + 1 if answer.failed else 0
            if in_a_row >= FAILED_IN_A_ROW:
                raise WriterError(f"{in_a_row} answers in a row can't be used, the last one: {answer.failed}")
    progress("enrich", len(missing), len(missing))
    return False


def _items(settings: EnrichSettings) -> list[Item]:
    report = ReadReport()
    items = sorted(read_items(settings.data, report, settings.reading), key=lambda item: item.item_id)
    if not items:
        raise no_items(settings.data, report)
    return items[: settings.limit]


def _with_languages(items: Sequence[Item]) -> Iterator[tuple[Item, Language]]:
    for item in items:
        yield item, language_of({"title": item.title, "language": item.language})


def _key(item: Item, language: Language, writer: str) -> str:
    return key_of(_data(item), language, f"{PROMPT}:{_prompt_digest()}", writer, SCHEMA)


@cache
def _prompt() -> str:
    return (files(__package__) / "prompts" / f"{PROMPT}.txt").read_text(encoding="utf-8")


@cache
def _prompt_digest() -> str:
    return hashlib.sha256(_system("en").encode()).hexdigest()[:12]


@cache
def _system(language: Language) -> str:
    def names(tags: Sequence[Tag]) -> str:
        return ", ".join(json.dumps(tag.name) for tag in tags)

    return _prompt().format(
        language=TEXTS[language].name, audiences=names(AUDIENCES), occasions=names(OCCASIONS), themes=names(THEMES)
    )


def request_of(one: Asked) -> Request:
    """What a writer is asked about an item."""
    return Request(one.key, _system(one.language), _data(one.item))


def _data(item: Item) -> str:
    """The item as JSON; marks with which models set roles apart can't be spelled in it."""
    document = item_document(item)
    kept = {name: document[name] for name in ("title", "categories", "brand", "attributes") if document.get(name)}
    if item.description:
        kept["description"] = item.description[:MOST_DESCRIPTION]
    plain = json.dumps({"item": kept}, ensure_ascii=False, sort_keys=True)
    return plain.replace("<", "\\u003c").replace(">", "\\u003e")


def enriched_of(folder: Path, items: Sequence[Item]) -> list[Enriched | None]:
    """What is kept of what was written about items, as of the last run; None for an item without any.

    Raises
    ------
    InvalidInputError : the folder has no such texts
    """
    writer = _meta(folder)["writer"]
    store, brands = Store(folder), {item.brand for item in items if item.brand}
    found = []
    for item, language in _with_languages(items):
        kept = grounded(store.get(_key(item, language, writer)), item, brands)
        found.append(None if kept is None else kept.kept)
    return found


def digest_of(folder: Path) -> str:
    """Names what was written, for steps that are kept."""
    return hashlib.sha256(canonical_json([_meta(folder), *Store(folder).digests()])).hexdigest()[:24]


def report_of(asked: Sequence[Asked], store: Store, settings: EnrichSettings, writer: str) -> dict[str, Any]:
    """What there is by now.

    Returns
    -------
    items, described : how many, and of how many something is kept
    phrases, dropped : what was written, and what of it was thrown away by reason; grounded : share that was kept
    spent_usd, read_tokens, written_tokens : of all runs
    """
    brands = {one.item.brand for one in asked if one.item.brand}
    read = [_grounded(one, store, brands) for one in asked]
    known = [one for one in read if one is not None]
    dropped = Counter(reason for one in known for _, _, reason in one.dropped if reason != "empty")
    kept = sum(len(_phrases(one.kept)) for one in known)
    return {
        "items": len(asked),
        "described": sum(bool(_phrases(one.kept)) for one in known),
        "phrases": kept + dropped.total(),
        "dropped": dict(sorted(dropped.items())),
        "grounded": round(kept / max(1, kept + dropped.total()), 4),
        "spent_usd": round(store.spent, 6),
        "budget_usd": settings.budget,
        "read_tokens": store.usage.read,
        "written_tokens": store.usage.written,
        "writer": writer,
        "prompt": PROMPT,
    }


def _grounded(one: Asked, store: Store, brands: set[str]) -> Grounded | None:
    return grounded(store.get(one.key), one.item, brands)


def _phrases(told: Enriched) -> list[str]:
    flat = [value if isinstance(value, list) else [value] for value in told.model_dump().values()]
    return [text for texts in flat for text in texts if text]


def _meta(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / META).read_text(encoding="utf-8"))
        return {"writer": str(found["writer"]), "prompt": str(found["prompt"])}
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise InvalidInputError(f"{folder}: nothing that endcap enrich has written") from exc


def _write_meta(folder: Path, writer: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    body = canonical_json({"writer": writer, "prompt": PROMPT})

    def write(file: BinaryIO) -> None:
        file.write(body)

    replace_file(folder / META, write)


def _write_review(folder: Path, asked: Sequence[Asked], store: Store) -> None:
    """A sample for somebody to look through: what the shop says, what was written, and what of it was thrown away."""
    chosen = sorted(asked, key=lambda one: hashlib.sha256(one.key.encode()).digest())[:REVIEWED]
    brands = {one.item.brand for one in asked if one.item.brand}
    with (folder / REVIEW).open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["item_id", "shop", *FIELDS, "dropped"])
        for one in chosen:
            found = _grounded(one, store, brands)
            if found is None:
                continue
            cells = [v if isinstance(v, str) else "; ".join(v) for v in found.kept.model_dump().values()]
            gone = "; ".join(f"{text} ({reason})" for _, text, reason in found.dropped if reason != "empty")
            row = [one.item.item_id, item_text(one.item), *cells, gone]
            table.writerow([_plain_cell(cell) for cell in row])


def _plain_cell(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in "=+-@\t\r" else text
