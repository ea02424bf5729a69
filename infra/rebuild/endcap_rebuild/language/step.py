"""The step for what was written about the items: its vectors, where the gate takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F32, I64
from endcap.describing.enriched import described_text
from endcap.describing.rows import attributes_of
from endcap.index.described import finds_itself
from endcap.index.vectors import without_mean
from endcap.messages.language import language_of
from endcap.ranking.terms.described import DESCRIBED_NAME, DESCRIBED_QUERY_NAME
from endcap.snapshot.parts import TermWeight
from endcap_rebuild.language.choice import PARTS, choose
from endcap_rebuild.language.enrich import digest_of, enriched_of, meta_of
from endcap_rebuild.language.gate import FIELD_SETS, Space, trials_of
from endcap_rebuild.settings import RebuildSettings
from endcap_rebuild.steps.fast import FastJob, Needed
from endcap_rebuild.steps.runner import Outputs, Step, json_array, json_value
from endcap_rebuild.text.whitening import Whitening
from endcap_rebuild.text_encoder.gate import COLD, SEARCH
from endcap_rebuild.text_encoder.questions import Questions, questions_of

BESIDE: Final[Mapping[str, str]] = {DESCRIBED_NAME: "text", DESCRIBED_QUERY_NAME: "query"}
"""Each term, and the one whose weight its own is a share of."""
_PART_OF: Final = {DESCRIBED_NAME: COLD, DESCRIBED_QUERY_NAME: SEARCH}


def enrichment_key(settings: RebuildSettings) -> str:
    """Names what was written; "" where nothing is to be used."""
    return "" if settings.enrichment is None else digest_of(settings.enrichment)


def _described(job: FastJob, needed: Needed) -> Outputs:
    """Vectors of the fields that were chosen, and what each term counts; nothing where nothing was written."""
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
    centred = {fields: _centred(vectors) for fields, vectors in whole.items()}
    sample = questions.items
    items = whitening.apply(needed["text_vectors"]["vectors"][sample])
    # In the space of raw texts, where both come from one encoder.
    raw = without_mean(needed["text_vectors"]["vectors"][sample], whitening.mean)
    queries = dict(zip(questions.queries, job.cache.vectors(questions.queries), strict=True))
    asked = {query: (whitening.apply(v[None])[0], without_mean(v, whitening.mean)) for query, v in queries.items()}
    spaces = {}
    for fields, vectors in centred.items():
        own = vectors[sample].copy()
        own[~finds_itself(raw, own, raw)] = 0
        spaces[fields] = Space(items, own)
    spoken = np.asarray([language_of({"title": item.title, "language": item.language}) for item in job.shop.items])
    chosen = choose(trials_of(questions, spaces, asked), *_asked_of(questions, spoken[sample]))
    meta = meta_of(folder)
    report = {
        "described": sum(one is not None for one in told),
        "writer": meta["writer"],
        "prompt": meta["prompt"],
        "weights": {name: chosen.weights[part] for name, part in _PART_OF.items()},
        **chosen.document(),
    }
    if not chosen.fields:
        return {"json": json_array(report)}
    vectors = _usable(centred[chosen.fields], needed, whitening.mean)
    shares = np.asarray([chosen.shares.get(str(name), chosen.other_shares) for name in spoken], dtype=np.float32)
    vectors[(shares * [chosen.weights[part] for part in PARTS] == 0).all(axis=1)] = 0
    attributes = [{} if one is None else attributes_of(one) for one in told]
    return {
        "json": json_array(report),
        "vectors": vectors,
        "mean": _mean(whole[chosen.fields]),
        **({} if (shares == 1).all() else {"shares": shares}),
        "attributes": json_array(attributes),
    }


def _asked_of(questions: Questions, spoken: NDArray[np.str_]) -> tuple[dict[str, I64], dict[str, NDArray[np.str_]]]:
    """By part: whose question each is, and the language of the item that it looks for.

    Parameters
    ----------
    spoken : (n,), the language of each item of the sample
    """
    about = {COLD: questions.targets, SEARCH: np.asarray([rows[0] for rows in questions.answers], dtype=np.int64)}
    return {COLD: questions.users, SEARCH: questions.askers}, {part: spoken[rows] for part, rows in about.items()}


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
