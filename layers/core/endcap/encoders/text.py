"""Text to vector: the text encoder that the rebuild and the functions share.

Steps: clean → prefix → tokenise → run the graph → a unit vector of d_text numbers (pooling, projection and the L2
norm are inside the graph). Texts are encoded one at a time and unpadded: the int8 graph picks its activation scales
per run, so a text's vector would otherwise depend on its neighbours.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Literal
from weakref import WeakValueDictionary

import numpy as np

from endcap.arrays import F32
from endcap.encoders.onnx_check import check_graph
from endcap.encoders.session import open_session
from endcap.errors import EncoderError

if TYPE_CHECKING:
    import onnxruntime
    import tokenizers

Progress = Callable[[int, int], None]  # done, total

MODEL_FILE, TOKENIZER_FILE, CONFIG_FILE = "text_encoder.onnx", "tokenizer.json", "encoder.json"
ENCODER_FILES: Final = (MODEL_FILE, TOKENIZER_FILE, CONFIG_FILE)
TAG_BYTES = 4
MAX_PREFIX: Final = 2000
"""Characters that are read before each text: an instruction has some hundred."""
MAX_WIDTH: Final = 32_768
"""Tokens of a text, and numbers of its vector: more than any encoder has."""
_CHARACTERS_PER_TOKEN = 64  # far more than real text has; keeps a megabyte of text from being tokenised in full


@dataclass(frozen=True, slots=True)
class EncoderConfig:
    """How texts meet the graph; stored beside it as encoder.json.

    Attributes
    ----------
    name : what the encoder is called in manifests
    language : "multilingual" or "english"
    prefix : put before each text, queries and items alike
    max_tokens : longer inputs are cut, special tokens included
    d_text : width of the vectors
    """

    name: str
    language: Literal["multilingual", "english"]
    prefix: str
    max_tokens: int
    d_text: int

    @classmethod
    def from_json(cls, raw: bytes | str) -> EncoderConfig:
        """Config read from encoder.json.

        Raises
        ------
        EncoderError : not JSON, a field missing, unknown or of the wrong type
        """
        try:
            document = json.loads(raw)
        except Exception as exc:  # also RecursionError, where it nests without end
            raise EncoderError(f"{CONFIG_FILE} is not JSON") from exc
        names = {field.name for field in fields(cls)}
        if not isinstance(document, Mapping) or set(document) != names:
            raise EncoderError(f"{CONFIG_FILE} must hold exactly {', '.join(sorted(names))}")
        config = cls(**document)
        texts = isinstance(config.name, str) and isinstance(config.prefix, str)
        sizes = all(type(n) is int and n > 0 for n in (config.max_tokens, config.d_text))
        if not texts or not sizes or config.language not in ("multilingual", "english"):
            raise EncoderError(f"{CONFIG_FILE} has a field of the wrong type")
        if len(config.prefix) > MAX_PREFIX or max(config.max_tokens, config.d_text) > MAX_WIDTH:
            raise EncoderError(f"{CONFIG_FILE} asks for more than {MAX_PREFIX} characters or {MAX_WIDTH} numbers")
        return config

    def to_json(self) -> str:
        """The one text form; the encoder's identity is computed over it."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True, indent=1) + "\n"


class TextEncoder:
    """An encoder ready to run on one thread. Safe to share between threads.

    Attributes
    ----------
    config : EncoderConfig
    sha256 : hex digest over the graph, the tokenizer and the config
    tag : its first 4 bytes; stored beside each vector, so that vectors of another encoder are told apart
    """

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        tokenizer: tokenizers.Tokenizer,
        config: EncoderConfig,
        sha256: str,
    ) -> None:
        self._session = session
        self._tokenizer = tokenizer
        self._inputs = frozenset(i.name for i in session.get_inputs())
        self.config = config
        self.sha256 = sha256
        self.tag = bytes.fromhex(sha256)[:TAG_BYTES]

    @property
    def d_text(self) -> int:
        """Width of the vectors."""
        return self.config.d_text

    @classmethod
    def from_bytes(cls, model: bytes, tokenizer: bytes, config: EncoderConfig) -> TextEncoder:
        """Encoder made from the bytes of its files.

        Parameters
        ----------
        model : ONNX graph; inputs int64 `input_ids` (1, n) and, if it wants it, `attention_mask`;
            output float32 `embedding` (1, d_text), L2-normalised
        tokenizer : tokenizer.json of the `tokenizers` library
        config : see EncoderConfig

        Raises
        ------
        EncoderError : the graph is unsafe or unreadable, or the three don't fit each other
        """
        summary = check_graph(model)
        if "embedding" not in summary.outputs or "input_ids" not in summary.inputs:
            raise EncoderError("the graph must turn `input_ids` into `embedding`")
        if not set(summary.inputs) <= {"input_ids", "attention_mask"}:
            raise EncoderError(f"the graph asks for unknown inputs: {', '.join(summary.inputs)}")
        encoder = cls(
            open_session(model), _tokenizer_of(tokenizer, config), config, encoder_sha256(model, tokenizer, config)
        )
        encoder.encode("")  # special tokens alone must do; also finds ids beyond the table before the first request
        return encoder

    @classmethod
    def from_dir(cls, path: Path | str) -> TextEncoder:
        """Encoder of a folder with text_encoder.onnx, tokenizer.json and encoder.json.

        One that is in use is not made again: a newer snapshot mostly brings the encoder of the one before.

        Raises
        ------
        EncoderError : a file is missing, or from_bytes refuses them
        """
        folder = Path(path)
        try:
            model, tokenizer, config = ((folder / n).read_bytes() for n in ENCODER_FILES)
        except OSError as exc:
            raise EncoderError(f"can't read the encoder in {folder}: {exc.strerror}") from exc
        settings = EncoderConfig.from_json(config)
        sha256 = encoder_sha256(model, tokenizer, settings)
        with _MAKING:
            if (encoder := _IN_USE.get(sha256)) is None:
                encoder = _IN_USE[sha256] = cls.from_bytes(model, tokenizer, settings)
        return encoder

    def encode(self, text: str) -> F32:
        """Unit vector of one text.

        Parameters
        ----------
        text : any string; runs of white space count as one space, what passes max_tokens is cut. An empty text has
            the vector of the prefix and the special tokens alone.

        Returns
        -------
        float32 (d_text,), L2-normalised

        Raises
        ------
        EncoderError : the graph failed, or its answer isn't a unit vector of d_text numbers
        """
        ids = self._ids(text)
        if not ids:
            raise EncoderError("the tokenizer must add at least one special token")
        row = np.array([ids], dtype=np.int64)  # (1, n)
        feeds = {"input_ids": row, "attention_mask": np.ones_like(row)}
        try:
            answer = self._session.run(["embedding"], {k: v for k, v in feeds.items() if k in self._inputs})[0]
        except Exception as exc:  # onnxruntime's errors share no base class but Exception
            raise EncoderError("the text encoder failed to run") from exc
        if answer.shape != (1, self.d_text) or answer.dtype != np.float32:
            raise EncoderError(f"the graph answers {answer.dtype} {answer.shape}, not float32 (1, {self.d_text})")
        vector: F32 = answer[0]
        if not abs(float(vector @ vector) - 1.0) < 1e-3:  # also catches NaN
            raise EncoderError("the graph's answer is not a unit vector")
        return vector

    def count_tokens(self, text: str) -> int:
        """How many tokens the graph sees for a text: prefix and special tokens included, at most max_tokens."""
        return len(self._ids(text))

    def encode_many(self, texts: Sequence[str], progress: Progress | None = None, threads: int = 1) -> F32:
        """Unit vectors of many texts: the same numbers as `encode` gives one by one.

        Parameters
        ----------
        texts : n texts; repeats are run once
        progress : called with (done, total), counted in distinct texts
        threads : how many texts to run side by side, one thread each

        Returns
        -------
        float32 (n, d_text), row i belongs to texts[i]
        """
        rows = {text: row for row, text in enumerate(dict.fromkeys(texts))}
        vectors = np.empty((len(rows), self.d_text), dtype=np.float32)
        with ThreadPoolExecutor(threads) as pool:
            answers: Iterable[F32] = pool.map(self.encode, rows) if threads > 1 else map(self.encode, rows)
            for row, vector in enumerate(answers):
                vectors[row] = vector
                if progress is not None:
                    progress(row + 1, len(rows))
        return vectors[[rows[text] for text in texts]] if len(rows) < len(texts) else vectors

    def _ids(self, text: str) -> list[int]:
        with _panics("the tokenizer can't read a text"):
            ids: list[int] = self._tokenizer.encode(self.config.prefix + _clean(text, self.config.max_tokens)).ids
        return ids


def encoder_sha256(model: bytes, tokenizer: bytes, config: EncoderConfig) -> str:
    """Hex identity of an encoder: sha256 over the digests of its graph, its tokenizer and its config."""
    parts = (model, tokenizer, config.to_json().encode())
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def _clean(text: str, max_tokens: int) -> str:
    whole = " ".join(text[: 4 * max_tokens * _CHARACTERS_PER_TOKEN].split())[: max_tokens * _CHARACTERS_PER_TOKEN]
    return whole.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate would make the tokenizer raise


def _tokenizer_of(raw: bytes, config: EncoderConfig) -> Any:
    import tokenizers

    with _panics("the tokenizer can't be read"):
        tokenizer = tokenizers.Tokenizer.from_buffer(raw)
        tokenizer.no_padding()
        tokenizer.enable_truncation(config.max_tokens)
    return tokenizer


@contextmanager
def _panics(problem: str) -> Iterator[None]:
    """Turn what the library raises into EncoderError: bare Exception, or the panic of its Rust, which is none."""
    try:
        yield
    except BaseException as exc:
        if not isinstance(exc, Exception) and type(exc).__name__ != "PanicException":
            raise
        raise EncoderError(problem) from exc


_IN_USE: Final[WeakValueDictionary[str, TextEncoder]] = WeakValueDictionary()
_MAKING: Final = Lock()
