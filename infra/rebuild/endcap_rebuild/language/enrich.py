"""`endcap enrich`: a catalogue described by a writer, within a budget, kept so that nothing is paid for twice."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

from endcap.catalog.item import Item, item_text
from endcap.describing.asked import Asked, asked_about, request_of
from endcap.describing.enriched import Enriched, Grounded, grounded
from endcap.describing.prompt import DEFAULT, Prompt, prompt_of
from endcap.describing.writer import Price, Writer, WriterError, most_of
from endcap.errors import InvalidInputError
from endcap.snapshot.files import canonical_json, replace_file
from endcap_rebuild.data.options import ReadOptions
from endcap_rebuild.data.reading import read_items
from endcap_rebuild.data.report import ReadReport, no_items
from endcap_rebuild.language.store import Store
from endcap_rebuild.progress import Progress, no_progress

BATCH: Final = 8
"""Requests that are sent between two looks at the budget."""
FAILED_IN_A_ROW: Final = 10
"""Answers in a row that can't be used before nothing more is asked: the model is not fit, or the account is not."""
REVIEWED: Final = 20
META: Final = "enrichment.json"
REVIEW: Final = "review.csv"


@dataclass(frozen=True)
class EnrichSettings:
    """What is to be described, and what it may cost.

    Attributes
    ----------
    out : folder of what is written
    budget : US dollars, of all runs on `out` together
    dry_run : ask nobody; say what would be asked, and what it would cost at most
    limit : most items; None for all
    prompt : name of the instructions, see `PROMPTS`
    """

    data: Path
    out: Path
    price: Price = field(default_factory=Price)
    budget: float = 0.0
    dry_run: bool = False
    limit: int | None = None
    reading: ReadOptions = field(default_factory=ReadOptions)
    prompt: str = DEFAULT


def enrich(settings: EnrichSettings, writer: Writer, progress: Progress = no_progress) -> dict[str, Any]:
    """Have the items of a folder described, and report what came of it; see `report_of`.

    Raises
    ------
    UnusableDataError : no usable item
    InvalidInputError : a price without a budget, or no such prompt
    WriterError : the writer can't be asked; what was answered before is kept
    """
    if not settings.price.is_free and settings.budget <= 0:
        raise InvalidInputError("what costs money needs a --budget")
    items = _items(settings)
    store, prompt = Store(settings.out), prompt_of(settings.prompt)
    asked = [asked_about(item, prompt, writer.name) for item in items]
    missing = list({one.key: one for one in asked if one.key not in store}.values())
    if settings.dry_run:
        most = most_of([request_of(one, prompt) for one in missing], settings.price, prompt.most_tokens)
        return report_of(asked, store, settings, writer.name) | {"requests": len(missing), "most_usd": round(most, 4)}
    out_of_money = _ask(missing, store, settings, writer, progress)
    _write_meta(settings.out, writer.name, prompt)
    _write_review(settings.out, asked, store, prompt.form)
    return report_of(asked, store, settings, writer.name) | {"out_of_budget": out_of_money}


def _ask(missing: Sequence[Asked], store: Store, settings: EnrichSettings, writer: Writer, progress: Progress) -> bool:
    """Ask for what is missing; whether the budget was too small for all of it."""
    prompt = prompt_of(settings.prompt)
    in_a_row = start = 0
    while start < len(missing):
        progress("enrich", start, len(missing))
        requests = [request_of(one, prompt) for one in missing[start : start + max(BATCH, writer.at_once)]]
        while store.spent + most_of(requests, settings.price, prompt.most_tokens) > settings.budget + 1e-12:
            if len(requests) <= BATCH:
                return True
            requests = requests[: max(BATCH, len(requests) // 2)]
        start += len(requests)
        for answer in writer.write(requests, prompt.schema, prompt.most_tokens):
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


def enriched_of(folder: Path, items: Sequence[Item]) -> list[Enriched | None]:
    """What is kept of what was written about items, as of the last run; None for an item without any.

    Raises
    ------
    InvalidInputError : the folder has no such texts
    """
    return [None if found is None else found.kept for found in _read(folder, items)]


def _read(folder: Path, items: Sequence[Item]) -> Iterator[Grounded | None]:
    meta = meta_of(folder)
    writer, prompt = meta["writer"], prompt_of(meta["prompt"])
    store, brands = Store(folder), {item.brand for item in items if item.brand}
    for item in items:
        yield grounded(store.get(asked_about(item, prompt, writer).key), item, brands, prompt.form)


def queries_of(folder: Path, items: Sequence[Item]) -> list[tuple[str, int]]:
    """The searches that were made up, and the row of each one's item.

    Raises
    ------
    InvalidInputError : the folder has no such texts
    """
    told = enumerate(enriched_of(folder, items))
    return [(query, row) for row, one in told if one is not None for query in one.queries]


def facts_of(folder: Path, items: Sequence[Item]) -> Iterator[tuple[str, str, str, str, str]]:
    """Every phrase that was written about items: item id, title, field, phrase, and why it was thrown away, "" if not.

    Raises
    ------
    InvalidInputError : the folder has no such texts
    """
    for item, found in zip(items, _read(folder, items), strict=True):
        if found is None:
            continue
        for field_, value in found.kept.model_dump().items():
            for phrase in [value] if isinstance(value, str) else value:
                if phrase:
                    yield item.item_id, item.title, field_, phrase, ""
        for field_, phrase, reason in found.dropped:
            if reason != "empty":
                yield item.item_id, item.title, field_, phrase, reason


def digest_of(folder: Path) -> str:
    """Names what was written, for steps that are kept."""
    return hashlib.sha256(canonical_json([meta_of(folder), *Store(folder).digests()])).hexdigest()[:24]


def report_of(asked: Sequence[Asked], store: Store, settings: EnrichSettings, writer: str) -> dict[str, Any]:
    """What there is by now.

    Returns
    -------
    items, described : how many, and of how many something is kept
    phrases, dropped : what was written, and what of it was thrown away by reason; grounded : share that was kept
    spent_usd, read_tokens, written_tokens : of all runs
    """
    brands = {one.item.brand for one in asked if one.item.brand}
    form = prompt_of(settings.prompt).form
    read = [_grounded(one, store, brands, form) for one in asked]
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
        "prompt": settings.prompt,
    }


def _grounded(one: Asked, store: Store, brands: set[str], form: type[Enriched]) -> Grounded | None:
    return grounded(store.get(one.key), one.item, brands, form)


def _phrases(told: Enriched) -> list[str]:
    flat = [value if isinstance(value, list) else [value] for value in told.model_dump().values()]
    return [text for texts in flat for text in texts if text]


def meta_of(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / META).read_text(encoding="utf-8"))
        return {"writer": str(found["writer"]), "prompt": str(found["prompt"])}
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise InvalidInputError(f"{folder}: nothing that endcap enrich has written") from exc


def _write_meta(folder: Path, writer: str, prompt: Prompt) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    body = canonical_json({"writer": writer, "prompt": prompt.name})

    def write(file: BinaryIO) -> None:
        file.write(body)

    replace_file(folder / META, write)


def _write_review(folder: Path, asked: Sequence[Asked], store: Store, form: type[Enriched]) -> None:
    """A sample for somebody to look through: what the shop says, what was written, and what of it was thrown away."""
    chosen = sorted(asked, key=lambda one: hashlib.sha256(one.key.encode()).digest())[:REVIEWED]
    brands = {one.item.brand for one in asked if one.item.brand}
    with (folder / REVIEW).open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["item_id", "shop", *form.model_fields, "dropped"])
        for one in chosen:
            found = _grounded(one, store, brands, form)
            if found is None:
                continue
            cells = [v if isinstance(v, str) else "; ".join(v) for v in found.kept.model_dump().values()]
            gone = "; ".join(f"{text} ({reason})" for _, text, reason in found.dropped if reason != "empty")
            row = [one.item.item_id, item_text(one.item), *cells, gone]
            table.writerow([_plain_cell(cell) for cell in row])


def _plain_cell(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in "=+-@\t\r" else text
