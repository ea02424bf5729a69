"""The steps of `--budget fast`: numpy and scipy only.

1. text_vectors  the encoder reads the catalogue (cached by text)
2. whitening     mean and projection fitted on the catalogue, item vectors
3. wording       items alike in rare words
4. selection     how lists are normalised and how fast popularity fades, by quick trials on the validation window
5. trial         lists and popularity of the part before the window
6. weights       weights and half-lives of the score, tuned on the window with the terms that serve
7. model         lists and popularity of everything
8. repurchase    how each item is bought again
9. contexts      what is in demand on each device, in each country, from each referrer
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from endcap.encoders.quantize import quantize_unit
from endcap.events.interaction import Interaction
from endcap.index.derived import SnapshotTables
from endcap.index.index import ItemIndex
from endcap.profiles.profile import UserProfile, profile_of, words_to_encode
from endcap.ranking.features import RankingSettings
from endcap.snapshot.parts import ContextDemand, Repurchase, Weights
from endcap.snapshot.snapshot import load_snapshot
from endcap.snapshot.write import CentredVectors, SnapshotContents, write_snapshot
from endcap_rebuild.behaviour.contexts import fit_contexts
from endcap_rebuild.behaviour.fit import LIST_WIDTH, Fitted, fit
from endcap_rebuild.behaviour.lists import ListSettings
from endcap_rebuild.behaviour.repurchase import fit_repurchase
from endcap_rebuild.behaviour.sparse import item_list
from endcap_rebuild.behaviour.tfidf import wording_matrix
from endcap_rebuild.data.dataset import Shop
from endcap_rebuild.data.row_weights import with_type_weights
from endcap_rebuild.parallel.protocol import Crew
from endcap_rebuild.settings import Progress, RebuildSettings
from endcap_rebuild.steps.assembly import generated_documents, snapshot_contents, with_user_encoder
from endcap_rebuild.steps.runner import Outputs, Step, json_array, json_value, list_arrays, lists_of
from endcap_rebuild.text.encoders import LoadedEncoder
from endcap_rebuild.text.vectors import TextVectorCache
from endcap_rebuild.text.whitening import fit_whitening
from endcap_rebuild.tuning.list_search import (
    choose_grades,
    choose_list_settings,
    choose_neighbours,
    choose_popularity_half_life,
    choose_type_weights,
)
from endcap_rebuild.tuning.shown import shown_by
from endcap_rebuild.tuning.split import Cases, Split, split_by_time, with_last_choices, without_absent
from endcap_rebuild.tuning.weight_search import Asked, factors_of, settings_of, tune

# Reviews read for tuning; more of them take time and change no weight.
_MOST_REVIEWS: Final = 4_000
# A snapshot that is a few weeks old still knows what sells.
_SHORTEST_FADE_DAYS: Final = 30.0


@dataclass(frozen=True)
class FastJob:
    """What the steps work on."""

    settings: RebuildSettings
    shop: Shop
    loaded: LoadedEncoder
    progress: Progress
    crew: Crew | None = None

    @cached_property
    def cache(self) -> TextVectorCache:
        """Text vectors of the job's encoder."""
        return TextVectorCache(self.settings.cache / "texts", self.loaded.encoder, self.crew, self.loaded.files)

    @cached_property
    def split(self) -> Split:
        """The validation window and what lies before it."""
        split = split_by_time(
            self.shop.table, self.shop.clock, self.settings.max_cases, self.settings.seed, self.settings.target
        )
        return without_absent(split, self.shop.created_ms, self.settings.seed)

    @cached_property
    def wider_split(self) -> Split:
        """The window with what others chose last before it, where it asks few users; lists are chosen by it.

        Which items go together lasts longer than what is in demand, so that only demand is left to the window.
        """
        return with_last_choices(self.split, self.shop.clock, self.settings.target)


Needed = Mapping[str, Outputs]


def _text_vectors(job: FastJob, _: Needed) -> Outputs:
    def progress(done: int, total: int) -> None:
        job.progress("text_vectors", done, total)

    return {"vectors": job.cache.vectors(job.shop.texts_of(job.loaded.text_fields), progress, job.settings.threads)}


def _whitening(job: FastJob, needed: Needed) -> Outputs:
    vectors = needed["text_vectors"]["vectors"]
    whitening = fit_whitening(vectors, job.settings.dim)
    return {
        "mean": whitening.mean,
        "projection": whitening.projection,
        "item_vectors": whitening.apply(vectors),
    }


def _wording(job: FastJob, _: Needed) -> Outputs:
    return list_arrays({"wording": item_list(wording_matrix(job.shop.items, LIST_WIDTH))})


def _selection(job: FastJob, _: Needed) -> Outputs:
    n_items, seed = len(job.shop.items), job.settings.seed
    wider = job.wider_split
    lists, lists_tried = choose_list_settings(wider, n_items, seed)
    type_weights, types_tried = choose_type_weights(wider, n_items, lists, seed)
    wider, window = (replace(split, train=with_type_weights(split.train, type_weights)) for split in (wider, job.split))
    lists, neighbours_tried = choose_neighbours(wider, n_items, lists)
    lists, grade_strength, grades_tried = choose_grades(wider, n_items, lists, seed)
    half_life, popularity_tried = choose_popularity_half_life(window, n_items, job.shop.clock)
    chosen = {
        "lists": asdict(lists),
        "type_weights": type_weights,
        "grade_strength": grade_strength,
        "popularity_half_life_days": half_life,
        "lists_tried": lists_tried,
        "types_tried": types_tried,
        "neighbours_tried": neighbours_tried,
        "grades_tried": grades_tried,
        "popularity_tried": popularity_tried,
    }
    return {"json": json_array(chosen)}


def _trial(job: FastJob, needed: Needed) -> Outputs:
    if not len(job.split.cases):
        return {}
    return _fitted_arrays(_fit(job, needed, job.split.train, job.split.cutoff_ms))


def _model(job: FastJob, needed: Needed) -> Outputs:
    return _fitted_arrays(_fit(job, needed, job.shop.table, job.shop.cutoff_ms))


def _repurchase(job: FastJob, _: Needed) -> Outputs:
    found = fit_repurchase(job.shop.table, job.shop.items, job.shop.cutoff_ms, job.shop.clock)
    return {} if found is None else {field.name: getattr(found, field.name) for field in fields(found)}


def _contexts(job: FastJob, needed: Needed) -> Outputs:
    days = json_value(needed["selection"]["json"])["popularity_half_life_days"] if job.shop.clock else None
    found = fit_contexts(job.shop.table, len(job.shop.items), job.shop.cutoff_ms, days)
    if found is None:
        return {}
    return {"json": json_array(found.contexts), "share": found.share, **list_arrays({"contexts": found.items})}


def _context_demand(made: Outputs | None) -> ContextDemand | None:
    if not made:
        return None
    pairs = tuple((str(name), str(value)) for name, value in json_value(made["json"]))
    return ContextDemand(pairs, made["share"], lists_of(made)["contexts"])


def _described(job: FastJob, made: Outputs | None) -> dict[str, Any]:
    """What was written about the items, where a gate took it."""
    if not made or "attributes" not in made:
        return {}
    return {
        "described": made.get("vectors"),
        "described_mean": made.get("mean"),
        "described_shares": made.get("shares"),
        "tags": CentredVectors(made["tags"], made["tags_mean"]) if "tags" in made else None,
        "documents": generated_documents(job.shop, json_value(made["attributes"])),
    }


def _image_vectors(made: Outputs | None) -> CentredVectors | None:
    return CentredVectors(made["vectors"], made["mean"]) if made and "vectors" in made else None


def _weights(job: FastJob, needed: Needed) -> Outputs:
    cases = job.split.cases
    with tempfile.TemporaryDirectory(prefix="endcap-trial-") as scratch:
        index = trial_index(job, needed, Path(scratch))
        orders = cases.before_orders(job.shop.clock)
        profiles, of_orders = profiles_of(job, cases, orders)
        again = Asked(orders, of_orders, seen_too=True)
        tuned = tune(index, cases, profiles, job.progress, _default_settings(needed), job.settings.seed, again)
        shown = shown_by(index, cases, profiles, tuned.settings, factors_of(index, tuned.weights))
    return {
        "json": json_array(
            {
                "weights": tuned.weights,
                "settings": settings_of(tuned.settings),
                "evidence": {"target": job.settings.target, **tuned.evidence},
                "fairness": shown,
            }
        )
    }


def trial_index(job: FastJob, needed: Needed, folder: Path) -> ItemIndex:
    """An index over a snapshot of what came before the window, written into a folder."""
    trial = needed["trial"]
    fitted = fitted_of(trial if trial else _fitted_arrays(_fit(job, needed, job.split.train, 0)))
    contents = contents_of(job, needed, fitted, Weights(), job.split.cutoff_ms)
    return load_index(folder, with_user_encoder(contents, needed.get("trial_encoder", {})))


def _default_settings(needed: Needed) -> RankingSettings:
    """Demand fades with the distance from the cut-off about as fast as the demand of the past does."""
    selection = json_value(needed["selection"]["json"])
    days = selection["popularity_half_life_days"]
    return RankingSettings(
        demand_fade_days=max(_SHORTEST_FADE_DAYS, 2 * days) if days else 0.0,
        grade_strength=selection["grade_strength"],
    )


def _fit(job: FastJob, needed: Needed, table: Any, cutoff_ms: int) -> Fitted:
    selection = json_value(needed["selection"]["json"])
    return fit(
        with_type_weights(table, selection["type_weights"]),
        needed["whitening"]["item_vectors"],
        ListSettings(**selection["lists"]),
        selection["popularity_half_life_days"],
        cutoff_ms,
        job.shop.clock,
        job.settings.seed,
    )


def profiles_of(job: FastJob, *asked: Cases) -> list[list[UserProfile]]:
    """Profiles of the cases, folded as `update_profile` folds them, each moment once; texts beyond a bound carry no
    vector.
    """
    item_ids = [item.item_id for item in job.shop.items]
    moments = [list(zip(cases.first.tolist(), cases.end.tolist(), strict=True)) for cases in asked]
    histories: dict[tuple[int, int], list[Interaction]] = {}
    for cases, own in zip(asked, moments, strict=True):
        histories.update((m, cases.history(case, item_ids)) for case, m in enumerate(own) if m not in histories)
    said = (words_to_encode(event) for history in histories.values() for event in history if event.text)
    texts = list(dict.fromkeys(filter(None, said)))[:_MOST_REVIEWS]
    encoder = job.loaded.encoder
    vectors = quantize_unit(job.cache.vectors(texts)) if texts else np.empty((0, encoder.d_text), dtype=np.int8)
    encoded = {text: (encoder.tag, row.tobytes()) for text, row in zip(texts, vectors, strict=True)}
    nothing = (b"\0" * len(encoder.tag), b"")
    folded = {m: profile_of(history, lambda text: encoded.get(text, nothing)) for m, history in histories.items()}
    return [[folded[m] for m in own] for own in moments]


def contents_of(
    job: FastJob, outputs: Mapping[str, Outputs], fitted: Fitted, weights: Weights, cutoff_ms: int, **more: Any
) -> SnapshotContents:
    """Contents of a snapshot with one fitted model."""
    return snapshot_contents(
        job.shop,
        job.loaded,
        text_vectors=outputs["text_vectors"]["vectors"],
        item_vectors=outputs["whitening"]["item_vectors"],
        whitening_mean=outputs["whitening"]["mean"],
        whitening_projection=outputs["whitening"]["projection"],
        lists={**fitted.lists, **lists_of(outputs["wording"])},
        popularity=fitted.popularity,
        trend=fitted.trend,
        interaction_counts=fitted.interaction_counts,
        weights=weights,
        training_cutoff_ms=cutoff_ms,
        seed=job.settings.seed,
        contexts=_context_demand(outputs.get("contexts")),
        **_described(job, outputs.get("described")),
        images=_image_vectors(outputs.get("images")),
        repurchase=Repurchase(**repurchase) if (repurchase := outputs.get("repurchase")) else None,
        **more,
    )


def load_index(folder: Path, contents: SnapshotContents) -> ItemIndex:
    """Write contents and load them, so that tuning ranks with exactly what is served."""
    write_snapshot(folder, contents)
    return ItemIndex(SnapshotTables(load_snapshot(folder)))


def _fitted_arrays(fitted: Fitted) -> Outputs:
    return {
        **list_arrays(fitted.lists),
        "popularity": fitted.popularity,
        "trend": fitted.trend,
        "interaction_counts": fitted.interaction_counts,
    }


def fitted_of(outputs: Outputs) -> Fitted:
    """The fitted model that a step kept."""
    return Fitted(lists_of(outputs), outputs["popularity"], outputs["trend"], outputs["interaction_counts"])


FAST_STEPS: Final[Sequence[Step[FastJob]]] = (
    Step("text_vectors", _text_vectors),
    Step("whitening", _whitening, needs=("text_vectors",), settings=("dim",)),
    Step("wording", _wording),
    Step("selection", _selection, settings=("seed", "max_cases", "target")),
    Step("trial", _trial, needs=("whitening", "selection"), settings=("seed", "max_cases", "target")),
    Step(
        "weights",
        _weights,
        needs=("text_vectors", "whitening", "wording", "selection", "trial"),
        settings=("seed", "max_cases", "target"),
    ),
    Step("model", _model, needs=("whitening", "selection"), settings=("seed",)),
    Step("repurchase", _repurchase),
    Step("contexts", _contexts, needs=("selection",)),
)
