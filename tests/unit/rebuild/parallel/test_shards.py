"""Shards of a rebuild: what they encode together, how they are named, and that a dead one is noticed."""

from __future__ import annotations

import multiprocessing
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from endcap.encoders.text import CONFIG_FILE, MODEL_FILE, TOKENIZER_FILE, TextEncoder
from endcap.errors import InvalidInputError
from endcap_rebuild import parallel as shards
from endcap_rebuild.job import rebuild, run_shard
from endcap_rebuild.parallel import crew_of, placed
from endcap_rebuild.parallel.local import LocalCrew, work
from endcap_rebuild.parallel.protocol import ShardError
from endcap_rebuild.settings import RebuildSettings
from endcap_rebuild.text.vectors import EncodeTexts, TextVectorCache, UseEncoder, divided
from tests.fakes.shards import pid_of
from tests.fakes.toy_shop import NOW_MS, write_chain_shop
from tests.fakes.toy_snapshot import TINY_ENCODER

FILES = {name: (TINY_ENCODER / name).read_bytes() for name in (MODEL_FILE, TOKENIZER_FILE, CONFIG_FILE)}
TEXTS = [f"{colour} {thing}" for colour in ("red", "blue", "green") for thing in ("mug", "lamp", "chair", "刺绣四件套")]


@pytest.fixture(autouse=True)
def no_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)


def settings(folder: Path, **changes: Any) -> RebuildSettings:
    if not (folder / "shop").exists():
        write_chain_shop(folder / "shop")
    given = RebuildSettings(folder / "shop", folder / "snapshot", str(TINY_ENCODER), cache=folder / "cache")
    return replace(given, now_ms=NOW_MS, max_cases=100, **changes)


@pytest.mark.parametrize("count", [2, 3])
def test_shards_give_the_vectors_that_one_process_gives(tmp_path: Path, count: int) -> None:
    encoder = TextEncoder.from_dir(TINY_ENCODER)
    told: list[tuple[int, int]] = []
    with LocalCrew(count) as crew:
        cache = TextVectorCache(tmp_path, encoder, crew, FILES)
        vectors = cache.vectors([*TEXTS, "", TEXTS[0]], lambda *at: told.append(at))
        more = cache.vectors([*TEXTS, "one more mug"])
    np.testing.assert_array_equal(vectors[: len(TEXTS)], encoder.encode_many(TEXTS))
    np.testing.assert_array_equal(more[-1], encoder.encode("one more mug"))
    assert told[-1] == (len(TEXTS), len(TEXTS))
    again = TextVectorCache(tmp_path, encoder)
    np.testing.assert_array_equal(again.vectors(TEXTS), vectors[: len(TEXTS)])


def test_every_text_belongs_to_one_shard_whatever_the_others_are() -> None:
    names = [f"{k * 7919:016x}" for k in range(1_000)]
    parts = divided(names, 3)
    assert sorted(name for part in parts for name in part) == sorted(names)
    assert min(map(len, parts)) > 200
    assert divided(names[::-1][:10], 3)[1] == [name for name in names[::-1][:10] if name in parts[1]]


def test_a_fast_rebuild_has_the_same_content_however_many_share_it(tmp_path: Path) -> None:
    one = rebuild(settings(tmp_path))
    two = rebuild(settings(tmp_path, shards=2, out=tmp_path / "two", cache=tmp_path / "empty"))
    assert two["content_hash"] == one["content_hash"]
    assert two["run"]["shards"] == 2


# ------------------------------------------------------------------ shards that die


def test_a_killed_shard_is_named_and_nobody_waits_for_it() -> None:
    with LocalCrew(3) as crew:
        os.kill(pid_of(crew, 2), signal.SIGKILL)
        with pytest.raises(ShardError, match="shard 2 of 3 ended with status -9"):
            asked(crew)


def asked(crew: LocalCrew) -> list[Any]:
    crew.send([UseEncoder(FILES)] * (crew.count - 1))
    return crew.answers()


def test_a_failing_shard_is_quoted() -> None:
    with LocalCrew(2) as crew:
        crew.send([UseEncoder({**FILES, MODEL_FILE: b"no graph"})])
        with pytest.raises(ShardError, match=r"shard 1 of 2 ended with status 1: .*EncoderError"):
            crew.answers()


def test_a_shard_that_does_not_answer_in_time_counts_as_dead() -> None:
    with LocalCrew(2, timeout_s=0.2) as crew:
        os.kill(pid_of(crew, 1), signal.SIGSTOP)
        crew.send([UseEncoder(FILES)])
        with pytest.raises(ShardError, match=r"did not answer within 0\.2 s"):
            crew.answers()
        os.kill(pid_of(crew, 1), signal.SIGCONT)


def test_a_shard_whose_leader_has_died_ends() -> None:
    own, other = multiprocessing.Pipe()
    own.send(UseEncoder(FILES))
    own.send(EncodeTexts(("mug",), 1))
    own.close()
    work(1, other)  # returns


# ------------------------------------------------------------------ which shard this is


def test_torchrun_names_the_shard(tmp_path: Path) -> None:
    given = placed(settings(tmp_path), {"RANK": "1", "WORLD_SIZE": "4"})
    assert (given.shards, given.shard) == (4, 1)
    assert placed(given, {}) == given
    assert placed(replace(given, shard=0), {"RANK": "3", "WORLD_SIZE": "4"}).shard == 3


@pytest.mark.parametrize(
    ("shards_asked", "shard", "environment"),
    [
        (0, 0, {}),
        (2, 2, {}),
        (2, -1, {}),
        (2, 0, {"RANK": "0", "WORLD_SIZE": "3"}),
        (1, 0, {"RANK": "2", "WORLD_SIZE": "2"}),
        (1, 0, {"RANK": "x", "WORLD_SIZE": "2"}),
    ],
)
def test_shards_that_do_not_exist_are_refused(
    tmp_path: Path, shards_asked: int, shard: int, environment: dict[str, str]
) -> None:
    with pytest.raises(InvalidInputError):
        placed(settings(tmp_path, shards=shards_asked, shard=shard), environment)


def test_only_shard_0_rebuilds(tmp_path: Path) -> None:
    helper = settings(tmp_path, shards=2, shard=1)
    with pytest.raises(InvalidInputError, match="shard 0 leads"):
        rebuild(helper)
    with pytest.raises(InvalidInputError, match="MASTER_ADDR"):
        run_shard(helper)


def test_hosts_without_torch_leave_the_work_to_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASTER_ADDR", "host-0")
    monkeypatch.setattr(shards.importlib.util, "find_spec", lambda name: None)
    assert run_shard(settings(tmp_path, shards=2, shard=1)) is None
    with crew_of(settings(tmp_path, shards=2)) as crew:
        assert crew is None


def test_an_unknown_device_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="device"):
        rebuild(settings(tmp_path, device="tpu"))
