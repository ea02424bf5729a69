"""A writer in this process: a model in a local GGUF file, run by llama.cpp (xllamacpp). No text leaves the machine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from endcap.describing.openai import chat_body, read_answer
from endcap.describing.writer import Request, WriterError, Written

CONTEXT: Final = 2_048
"""Tokens of prompt and answer together."""
_MAGIC: Final = b"GGUF"


class GgufWriter:
    """Asks a model on this machine's processor.

    Parameters
    ----------
    file : of the model; its sha256 is part of the writer's name, so that another file's texts don't count as its own
    threads : that it may use

    Raises
    ------
    WriterError : it is no file of that kind, or xllamacpp is not installed
    """

    at_once: Final = 1

    def __init__(self, file: Path, threads: int = 1) -> None:
        self._file, self._threads = file, threads
        try:
            with file.open("rb") as opened:
                if opened.read(len(_MAGIC)) != _MAGIC:
                    raise WriterError(f"{file}: no GGUF file")
                opened.seek(0)
                digest = hashlib.file_digest(opened, "sha256").hexdigest()
        except OSError as exc:
            raise WriterError(f"{file}: {exc.strerror}") from exc
        self.name = f"gguf:{file.stem}:{digest[:16]}"

    def write(self, requests: Sequence[Request], schema: Mapping[str, Any], most_tokens: int) -> Iterator[Written]:
        """See `Writer.write`; the instructions, which requests share, are read once."""
        for request in requests:
            body = chat_body(request, schema, most_tokens) | {"seed": 0, "cache_prompt": True}
            answer = self._server.handle_chat_completions(body)
            failed = _failure(answer)
            yield Written(request.key, failed=failed) if failed else read_answer(request.key, answer)

    @cached_property
    def _server(self) -> Any:
        try:
            import xllamacpp
        except ImportError as exc:
            raise WriterError("a gguf model needs xllamacpp: pip install 'endcap[gguf]'") from exc
        params = xllamacpp.CommonParams()
        params.model.path = str(self._file)
        params.n_ctx, params.n_parallel, params.warmup, params.verbosity = CONTEXT, 1, False, -1
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = self._threads
        try:
            return xllamacpp.Server(params)
        except RuntimeError as exc:
            raise WriterError(f"{self._file}: the model can't be loaded ({exc})") from exc


def _failure(answer: Any) -> str:
    """Why there is no answer; "" where there is one. Errors stand below `error`, or bare."""
    if not isinstance(answer, Mapping):
        return "an answer of another form"
    error = answer.get("error", answer if "code" in answer else None)
    if error is None:
        return ""
    return f"refused: {str(error.get('message', error) if isinstance(error, Mapping) else error)[:200]}"
