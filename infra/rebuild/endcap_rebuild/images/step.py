"""The step for the items' pictures: their vectors, where the gate takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from endcap.ranking.terms.image import IMAGE_NAME, IMAGE_SIMILAR_NAME
from endcap_rebuild.images.vectors import pictures_of
from endcap_rebuild.language.gate import Space, cold_trials, verdict
from endcap_rebuild.steps.fast import FastJob, Needed
from endcap_rebuild.steps.runner import Outputs, Step, json_array
from endcap_rebuild.text.whitening import Whitening
from endcap_rebuild.text_encoder.gate import COLD, owners_of
from endcap_rebuild.text_encoder.questions import questions_of

BESIDE: Final[Mapping[str, str]] = {IMAGE_NAME: "text", IMAGE_SIMILAR_NAME: "similar"}
"""Each term, and the one whose weight its own is a share of."""


def has_pictures(job: FastJob) -> bool:
    """Whether any item brings a vector of its picture."""
    return any(item.image_vector for item in job.shop.items)


def _images(job: FastJob, needed: Needed) -> Outputs:
    """Whether pictures find new items from histories, beside texts, and better than texts alone; their vectors if so.

    What replaces an item (`similar`) nobody can be asked about, so that the same verdict holds for it.
    """
    pictures = pictures_of(job.shop.items)
    if pictures is None:
        return {}
    whitening = Whitening(needed["whitening"]["mean"], needed["whitening"]["projection"])
    questions = questions_of(job.shop, job.split, job.settings.seed)
    texts = whitening.apply(needed["text_vectors"]["vectors"][questions.items])
    spaces: dict[tuple[str, ...], Space] = {(IMAGE_NAME,): Space(texts, pictures.vectors[questions.items])}
    found = verdict(COLD, cold_trials(questions, spaces), owners_of(questions)[COLD])
    report = {
        "items": pictures.known,
        "width": len(pictures.mean),
        "other_width": pictures.other_width,
        "weights": dict.fromkeys(BESIDE, found.weight),
        "verdicts": [found.document()],
    }
    kept = {"vectors": pictures.vectors, "mean": pictures.mean} if found.weight > 0 else {}
    return {"json": json_array(report), **kept}


IMAGE_STEP: Final[Step[FastJob]] = Step(
    "images", _images, needs=("text_vectors", "whitening"), settings=("seed", "max_cases", "target")
)
