"""The step for what was written about the items: its vectors and tags, where the gate takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F32
from endcap.catalog.row import GENERATED_TAGS
from endcap.describing.enriched import Enriched, described_text
from endcap.describing.rows import attributes_of
from endcap.index.described import finds_itself
from endcap.index.vectors import without_mean
from endcap.messages.language import language_of
from endcap.ranking.terms.described import DESCRIBED_NAME, DESCRIBED_QUERY_NAME, TAGS_NAME
from endcap.snapshot.parts import TermWeight
from endcap_rebuild.language.choice import PARTS, Choice, Fields, choose, choose_fields
from endcap_rebuild.language.enrich import digest_of, enriched_of, meta_of
from endcap_rebuild.language.gate import FIELD_SETS, Space, Verdict, ratio_of, trials_of
from endcap_rebuild.language.tags import Tags, tag_verdict, tags_of
from endcap_rebuild.settings import RebuildSettings
from endcap_rebuild.steps.fast import FastJob, Needed
from endcap_rebuild.steps.runner import Outputs, Step, json_array, json_value
from endcap_rebuild.text.whitening import Whitening
from endcap_rebuild.text_encoder.gate import COLD, SEARCH, owners_of
from endcap_rebuild.text_encoder.questions import questions_of

BESIDE: Final[Mapping[str, str]] = {DESCRIBED_NAME: "text", DESCRIBED_QUERY_NAME: "query", TAGS_NAME: "text"}
"""Each term, and the one whose weight its own is a share of."""
_PART_OF: Final = {DESCRIBED_NAME: COLD, DESCRIBED_QUERY_NAME: SEARCH}


def enrichment_key(settings: RebuildSettings) -> str:
    """Names what was written; "" where nothing is to be used."""
    return "" if settings.enrichment is None else digest_of(settings.enrichment)


def _described(job: FastJob, needed: Needed) -> Outputs:
    """Vectors of the fields that were chosen, tags, and what each term counts; nothing where nothing was written."""
    folder = job.settings.enrichment
    if folder is None:
        return {}
    told = enriched_of(folder, job.shop.items)
    whitening = Whitening(needed["whitening"]["mean"], needed["whitening"]["projection"])
    questions = questions_of(job.shop, job.split, job.settings.seed)
    whole = {
        fields: job.cache.vectors(
            ["" if one is None else described_text(one, fields) for one in told], threads=job.settings.threads
        )
        for fields in FIELD_SETS
    }
    sample = questions.items
    items = whitening.apply(needed["text_vectors"]["vectors"][sample])
    # In the space of raw texts, where both come from one encoder.
    raw = without_mean(needed["text_vectors"]["vectors"][sample], whitening.mean)
    queries = dict(zip(questions.queries, job.cache.vectors(questions.queries), strict=True))
    asked = {query: (whitening.apply(v[None])[0], without_mean(v, whitening.mean)) for query, v in queries.items()}

    def space(vectors: F32) -> Space:
        own = vectors[sample].copy()
        own[~finds_itself(raw, own, raw)] = 0
        return Space(items, own)

    spoken = np.asarray([language_of({"title": item.title, "language": item.language}) for item in job.shop.items])
    owners = owners_of(questions)
    about = {part: spoken[sample][own.items] for part, own in owners.items()}
    trials = trials_of(questions, {fields: space(_centred(vectors)) for fields, vectors in whole.items()}, asked)
    fields = choose_fields(trials, owners, about)
    served = vectors_of(whole, fields, spoken)
    if fields.shop:  # judged as they will be served: those of several languages have one mean
        trials = trials_of(questions, {fields.shop: space(_centred(served))}, asked)
    chosen = choose(fields, trials, owners, about)
    shares = np.asarray([chosen.shares.get(str(name), chosen.other_shares) for name in spoken], dtype=np.float32)
    tags = tags_of(job.shop.items, told)
    counted = _counted(space(_centred(served)), chosen, shares[sample, 0])
    about_tags = None if tags is None else tag_verdict(tags, questions, items, counted)
    takes_tags = about_tags is not None and about_tags.weight > 0
    report = _report(meta_of(folder), told, chosen, about_tags, tags if takes_tags else None)
    made: dict[str, NDArray[Any]] = {"json": json_array(report)}
    if chosen.fields.shop:
        vectors = _usable(_centred(served), needed, whitening.mean)
        vectors[(shares * [chosen.weights[part] for part in PARTS] == 0).all(axis=1)] = 0
        made |= {"vectors": vectors, "mean": _mean(served), **({} if (shares == 1).all() else {"shares": shares})}
    if tags is not None and takes_tags:
        made |= {"tags": tags.vectors, "tags_mean": tags.mean}
    if len(made) > 1:
        attributes = [{} if one is None else attributes_of(one) for one in told]
        if not chosen.fields.shop:  # no text was taken
            attributes = [{name: v for name, v in own.items() if name == GENERATED_TAGS} for own in attributes]
        made["attributes"] = json_array(attributes)
    return made


def vectors_of(whole: Mapping[tuple[str, ...], F32], fields: Fields, spoken: NDArray[np.str_]) -> F32:
    """float32 (n, d_text): of each item the vector of its language's fields; zero rows where none are chosen."""
    found = np.zeros_like(next(iter(whole.values())))
    for language in set(spoken.tolist()):
        if own := fields.of(language):
            found[spoken == language] = whole[own][spoken == language]
    return found


def _counted(space: Space, chosen: Choice, shares: F32) -> F32:
    """float32 (sample, d_text): vectors whose dot products are what descriptions add to those of the texts.

    A pair of items in two languages counts by the mean, as products have it, of what each of them counts.
    """
    if not chosen.weights[COLD]:
        return np.zeros_like(space.described)
    ratio = ratio_of(space, chosen.weights[COLD])
    return np.asarray(space.described * np.sqrt(ratio * shares)[:, None], dtype=np.float32)


def _report(
    meta: Mapping[str, Any],
    told: Sequence[Enriched | None],
    chosen: Choice,
    about_tags: Verdict | None,
    tags: Tags | None,
) -> dict[str, Any]:
    """What the snapshot's metrics say of it; `tags` are those that are taken."""
    weights = {name: chosen.weights[part] for name, part in _PART_OF.items()}
    return {
        "described": sum(one is not None for one in told),
        "writer": meta["writer"],
        "prompt": meta["prompt"],
        "weights": weights | {TAGS_NAME: about_tags.weight if about_tags else 0.0},
        **chosen.document(),
        **({"tags_verdict": about_tags.document()} if about_tags else {}),
        **({"tags": list(tags.names)} if tags else {}),
    }


def _usable(vectors: F32, needed: Needed, mean: F32) -> F32:
    """Without the rows of those that are about something else than their item."""
    raw = without_mean(needed["text_vectors"]["vectors"], mean)
    found = np.array(vectors)
    block = 2_000  # against so many others each, so that memory is bounded
    for start in range(0, len(raw), block):
        rows = slice(start, start + block)
        found[rows][~finds_itself(raw[rows], found[rows], raw[rows])] = 0
    return found


def _centred(vectors: F32) -> F32:
    return without_mean(vectors, _mean(vectors))


def _mean(vectors: F32) -> F32:
    known = vectors[vectors.any(axis=1)]
    return np.asarray(known.mean(axis=0) if len(known) else np.zeros(vectors.shape[1]), dtype=np.float32)


def weights_beside(
    terms: Mapping[str, TermWeight], made: Outputs | None, scales: Mapping[str, float], beside_of: Mapping[str, str]
) -> dict[str, TermWeight]:
    """The weights of a snapshot's terms with those that a gate has chosen, which are shares of others'.

    Parameters
    ----------
    made : outputs of the gate's step
    beside_of : each of its terms, and the one whose weight its own is a share of
    """
    shares = report_of(made).get("weights", {})
    weighed = {
        name: TermWeight(shares[name] * terms[beside].weight, scales.get(name, 1.0))
        for name, beside in beside_of.items()
        if shares.get(name) and beside in terms
    }
    return {**terms, **weighed}


def report_of(made: Outputs | None) -> dict[str, Any]:
    """What a gate has said; nothing where there was nothing to ask about."""
    return dict(json_value(made["json"])) if made else {}


DESCRIBED_STEP: Final[Step[FastJob]] = Step(
    "described", _described, needs=("text_vectors", "whitening"), settings=("seed", "max_cases", "target", "enrichment")
)
