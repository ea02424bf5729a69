"""One user encoder from data to files: labels → their weight → training → export → checks.

Every step keeps its result in the work folder, so that a run that was killed goes on where it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F32, F64
from endcap.encoders.user import VISIBLE_TEXTS, UserEncoder, token_features, units
from endcap.errors import EncoderError
from endcap_rebuild.metrics.paired import CLEARLY, is_more
from endcap_rebuild.parallel.protocol import Crew
from endcap_rebuild.user_encoder.export import onnx_graph
from endcap_rebuild.user_encoder.item_vectors import final_item_vectors, projection_file, projection_of
from endcap_rebuild.user_encoder.model import Tower
from endcap_rebuild.user_encoder.plan import Plan, TowerSettings, plan_of
from endcap_rebuild.user_encoder.sequences import TowerData, Window
from endcap_rebuild.user_encoder.soft_labels import ListsOf, SoftLabels, soft_labels
from endcap_rebuild.user_encoder.training import Progress, fit_tower
from endcap_rebuild.user_encoder.validation import (
    Validation,
    gains_of,
    histories_before,
    item_vectors_of,
    ndcg,
    user_vectors,
)

PARITY: Final = 1e-4  # largest difference between torch and onnxruntime in any number of a user vector
_SOFT_WEIGHTS: Final = (0.0, 0.5)
_TRIAL_SHARE: Final = 0.25  # of the epochs, to choose among the soft weights
_JUDGED: Final = 2_000
_INT8_LOSS: Final = 0.005  # share of the NDCG that int8 may cost
_CHECKED: Final = 64


@dataclass(frozen=True)
class TowerResult:
    """What a trained user encoder consists of, and how it came about.

    model, projection_file : the bytes of `user_encoder.onnx` and `item_projection.npy`
    item_vectors : float32 (n_items, d_item), unit rows (zero without text and interactions)
    item_projection : float32 (d_item, d_item), whitened text -> vector of an unseen item, before unit length
    settings : as used, the chosen soft weight filled in: train the final model with these
    metrics : plan, learning curve, temperature, parity, validation figures; JSON-able
    """

    model: bytes
    projection_file: bytes
    item_vectors: F32
    item_projection: F32
    settings: TowerSettings
    metrics: dict[str, Any]


def train_user_encoder(
    data: TowerData,
    settings: TowerSettings,
    work_dir: Path | None = None,
    progress: Progress | None = None,
    validation: Validation | None = None,
    lists_of: ListsOf | None = None,
    as_int8: bool = False,
    crew: Crew | None = None,
) -> TowerResult:
    """Train, export and check a user encoder.

    Parameters
    ----------
    data : training events; nothing of the validation targets
    work_dir : where checkpoints go; a second call with equal arguments goes on from them
    progress : called with (done, total) training steps
    validation : later events; choose the weight of the soft labels (where `settings.soft_weight` is None) and whether
        the graph is shipped as int8, and are reported
    lists_of : counts item-to-item lists from some users; without it there are no soft labels
    as_int8 : ship the graph as int8 where no validation window decides
    crew : other shards to train with

    Raises
    ------
    ValueError : no user has two events
    EncoderError : the exported graph is unsafe or does not answer as torch does
    """
    if not bool(np.any(data.user[1:] == data.user[:-1])):
        raise ValueError("a user encoder needs a user with two events at least")
    judged = None if validation is None else validation.sample(_JUDGED, settings.seed)
    wanted = lists_of is not None and settings.soft_weight != 0
    labels = _labels(data, lists_of, settings, work_dir) if wanted and lists_of is not None else None
    plan, trials, ahead = plan_of(data, settings), {}, 0
    if settings.soft_weight is None:
        weight = 0.0
        if labels is not None and lists_of is not None and judged is not None and len(judged.targets):
            everybody = np.ones(int(data.user.max()) + 1, dtype=np.bool_)
            ahead = len(_SOFT_WEIGHTS) * _trial_plan(plan).total_steps
            gains = _trials(data, settings, plan, work_dir, labels, judged, lists_of(everybody), progress, crew)
            trials = {str(tried): round(float(own.mean()), 5) for tried, own in gains.items()}
            owners = judged.data.user[judged.targets]
            for tried, own in gains.items():  # what repeats the lists adds little beside them: in doubt none of it
                weight = tried if is_more(own, gains[weight], owners, CLEARLY) else weight
        settings = replace(settings, soft_weight=weight)
    labels = labels if settings.soft_weight else None
    reported = _counted(progress, ahead, ahead + plan.total_steps)
    tower, curve = fit_tower(data, settings, plan, _at(work_dir, "tower.pt"), labels, reported, crew=crew)
    weights = {name: value.numpy().astype(np.float32) for name, value in tower.state_dict().items()}
    counts = np.bincount(data.item, minlength=data.n_items)
    vectors, projection = final_item_vectors(weights, data.white, counts), projection_of(weights)
    projected = projection_file(projection)
    model = onnx_graph(weights, settings.heads, settings.layers)
    parity = parity_of(tower, UserEncoder.from_bytes(model, projected), data, vectors)
    if not parity <= PARITY:
        raise EncoderError(f"torch and onnxruntime differ by {parity:.2g} in a user vector, more than {PARITY}")
    metrics: dict[str, Any] = {
        "epochs": plan.epochs,
        "steps": plan.steps,
        "negatives": plan.negatives,
        "work": round(plan.work, 4),
        "loss": [round(value, 5) for value in curve.loss],
        "temperature": round(float(np.exp(weights["log_temperature"])), 4),
        "soft_weight": settings.soft_weight,
        "soft_weight_trials": trials,
        "int8": as_int8,
    }
    if judged is not None and len(judged.targets):
        exact = ndcg(user_vectors(tower, judged.data, judged.targets), vectors, judged)
        small = onnx_graph(weights, settings.heads, settings.layers, as_int8=True)
        rounded = ndcg(served_vectors(UserEncoder.from_bytes(small, projected), judged, vectors), vectors, judged)
        metrics |= {"ndcg": round(exact, 5), "ndcg_int8": round(rounded, 5)}
        if rounded >= (1 - _INT8_LOSS) * exact:
            model = small
        metrics["int8"] = model is small
    elif as_int8:
        model = onnx_graph(weights, settings.heads, settings.layers, as_int8=True)
    return TowerResult(model, projected, vectors, projection, settings, metrics)


def parity_of(tower: Tower, encoder: UserEncoder, data: TowerData, item_vectors: F32) -> float:
    """Largest difference between torch and the graph in any number of the user vectors of some histories.

    Torch reads the features of training, the graph those of serving: it is the whole path that is compared.
    """
    has_next = np.flatnonzero(np.append(data.user[1:] == data.user[:-1], False)) + 1
    targets = has_next[:: max(1, len(has_next) // _CHECKED)]
    # Histories that end inside a moment are no profiles of any time.
    targets = targets[data.time_ms[targets] > data.time_ms[targets - 1]]
    expected = user_vectors(tower, data, targets)
    answers = served_vectors(encoder, Validation(data, targets), item_vectors)
    return float(np.abs(expected - answers).max(initial=0.0))


def served_vectors(encoder: UserEncoder, validation: Validation, item_vectors: F32) -> F32:
    """float32 (c, d_item): as `user_vectors`, by the exported graph and the features of serving."""
    data = validation.data
    windows = histories_before(data, validation.targets)
    rows = [encoder.encode(_inputs(encoder, data, window, item_vectors)) for window in windows]
    return np.stack(rows) if rows else np.empty((0, encoder.d_item), dtype=np.float32)


def _inputs(encoder: UserEncoder, data: TowerData, window: Window, item_vectors: F32) -> dict[str, NDArray[Any]]:
    history, now_ms = slice(window.start, window.end), int(data.time_ms[window.end])
    user = data.user[window.start]
    start, end = np.searchsorted(data.texts.user, [user, user + 1])
    known = int(start) + int(np.searchsorted(data.texts.time_ms[start:end], now_ms, side="left"))
    texts = slice(max(int(start), known - VISIBLE_TEXTS), known)
    features = token_features(
        data.time_ms[history],
        data.event_type[history],
        data.grade[history],
        data.texts.time_ms[texts],
        data.texts.kind[texts],
        data.texts.grade[texts],
        now_ms,
        data.clock_usable,
    )
    words = encoder.item_vectors(data.texts.white[texts])
    return {**features, "vectors": units(np.concatenate([item_vectors[data.item[history]], words]))}


def _labels(data: TowerData, lists_of: ListsOf, settings: TowerSettings, work_dir: Path | None) -> SoftLabels:
    path, key = _at(work_dir, "labels.npz"), _data_key(data, settings.seed)
    if path is not None and path.exists():
        try:
            with np.load(path, allow_pickle=False) as stored:
                if str(stored["key"]) == key:
                    return SoftLabels(stored["items"], stored["shares"])
        except (ValueError, OSError, KeyError, EOFError):
            pass  # a damaged file: the labels are made again
    labels = soft_labels(data, lists_of, seed=settings.seed)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.part")
        with unfinished.open("wb") as file:
            np.savez(file, key=np.asarray(key), items=labels.items, shares=labels.shares)
        unfinished.replace(path)
    return labels


def _trials(
    data: TowerData,
    settings: TowerSettings,
    whole: Plan,
    work_dir: Path | None,
    labels: SoftLabels,
    judged: Validation,
    lists: Sequence[Any],
    progress: Progress | None,
    crew: Crew | None,
) -> dict[float, F64]:
    """NDCG of each target after short trainings, blended with the lists, per weight of the soft labels."""
    found = {}
    plan = _trial_plan(whole)
    total = len(_SOFT_WEIGHTS) * plan.total_steps + whole.total_steps
    for k, weight in enumerate(_SOFT_WEIGHTS):
        own, path = replace(settings, soft_weight=weight), _at(work_dir, f"trial-{weight}.pt")
        reported = _counted(progress, k * plan.total_steps, total)
        tower, _ = fit_tower(data, own, plan, path, labels if weight else None, reported, crew=crew)
        users = user_vectors(tower, judged.data, judged.targets)
        found[weight] = gains_of(users, item_vectors_of(tower), judged, lists)
    return found


def _trial_plan(whole: Plan) -> Plan:
    return replace(whole, epochs=max(2, round(whole.epochs * _TRIAL_SHARE)), work=whole.work * _TRIAL_SHARE)


def _counted(progress: Progress | None, ahead: int, total: int) -> Progress | None:
    """Progress of one training among several: `ahead` steps were done before it."""
    return None if progress is None else lambda done, _: progress(ahead + done, total)


def _data_key(data: TowerData, seed: int) -> str:
    digest = hashlib.sha256(str(seed).encode())
    for column in (data.user, data.item, data.time_ms, data.goal):
        digest.update(np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()


def _at(folder: Path | None, name: str) -> Path | None:
    return None if folder is None else folder / name
