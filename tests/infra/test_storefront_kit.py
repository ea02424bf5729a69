"""The files of the storefront kit: small, made from their sources, and the same in the demo shop."""

from __future__ import annotations

import gzip
import json
import re

import pytest

from infra.checks.npm import PackageError
from infra.storefront.__main__ import KIT, OUTPUTS, SHOP, made, sources_hash

STATIC = SHOP.parent


def size(name: str) -> int:
    return len(gzip.compress((KIT / name).read_bytes(), 9, mtime=0))


def test_the_kit_is_small() -> None:
    assert size("core.mjs") < 1500
    assert size("endcap.js") < 4000
    assert size("endcap.mjs") < 4000
    assert size("mini.cjs") < 4000


@pytest.mark.parametrize("name", OUTPUTS)
def test_what_is_committed_is_made_from_its_sources(name: str) -> None:
    kept = (KIT / name).read_bytes()
    assert kept.startswith(f"/*! Endcap, Apache-2.0, {sources_hash()} */\n".encode()), "python -m infra.storefront"
    try:
        assert kept == made(name)
    except (PackageError, OSError) as exc:
        pytest.skip(f"esbuild can't be had here: {exc}")


def test_the_demo_shop_has_the_same_file() -> None:
    assert SHOP.read_bytes() == (KIT / "endcap.js").read_bytes()


def test_the_package_names_what_is_there() -> None:
    package = json.loads((KIT / "package.json").read_text())
    named = set(package["files"])
    assert named == {path.name for path in KIT.iterdir()} - {"package.json"}
    for entry in package["exports"].values():
        for path in entry.values() if isinstance(entry, dict) else [entry]:
            assert path.removeprefix("./") in named
    assert "dependencies" not in package


def test_the_demo_shop_says_the_same_in_both_languages() -> None:
    words = (STATIC / "words.js").read_text(encoding="utf-8")
    english, chinese = (words[words.index(f"  {one}: {{") :].partition("\n  },")[0] for one in ("en", "zh"))
    names = [re.findall(r"(?:^|[{,]|\n)\s*(\w+): (?=['{])", text) for text in (english, chinese)]
    assert names[0][1:] == names[1][1:]
    assert len(names[0]) > 50
    used = set(re.findall(r"say\('(\w+)'", "".join(p.read_text(encoding="utf-8") for p in STATIC.glob("*.js"))))
    assert used <= set(names[0])
