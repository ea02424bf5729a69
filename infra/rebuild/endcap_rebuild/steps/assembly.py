"""Putting a snapshot's contents together from the data and what the steps made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from endcap.catalog.item import shown_document
from endcap.encoders.user import USER_ENCODER_FILES
from endcap.snapshot.write import SnapshotContents
from endcap_rebuild.data.columns import columns_of
from endcap_rebuild.data.dataset import Shop
from endcap_rebuild.steps.runner import Outputs
from endcap_rebuild.text.encoders import LoadedEncoder


def snapshot_contents(shop: Shop, loaded: LoadedEncoder, **parts: Any) -> SnapshotContents:
    """Contents with everything that follows from the data itself filled in.

    Parameters
    ----------
    parts : the other fields of `SnapshotContents`; `created` and `catalog_as_of_ms` default to nothing and 0, which
        suits a trial that nobody keeps
    """
    fields: dict[str, Any] = {
        "documents": [shown_document(item) for item in shop.items],
        "columns": columns_of(shop.items),
        "clock_usable": shop.clock,
        "created": "",
        "catalog_as_of_ms": 0,
        "encoder_files": loaded.files,
        "text_fields": loaded.text_fields,
        "encoder_name": loaded.encoder.config.name,
        "counts": {
            "events": len(shop.table),
            "users": len(shop.table.user_ids),
            "bad_rows": shop.report.bad_row_count,
            "duplicate_events": shop.report.duplicate_events,
            "unknown_item_events": shop.report.unknown_item_events,
            "erased_events": shop.report.erased_events,
        },
    }
    return SnapshotContents(**{**fields, **parts})


def generated_documents(shop: Shop, attributes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The items' documents with attributes of a writer's, whose names say where they come from.

    Parameters
    ----------
    attributes : of each item; one that has such an attribute of its own keeps it
    """
    found = []
    for item, generated in zip(shop.items, attributes, strict=True):
        document = shown_document(item)
        if generated:
            document["attributes"] = {**generated, **document.get("attributes", {})}
        found.append(document)
    return found


def with_user_encoder(contents: SnapshotContents, trained: Outputs) -> SnapshotContents:
    """The contents with a user encoder, as a step of `encoder_steps` gave it; unchanged where it gave none."""
    if not trained:
        return contents
    files = dict(zip(USER_ENCODER_FILES, (trained[name].tobytes() for name in ("model", "projection")), strict=True))
    return replace(contents, item_vectors=trained["item_vectors"], encoder_files={**contents.encoder_files, **files})
