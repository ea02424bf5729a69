"""What a function can import in Lambda: its layers and the runtime's own packages, picked out of this environment.

A folder of links for each layer, made of the names in `layers/*/requirements.txt`, so that no layer has to be built
to see what an import costs. Versions are this environment's, which the reports name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

from endcap.errors import NotFoundError
from endcap_local.template.template import expand

_RUNTIME: Final = ("boto3", "botocore", "s3transfer", "jmespath", "python-dateutil", "six", "urllib3")
"""What Lambda's own image brings: the AWS SDK and what it needs."""
_CLIENT: Final = ("awslambdaric", "simplejson", "snapshot-restore-py")
"""AWS's runtime client, which that image starts functions with."""
_PINNED: Final = re.compile(r"^([A-Za-z0-9._-]+)==", re.MULTILINE)


def import_path(layers: Path, inference: bool, folder: Path) -> list[Path]:
    """Folders to import from, in order, for a function with or without the inference layer.

    Parameters
    ----------
    layers : the project's `layers`
    folder : where the links are made

    Raises
    ------
    NotFoundError : this environment lacks a package of a layer
    """
    paths = []
    for name in ("core", "inference") if inference else ("core",):
        pinned = _PINNED.findall((layers / name / "requirements.txt").read_text())
        paths.append(_linked(pinned, folder / name))
    link = folder / "core" / "endcap"
    if not link.is_symlink():
        link.symlink_to((layers / "core" / "endcap").resolve())
    return [*paths, _linked(_RUNTIME, folder / "runtime")]


def client_path(folder: Path) -> Path:
    """A folder to import the runtime client from.

    Raises
    ------
    NotFoundError : this environment lacks it
    """
    try:
        return _linked(_CLIENT, folder / "client")
    except NotFoundError:
        raise NotFoundError("AWS's runtime client is not installed: pip install awslambdaric") from None


def inference_functions(template: Path) -> set[str]:
    """Logical ids of the functions that have the inference layer."""
    _, expanded = expand(template)
    return {
        logical_id
        for logical_id, resource in expanded["Resources"].items()
        if resource["Type"] == "AWS::Lambda::Function"
        and "InferenceLayer" in json.dumps(resource["Properties"]["Layers"])
    }


def _linked(names: Iterable[str], folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        try:
            found = distribution(name)
        except PackageNotFoundError:
            raise NotFoundError(f"this environment has no {name}, which a layer ships") from None
        tops = {file.parts[0] for file in found.files or () if file.parts[0] not in ("..", "__pycache__")}
        for top in tops:
            link = folder / top
            if not link.is_symlink():
                link.symlink_to(Path(str(found.locate_file(top))).resolve())
    return folder
