"""The step for what was written about the items: its vectors, where the gate takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F32
from endcap.index.vectors import without_mean
from endcap.messages.language import language_of
from endcap.ranking.terms.described import DESCRIBED_NAME, DESCRIBED_QUERY_NAME
from endcap.snapshot.parts import TermWeight
from endcap_rebuild.language.enrich import digest_of, enriched_of
from endcap_rebuild.language.enriched import described_text
from endcap_rebuild.language.gate import (
    FIELD_SETS,
    Space,
    Trials,
    Verdict,
    finds_itself,
    gain_among,
    trials_of,
    verdict,
)
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
        own[~finds_itself(raw, own)] = 0
        spaces[fields] = Space(items, own)
    trials = trials_of(questions, spaces, asked)
    verdicts = {
        COLD: verdict(COLD, trials[COLD], questions.users),
        SEARCH: verdict(SEARCH, trials[SEARCH], questions.askers),
    }
    chosen = [one for one in verdicts.values() if one.weight > 0]
    spoken = np.asarray([language_of({"title": item.title, "language": item.language}) for item in job.shop.items])
    told_by_language = _by_language(chosen, trials, questions, spoken[sample])
    # One vector serves both: the fields of the part that gains more.
    fields = max(chosen, key=lambda one: one.gain).fields if chosen else ()
    report = {
        "described": sum(one is not None for one in told),
        "fields": list(fields),
        "weights": {
            name: verdicts[part].weight if verdicts[part].fields == fields else 0.0 for name, part in _PART_OF.items()
        },
        "verdicts": [one.document() for one in verdicts.values()],
        **({"languages": told_by_language} if told_by_language else {}),
    }
    if not chosen:
        return {"json": json_array(report)}
    vectors = _usable(centred[fields], needed, whitening.mean)
    for language, found in told_by_language.items():
        if not any(one["weight"] for one in found):
            vectors[spoken == language] = 0
    tags = [[] if one is None else [*one.for_whom, *one.occasions, *one.themes] for one in told]
    return {"json": json_array(report), "vectors": vectors, "tags": json_array(tags)}


def _by_language(
    chosen: Sequence[Verdict], trials: Mapping[str, Trials], questions: Questions, spoken: NDArray[np.str_]
) -> dict[str, list[dict[str, Any]]]:
    """What was chosen for the shop, judged for each language of a mixed catalogue that enough questions are about.

    Parameters
    ----------
    spoken : (n,), the language of each item of the sample
    """
    found: dict[str, list[dict[str, Any]]] = {}
    about = {COLD: questions.targets, SEARCH: np.asarray([rows[0] for rows in questions.answers], dtype=np.int64)}
    users = {COLD: questions.users, SEARCH: questions.askers}
    for language in np.unique(spoken).tolist() if len(set(spoken.tolist())) > 1 else ():
        for one in chosen:
            judged = gain_among(trials[one.part], one, users[one.part], spoken[about[one.part]] == language)
            if judged is not None:
                found.setdefault(language, []).append(judged.document())
    return found


def _usable(vectors: F32, needed: Needed, mean: F32) -> F32:
    """Without the rows of those that are about something else than their item."""
    raw = without_mean(needed["text_vectors"]["vectors"], mean)
    found = np.array(vectors)
    block = 2_000  # against so many others each, so that memory is bounded
    for start in range(0, len(raw), block):
        rows = slice(start, start + block)
        found[rows][~finds_itself(raw[rows], found[rows])] = 0
    return found


def _centred(vectors: F32) -> F32:
    known = vectors[vectors.any(axis=1)]
    return without_mean(vectors, known.mean(axis=0) if len(known) else np.zeros(vectors.shape[1], dtype=np.float32))


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
