"""Text models that can be trained: the packaged base encoders, and whatever sentence-transformers loads."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Protocol, cast

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import Tensor, nn

from endcap.arrays import F32
from endcap.errors import EncoderError
from endcap_rebuild.base_encoders import base_source
from endcap_rebuild.base_encoders.recipes import RECIPES, EncoderName, Source
from endcap_rebuild.base_encoders.weights import Projection
from endcap_rebuild.text.encoders import BASE_ENCODERS
from endcap_rebuild.text_encoder.student.bert import Bert

_BATCH: Final = 64


class TextModel(Protocol):
    """A model that turns texts into vectors, and can be trained.

    Attributes
    ----------
    name : for people; sha256 : hex digest of its numbers and of how it reads
    module : what is moved, trained and saved
    layers : its layers, lowest first
    """

    name: str
    sha256: str
    module: nn.Module

    @property
    def layers(self) -> nn.ModuleList: ...

    def vectors(self, texts: Sequence[str], tokens: int, *, asked: bool = False) -> Tensor:
        """float32 (n, d), unit rows, with gradients; texts are cut at so many tokens.

        Parameters
        ----------
        asked : whether the texts are queries, which some models read with a prompt of their own
        """
        ...

    def per_token(self, trained: int) -> float:
        """Floating point operations that a token costs in a step that trains the last `trained` layers."""
        ...


class PackagedModel:
    """A model of the base encoders' architecture."""

    def __init__(self, name: str, source: Source, prefix: str, projection: Projection | None = None) -> None:
        self.name, self._prefix = name, prefix
        self.module, self.tokenizer = Bert(source.weights, projection), source.tokenizer
        self._tokenizer = Tokenizer.from_str(source.tokenizer.decode())
        self.sha256 = _digest(self.module, source.tokenizer, prefix.encode())

    @property
    def layers(self) -> nn.ModuleList:
        """Its layers."""
        return self.module.layers

    def per_token(self, trained: int) -> float:
        """See TextModel."""
        return float(self.module.per_token(trained))

    def vectors(self, texts: Sequence[str], tokens: int, *, asked: bool = False) -> Tensor:  # noqa: ARG002
        """See TextModel; the base encoders read both alike."""
        self._tokenizer.enable_truncation(min(tokens, len(self.module.positions)))
        found = [self._tokenizer.encode(self._prefix + " ".join(text.split())).ids for text in texts]
        ids = np.zeros((len(found), max(map(len, found))), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, own in enumerate(found):
            ids[row, : len(own)], mask[row, : len(own)] = own, 1
        device = self.module.words.device
        return self.module(torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device))


class HubModel:
    """An encoder or an embedding LLM as sentence-transformers loads it, with the pooling of its own configuration."""

    def __init__(self, model: Any, name: str, prompt: str | None = None) -> None:
        self.name, self.module = name, model
        known = model.prompts.get(model.default_prompt_name) if model.default_prompt_name else None
        self._prompt = prompt if prompt is not None else known or ""
        self._asked = prompt if prompt is not None else model.prompts.get("query") or self._prompt
        if any(getattr(part, "pooling_mode_lasttoken", False) or _mode(part) == "lasttoken" for part in model):
            model.tokenizer.padding_side = "left"  # the last token is then the text's own in every row
        if model.tokenizer.pad_token is None:
            model.tokenizer.pad_token = model.tokenizer.eos_token
        self.sha256 = _digest(model, self._prompt.encode(), self._asked.encode())

    @property
    def layers(self) -> nn.ModuleList:
        """Its layers: the longest list of modules in it."""
        lists = [part for part in self.module.modules() if isinstance(part, nn.ModuleList)]
        return max(lists, key=len) if lists else nn.ModuleList()

    def per_token(self, trained: int) -> float:
        """See TextModel: two operations for each number of a layer, twice more where gradients are wanted."""
        sizes = [2.0 * sum(p.numel() for p in layer.parameters()) for layer in self.layers]
        return float(max(1.0, sum(sizes) + 2 * sum(sizes[len(sizes) - min(trained, len(sizes)) :])))

    def vectors(self, texts: Sequence[str], tokens: int, *, asked: bool = False) -> Tensor:
        """See TextModel."""
        longest = self.module.max_seq_length
        self.module.max_seq_length = min(tokens, longest or tokens)
        prompt = self._asked if asked else self._prompt
        try:
            features = self.module.preprocess([prompt + " ".join(text.split()) for text in texts])
        finally:
            self.module.max_seq_length = longest
        device = next(self.module.parameters()).device
        moved = {key: value.to(device) if isinstance(value, Tensor) else value for key, value in features.items()}
        return F.normalize(self.module(moved)["sentence_embedding"].float(), dim=1)


def _mode(part: Any) -> str:
    mode = getattr(part, "pooling_mode", "")
    return mode if isinstance(mode, str) else ""


def load_teacher(name: str, prompt: str | None, cache: Path) -> TextModel:
    """The teacher with this name.

    Parameters
    ----------
    name : "multilingual" or "english" for the packaged base encoders at full precision; a folder; or a name on the
        Hugging Face hub, which is asked for it unless it has been fetched before
    prompt : put before each text; None for what the model's own configuration says
    cache : folder of the rebuild's caches

    Raises
    ------
    EncoderError : sentence-transformers is missing, or the model can't be had or loaded
    """
    if name in BASE_ENCODERS:
        recipe = RECIPES[cast(EncoderName, name)]
        source = base_source(cast(EncoderName, name), cache / "encoders")
        return PackagedModel(name, source, recipe.config.prefix if prompt is None else prompt)
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as exc:
        raise EncoderError(f"the teacher {name} needs sentence-transformers: pip install 'endcap[training]'") from exc
    local = Path(name).is_dir()
    try:
        return HubModel(SentenceTransformer(name, device="cpu", local_files_only=local), Path(name).name, prompt)
    except Exception as exc:  # transformers, the hub and httpx raise whatever they like
        said = (str(exc).strip().splitlines() or [type(exc).__name__])[0]
        where = "in that folder" if local else "by that name: it is no folder here, and the hub could not give it"
        raise EncoderError(f"there is no usable teacher {name} {where} ({said[:200]})") from exc


class ModelVectors:
    """A model as `TextVectorCache` wants an encoder: batches of about equal length, bf16 on CUDA.

    Parameters
    ----------
    asked : whether it is to read queries
    """

    def __init__(self, model: TextModel, tokens: int, device: torch.device, *, asked: bool = False) -> None:
        self._model, self._tokens, self._device, self._asked = model, tokens, device, asked
        name = f"{_digest(model.module)} {model.sha256} {tokens}{' asked' if asked else ''}"
        self.sha256 = hashlib.sha256(name.encode()).hexdigest()
        with torch.no_grad():
            self.d_text = int(model.vectors(["a"], tokens).shape[1])

    def encode_many(self, texts: Sequence[str], progress: Any = None, threads: int = 1) -> F32:  # noqa: ARG002
        """float32 (n, d), unit rows."""
        by_length = np.argsort([len(text) for text in texts], kind="stable")
        vectors = np.empty((len(texts), self.d_text), dtype=np.float32)
        for start in range(0, len(texts), _BATCH):
            rows = by_length[start : start + _BATCH]
            with (
                torch.no_grad(),
                torch.autocast(self._device.type, torch.bfloat16, enabled=self._device.type == "cuda"),
            ):
                found = self._model.vectors([texts[row] for row in rows.tolist()], self._tokens, asked=self._asked)
            vectors[rows] = found.float().cpu().numpy()
            if progress is not None:
                progress(start + len(rows), len(texts))
        return vectors


def _digest(module: nn.Module, *more: bytes) -> str:
    """Hex digest of a module's numbers, whatever device they are on."""
    digest = hashlib.sha256()
    for name, value in (*module.named_parameters(), *module.named_buffers()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    for part in more:
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()
