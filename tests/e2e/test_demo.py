"""`endcap demo` as a person runs it: the session's lines come from real answers, the printed commands work."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from endcap_local.demo.make_data import N_ITEMS
from endcap_local.demo_data import DEMO_DATA
from endcap_rebuild.base_encoders import default_cache
from tests.fakes.real_shop import write_cut

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests/data/tiny_encoder"
PATIENCE_S = 900  # beside the rest of the suite; it only bounds what would never end
POPULAR = ("Popular with other shoppers.", "In demand at the moment.")
COMMAND = [sys.executable, "-c", "from endcap_local.cli.app import main; main()", "demo"]
# Of a part of the data, with fewer cases to tune on.
ON_A_PART = (
    "import sys, pathlib, endcap_local.demo.demo as demo; "
    "demo.DEMO_DATA, demo.MAX_CASES = pathlib.Path(sys.argv.pop()), 100"
)
# Wide lines keep one sentence on one line; NO_COLOR and a pipe both ask for plain text.
ENVIRONMENT = {**os.environ, "COLUMNS": "200", "OMP_NUM_THREADS": "1"}


def encoder() -> str:
    """The real encoder where it is at hand, else one that needs no download."""
    return "english" if any(default_cache().glob("english-*")) else str(TINY)


def run(*options: str, command: Sequence[str] = COMMAND, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*command, *options],
        cwd=ROOT,
        env=ENVIRONMENT | environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """A demo that has played its session and serves, and what it has printed so far."""
    command = [*COMMAND, "--port", "0", "--encoder", encoder()]
    complaints = tmp_path_factory.mktemp("demo") / "stderr"
    with (
        complaints.open("w") as stderr,
        subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=stderr, text=True) as demo,
    ):
        watchdog = threading.Timer(PATIENCE_S, demo.kill)
        watchdog.start()
        assert demo.stdout is not None
        lines = []
        for line in demo.stdout:
            lines.append(line.rstrip("\n"))
            if line.startswith("Serving until"):
                break
        watchdog.cancel()
        if not lines or not lines[-1].startswith("Serving until"):
            pytest.fail(f"ended with {demo.wait(30)} before it served: {lines[-10:]}\n{complaints.read_text()[-4000:]}")
        yield demo, lines
        demo.kill()


@pytest.fixture
def lines(serving: tuple[subprocess.Popen[str], list[str]]) -> list[str]:
    return serving[1]


def scene(lines: list[str], number: int) -> list[str]:
    start = next(k for k, line in enumerate(lines) if line.startswith(f"{number}. "))
    end = next((k for k in range(start, len(lines)) if not lines[k]), len(lines))
    return lines[start:end]


def titles(scene: list[str]) -> list[str]:
    return [found.group(1).strip() for line in scene if (found := re.match(r" +\d+\. (.*?) +£[\d.]+$", line))]


def number(pattern: str, scene: list[str]) -> list[float]:
    found = next(found for line in scene if (found := re.search(pattern, line)))
    return [float(group) for group in found.groups()]


def test_unknown_shopper_sees_what_is_popular_and_from_germany_what_germans_buy(lines):
    first = scene(lines, 1)
    abroad = next(k for k, line in enumerate(first) if "From Germany" in line)
    here, there = first[1:abroad], first[abroad:]
    assert len(titles(here)) == len(titles(there)) == 5
    assert sum(line.strip() in POPULAR for line in here) == 5
    others, shown = number(r"(\d) of (\d) would be others", there)
    assert (others, shown) == (len(set(titles(there)) - set(titles(here))), 5)
    assert others > 0
    assert any("Popular in DE." in line for line in there)


def test_three_events_make_the_list_personal_and_the_reasons_name_them(lines):
    second = scene(lines, 2)
    deeds = [found.groups() for line in second if (found := re.match(r" +(view|add_to_cart|purchase) +(.*)", line))]
    assert [kind for kind, _ in deeds] == ["view", "add_to_cart", "purchase"]
    milliseconds, new, shown = number(r"(\d+) ms after POST /events .* (\d) of (\d) items are new", second)
    assert milliseconds > 0
    popular, personal = set(titles(scene(lines, 1))[:5]), set(titles(second))
    assert (new, shown) == (len(personal - popular), len(personal))
    assert new > 0
    assert not personal & {title for _, title in deeds}
    named = [line for line in second if any(f"“{title}”" in line for _, title in deeds)]
    assert named


@pytest.mark.skipif(
    encoder() == str(TINY), reason="the English encoder is not in the cache; the tiny one knows no words"
)
def test_new_item_reaches_the_shopper_it_suits_before_the_other(lines):
    third = scene(lines, 3)
    seconds, rank = number(r"([\d.]+) s after PUT /items it is number (\d+) for Ada", third)
    assert seconds > 0
    other = next(line for line in third if line.strip().startswith("For Ben"))
    place = re.search(r"number (\d+)", other)
    assert rank <= N_ITEMS / 10  # what sells right now stands before what nobody has bought yet
    assert rank < (int(place.group(1)) if place else 501)


def test_search_by_meaning_finds_items(lines):
    shown = scene(lines, 4)
    asked = next(k for k, line in enumerate(shown) if "Understood" in line)
    assert len(titles(shown[:asked])) == 5
    assert "price <= 5" in shown[asked]
    assert "not: plastic" in shown[asked]
    prices = [float(found.group(1)) for line in shown[asked:] if (found := re.search(r"£([\d.]+)$", line))]
    assert len(prices) == 5
    assert max(prices) <= 5


def test_bad_review_pushes_down_what_it_had_raised(lines):
    last = scene(lines, 5)
    fallen, shown = number(r"(\d) of (\d) items that stood high because of it have fallen", last)
    ranks = [re.findall(r"(?:number|first) (\d+)", line) for line in last if ", now " in line]
    assert len(ranks) == shown > 0
    assert fallen == sum(int(after) > int(before) for before, after in ranks)
    assert fallen > 0
    # What else she liked may hold one up, and one may rise where others fall past it, but not all of them together.
    assert sum(int(after) for _, after in ranks) > sum(int(before) for before, _ in ranks)


def test_every_printed_command_answers_with_200(lines):
    commands = [shlex.split(line) for line in lines if line.startswith("curl ")]
    assert len(commands) >= 4
    for url, *options in (words[1:] for words in commands):
        given = dict(zip(options[::2], options[1::2], strict=True))
        name, _, value = given.get("-H", "accept: */*").partition(": ")
        data = given["-d"].encode() if "-d" in given else None
        with urlopen(Request(url, data, {name: value}), timeout=30) as answer:
            assert answer.status == 200
            assert json.loads(answer.read())


def test_every_command_of_the_readmes_feature_list_answers_with_2xx(lines):
    url = next(found.group() for line in lines if (found := re.search(r"http://127\.0\.0\.1:\d+", line)))
    rows = [line for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    commands = [command for row in rows for command in re.findall(r"`curl (.*?)`", row)]
    assert len(commands) > 30

    def curl(command):
        arguments = [word.replace(":8787", url) for word in shlex.split(command)]
        code = ["--silent", "--show-error", "--write-out", "%{stderr}%{http_code}"]
        done = subprocess.run(["curl", *code, *arguments], capture_output=True, text=True, check=True, timeout=60)
        assert done.stderr.startswith("2"), (command, done.stderr, done.stdout)
        return json.loads(done.stdout)

    for command in commands:
        first_page, more, _ = command.partition("&cursor=…")
        curl(command.replace("…", curl(first_page + "'")["cursor"]) if more else command)


def test_piped_output_is_plain(lines):
    assert not any("\x1b" in line for line in lines)


def test_stopping_the_serving_demo_is_no_failure(serving):
    demo, _ = serving
    demo.send_signal(signal.SIGTERM)
    assert demo.wait(timeout=30) == 0


@pytest.mark.parametrize("data", ["a part", pytest.param("all", marks=pytest.mark.prove)])
def test_once_ends_with_status_0_after_the_session(data, tmp_path):
    command = list(COMMAND)
    options = ["--once", "--port", "0", "--encoder", str(TINY)]
    if data == "a part":
        command[2] = f"{ON_A_PART}; {command[2]}"
        options.append(str(write_cut(DEMO_DATA, tmp_path, 400, 250, 100)))
    done = run(*options, command=command, FORCE_COLOR="1", NO_COLOR="1")
    assert (done.returncode, done.stderr) == (0, "")
    assert "curl " in done.stdout
    assert "Serving until" not in done.stdout
    assert not re.search(r"\x1b\[[\d;]*3\dm", done.stdout)  # NO_COLOR wins over a terminal's wish


def test_port_in_use_is_said_and_ends_with_status_2():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run("--once", "--port", port)
    assert done.returncode == 2
    assert f"port {port} is in use" in done.stderr
