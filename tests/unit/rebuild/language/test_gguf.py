"""A model in this process: what it is asked, and what becomes of its answers and failures."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from endcap.describing.prompt import DEFAULT, PROMPTS, SMALL, prompt_of
from endcap.describing.writer import Request, Usage, WriterError
from endcap_rebuild.language.gguf import CONTEXT, GgufWriter

SCHEMA = {"type": "object"}
REQUESTS = [Request(f"k{k}", "describe it", json.dumps({"item": {"title": f"red mug {k}"}})) for k in range(2)]


class Llama:
    """What stands in for xllamacpp."""

    def __init__(self, answers: list[Any]) -> None:
        self.answers, self.asked, self.loaded = answers, [], []

    def CommonParams(self) -> SimpleNamespace:
        threads = (SimpleNamespace(n_threads=-1) for _ in range(2))
        return SimpleNamespace(model=SimpleNamespace(path=""), cpuparams=next(threads), cpuparams_batch=next(threads))

    def Server(self, params: SimpleNamespace) -> Llama:
        self.loaded.append(params)
        return self

    def handle_chat_completions(self, body: Mapping[str, Any]) -> Any:
        self.asked.append(body)
        return self.answers[len(self.asked) - 1]


def said(text: str, reason: str = "stop") -> dict[str, Any]:
    usage = {"prompt_tokens": 30, "completion_tokens": 6}
    return {"choices": [{"message": {"content": text}, "finish_reason": reason}], "usage": usage}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "small.gguf"
    path.write_bytes(b"GGUF and weights")
    return path


def test_a_model_is_loaded_once_and_asked_as_servers_are(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    llama = Llama([said('{"kind": "mug"}'), said('{"kind"', "length")])
    monkeypatch.setitem(sys.modules, "xllamacpp", llama)
    first, second = GgufWriter(model, threads=2).write(REQUESTS, SCHEMA, 50)
    assert (first.value, first.usage) == ({"kind": "mug"}, Usage(30, 6))
    assert "cut off" in second.failed
    (params,) = llama.loaded
    assert (params.model.path, params.n_ctx, params.cpuparams.n_threads) == (str(model), CONTEXT, 2)
    body = llama.asked[0]
    assert [message["content"] for message in body["messages"]] == ["describe it", REQUESTS[0].data]
    assert (body["max_tokens"], body["temperature"], body["seed"]) == (50, 0, 0)
    assert body["response_format"]["json_schema"]["schema"] == SCHEMA


@pytest.mark.parametrize("answer", [{"error": {"message": "too long"}}, {"code": 400, "message": "too long"}, "odd"])
def test_what_a_model_refuses_fails_alone(model: Path, answer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", Llama([answer, said("{}")]))
    first, second = GgufWriter(model).write(REQUESTS, SCHEMA, 50)
    assert first.failed
    assert second.value == {}


def test_another_file_is_another_writer(model: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "small.gguf"
    other.parent.mkdir()
    other.write_bytes(b"GGUF and other weights")
    assert GgufWriter(model).name.startswith("gguf:small:")
    assert GgufWriter(model).name != GgufWriter(other).name


def test_what_is_no_model_is_told_before_anything_is_asked(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WriterError, match="No such file"):
        GgufWriter(model.with_name("none.gguf"))
    odd = model.with_name("odd.gguf")
    odd.write_bytes(b"PK")
    with pytest.raises(WriterError, match="no GGUF file"):
        GgufWriter(odd)
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(WriterError, match=r"pip install 'endcap\[gguf\]'"):
        list(GgufWriter(model).write(REQUESTS, SCHEMA, 50))


@pytest.mark.parametrize("name", PROMPTS)
def test_every_prompt_is_there_in_both_languages_and_asks_for_less_than_it_may(name: str) -> None:
    prompt = prompt_of(name)
    assert "English" in prompt.system("en")
    assert "Chinese" in prompt.system("zh")
    assert {"kind", "uses", "queries"} <= prompt.schema["properties"].keys()


def test_prompts_are_told_apart_and_named() -> None:
    assert prompt_of(DEFAULT).digest != prompt_of(SMALL).digest
    with pytest.raises(Exception, match="is no prompt; there are enrich-1"):
        prompt_of("enrich-0")
