"""Shell blocks of README and docs: each says whether it is run, and those that are run here, as printed.

A block is run in a folder that has what it names (`DIR`, `events.csv`, ...). `curl` is led to one shared stack, which
also stands for every `endcap local`, and rebuilds get an encoder that needs no download.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from endcap_local.rebuilding import Rebuilder
from endcap_local.stack import LocalStack

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")
ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests/data/tiny_encoder"
PAGES = [
    *(ROOT / name for name in ("README.md", "README.zh-CN.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
SHELLS = ("```sh", "```bash", "```shell", "```console")
RUN = "<!-- run -->"
REASONS = ("AWS", "torch", "minutes", "serves until", "a stack with")
PATIENCE_S = 120


@dataclass(frozen=True)
class Block:
    """A shell block: where it stands, the line before it, and its commands."""

    page: Path
    line: int
    before: str
    text: str

    @property
    def commands(self) -> str:
        """What a person types; of a console, what stands after its prompts."""
        lines = self.text.splitlines()
        if not any(line.startswith("$ ") for line in lines):
            return self.text
        return "\n".join(line[2:] for line in lines if line.startswith("$ "))


def blocks() -> Iterator[Block]:
    for page in PAGES:
        lines = page.read_text(encoding="utf-8").splitlines()
        fences = [k for k, line in enumerate(lines) if line.startswith("```")]
        for start, end in zip(fences[::2], fences[1::2], strict=True):
            if lines[start] in SHELLS:
                yield Block(page, start + 1, lines[start - 1], "\n".join(lines[start + 1 : end]) + "\n")


RUNNABLE = [page for page in PAGES if any(block.page == page and block.before == RUN for block in blocks())]


def test_every_shell_block_says_whether_it_is_run() -> None:
    unmarked = [
        f"{block.page.name}:{block.line}"
        for block in blocks()
        if block.before != RUN and not re.fullmatch(rf"<!-- not run: ({'|'.join(REASONS)}).* -->", block.before)
    ]
    assert unmarked == []
    assert sum(block.before == RUN for block in blocks()) > 5


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    with pytest.MonkeyPatch.context() as patched, LocalStack(ROOT / "template.yaml", redelivery_s=0) as running:
        patched.setenv("ENDCAP_CACHE", str(tmp_path_factory.mktemp("cache")))
        Rebuilder(running, str(TINY)).start_empty()
        yield running


def script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/usr/bin/env bash\n" + text)
    path.chmod(0o755)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with what the blocks name."""
    items = "".join(f'{{"item_id": "p{k}", "title": "{"Mug" if k % 2 else "Lamp"} {k}"}}\n' for k in range(8))
    events = "".join(f"u{k % 6},p{k * 5 % 8},purchase,1,{1_790_000_000 + 1000 * k},,s{k % 12}\n" for k in range(60))
    (tmp_path / "DIR").mkdir()
    (tmp_path / "DIR" / "items.jsonl").write_text(items)
    header = "user_id,item_id,event_type,value,timestamp,text,session_id\n"
    for name in ("DIR/events.csv", "events.csv"):
        (tmp_path / name).write_text(header + events)
    (tmp_path / "users.csv").write_text("user_id\nu1\nu2\n")
    (tmp_path / "scenarios.json").write_text('{"home": {"diversity": 0.3}}')
    (tmp_path / "events").symlink_to(ROOT / "events")
    tools = tmp_path / "tools"
    script(tools / "make", '[ "$*" = setup ]\n')
    script(tools / "python", f'exec {sys.executable} "$@"\n')
    endcap = (
        'case "$1" in\n  local) exit 0 ;;\n'
        f'  rebuild) set -- "$@" --encoder {TINY} ;;\nesac\n'
        f"exec {sys.executable} -c 'from endcap_local.cli.app import main; main()' \"$@\"\n"
    )
    for place in (tools / "endcap", tmp_path / ".venv/bin/endcap"):
        script(place, endcap)
    curl = 'exec {} --fail-with-body --silent --show-error --max-time 60 "${{@//127.0.0.1:8787/${{API#http://}}}}"\n'
    script(tools / "curl", curl.format(shutil.which("curl")))
    return tmp_path


@pytest.mark.skipif(shutil.which("curl") is None or shutil.which("bash") is None, reason="needs bash and curl")
@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: page.name)
def test_what_is_to_run_runs_as_printed(page: Path, stack: LocalStack, folder: Path) -> None:
    text = "\n".join(block.commands for block in blocks() if block.page == page and block.before == RUN)
    own = ("PATH", "HOME", "PYTHONPATH", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ENDCAP_CACHE", "LANG")
    environment = {name: os.environ[name] for name in own if name in os.environ}
    environment |= {
        "PATH": f"{folder / 'tools'}:{environment['PATH']}",
        "API": stack.url,
        "SECRET": "a secret of at least thirty-two characters",
        "NO_COLOR": "1",
    }
    done = subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", text],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, f"{page.name}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


def test_the_first_lines_of_the_readme_give_a_list_that_follows_the_shopper(stack: LocalStack, folder: Path) -> None:
    first = next(blocks())
    assert (first.page.name, first.before) == ("README.md", RUN)
    assert len(first.text.strip().splitlines()) == 5
    picture = re.search(r"!\[[^\]]+\]\(([^)]+\.svg)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert picture is not None
    assert (ROOT / picture[1]).is_file()
