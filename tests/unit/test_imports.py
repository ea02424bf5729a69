"""Who imports whom: arrows go one way, and a function loads no more than it needs."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "endcap": ROOT / "layers" / "core" / "endcap",
    "endcap_rebuild": ROOT / "infra" / "rebuild" / "endcap_rebuild",
    "endcap_local": ROOT / "infra" / "local" / "endcap_local",
}
FUNCTIONS = {path.parent.name: path for path in sorted((ROOT / "functions").glob("*/app.py"))}
AWS_SDK = {"boto3", "botocore", "aiobotocore", "s3transfer"}
WITHOUT_NUMPY = ("collect", "manage_items", "manage_users", "purge_erased")
"""These answer while a shopper waits and rank nothing: numpy alone would add about a fifth of a second to a start."""
FLOORS = (
    (
        "errors",
        "arrays",
        "checksums",
        "disclosure",
        "filenames",
        "identifiers",
        "list_ids",
        "observability",
        "protobuf",
        "messages",
        "text",
    ),
    ("leniency",),
    ("validation", "batch", "compaction", "parquet", "signing", "pseudonyms"),
    ("events", "catalog"),
    ("erasure", "feeds", "shops"),
    ("profiles", "settings"),
    ("aws", "encoders"),
    ("snapshot",),
    ("index",),
    ("filters", "live"),
    ("ranking", "cost"),
    ("explain",),
    ("understanding",),
    ("conversation",),
    ("recommend",),
    ("experiments", "writing", "describing"),
    ("api", "results"),
    ("probes",),
    ("storefront", "operator"),
    ("runtime",),
    ("serving", "item_stream"),
    ("desk",),
)
"""The packages of the core, bottom to top: each imports only what lies below its floor, nothing beside it."""
FLOOR_OF = {package: number for number, floor in enumerate(FLOORS) for package in floor}
_RANKING = ("endcap.encoders", "endcap.snapshot", "endcap.index", "endcap.live", "endcap.ranking", "endcap.recommend")
UNUSED = {
    "collect": (
        "endcap.profiles",
        "endcap.text",
        "endcap.catalog",
        "endcap.aws.profiles",
        "endcap.aws.items",
        *_RANKING,
    ),
    "manage_items": ("endcap.profiles", "endcap.text", "endcap.aws.profiles", *_RANKING),
    "manage_users": _RANKING,
    "purge_erased": ("endcap.api", *_RANKING),
}
"""What a start of each of these must not load."""
LIGHT_PACKAGES = ("events", "catalog", "erasure", "profiles", "text", "messages", "api")


def modules_of(package: str) -> Mapping[str, Path]:
    root = PACKAGES[package]
    found = {}
    for path in root.rglob("*.py"):
        parts = path.relative_to(root.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = {package: modules_of(package) for package in PACKAGES}
ENDCAP = MODULES["endcap"]


@cache
def imports(path: Path, *, at_start: bool) -> frozenset[str]:
    """Dotted names that a module imports; `at_start` leaves out those inside functions and those for types only."""
    return frozenset(_imported(ast.parse(path.read_text()).body, at_start))


def _imported(body: list[ast.stmt], at_start: bool) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where something comes from"
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                yield submodule if submodule in MODULES.get(top(submodule), ()) else str(node.module)
        elif at_start and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        elif at_start and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            yield from _imported(node.orelse, at_start)
        else:
            for inner in ("body", "orelse", "finalbody"):
                yield from _imported(getattr(node, inner, []), at_start)
            for handler in getattr(node, "handlers", []):
                yield from _imported(handler.body, at_start)


def top(name: str) -> str:
    return name.partition(".")[0]


def package_of(name: str) -> str:
    """The part of a dotted name that says which package, or module beside the packages, it belongs to."""
    return name.split(".")[1] if "." in name else ""


def imports_within(package: str) -> dict[str, set[str]]:
    """Each module of a package, and those of the package that it imports anywhere, also inside functions."""
    modules = MODULES[package]
    return {name: (imports(path, at_start=False) & modules.keys()) - {name} for name, path in modules.items()}


def cycle(graph: Mapping[str, set[str]]) -> list[str]:
    """Some way round in `graph`, an empty list where there is none."""
    done: set[str] = set()

    def search(node: str, path: list[str]) -> list[str]:
        if node in path:
            return [*path[path.index(node) :], node]
        if node in done:
            return []
        for neighbour in sorted(graph.get(node, ())):
            if found := search(neighbour, [*path, node]):
                return found
        done.add(node)
        return []

    return next((found for node in sorted(graph) if (found := search(node, []))), [])


def test_a_cycle_would_be_found() -> None:
    assert cycle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert cycle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def breaches(unwanted: Callable[[str, frozenset[str]], set[str]]) -> dict[str, set[str]]:
    """Modules of the core with what they should not import, by `unwanted(module, all that it imports)`."""
    found = {module: unwanted(module, imports(path, at_start=False)) for module, path in ENDCAP.items()}
    return {module: names for module, names in found.items() if names}


def test_the_core_imports_neither_the_job_nor_the_local_stack() -> None:
    assert breaches(lambda _, names: {"endcap_rebuild", "endcap_local"} & {top(name) for name in names}) == {}


def test_the_job_imports_no_local_stack() -> None:
    for path in MODULES["endcap_rebuild"].values():
        assert "endcap_local" not in {top(name) for name in imports(path, at_start=False)}, path


def test_every_package_of_the_core_has_its_floor() -> None:
    assert sorted(FLOOR_OF) == sorted({package_of(name) for name in ENDCAP} - {""})


def test_the_core_imports_only_what_lies_below() -> None:
    # Inside functions too: a lazy import may save a cold start, never hide a circle.
    def not_below(module: str, names: frozenset[str]) -> set[str]:
        own = package_of(module)
        others = {package_of(name) for name in names if top(name) == "endcap"} - {own, ""}
        return {package for package in others if own and FLOOR_OF[package] >= FLOOR_OF[own]}

    assert breaches(not_below) == {}


def test_shards_know_no_model_and_load_torch_only_to_train() -> None:
    parallel = {n: p for n, p in MODULES["endcap_rebuild"].items() if n.startswith("endcap_rebuild.parallel")}
    known = {name for path in parallel.values() for name in imports(path, at_start=False) if top(name) != name}
    assert {package_of(name) for name in known if top(name) == "endcap_rebuild"} == {"parallel", "settings"}
    assert "torch" not in imports(parallel["endcap_rebuild.parallel.local"], at_start=False)
    assert "endcap_rebuild.parallel.replicas" not in imports(parallel["endcap_rebuild.parallel.local"], at_start=True)


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_imports_itself_by_a_detour(package: str) -> None:
    assert cycle(imports_within(package)) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_package_imports_itself_by_a_detour(package: str) -> None:
    graph: dict[str, set[str]] = {}
    for name, imported in imports_within(package).items():
        own = package_of(name)
        graph.setdefault(own, set()).update({package_of(other) for other in imported} - {own})
    assert cycle(graph) == []


def test_only_the_adapters_know_the_aws_sdk() -> None:
    found = breaches(lambda _, names: AWS_SDK & {top(name) for name in names})
    assert {module for module in found if not module.startswith("endcap.aws")} == set()
    assert "endcap.aws.clients" in found


def test_only_the_runtime_builds_adapters() -> None:
    found = breaches(lambda _, names: {name for name in names if name.startswith("endcap.aws")})
    taking = ("endcap.aws", "endcap.runtime", "endcap.serving.", "endcap.desk.")  # the last two take what adapters give
    assert {module for module in found if not module.startswith(taking)} == set()
    assert "endcap.serving.materials" in found


@pytest.mark.parametrize(
    "module",
    [
        "identifiers",
        "list_ids",
        "events.types",
        "events.interaction",
        "catalog.item",
        "profiles.links",
        "profiles.profile",
        "profiles.codec",
        "profiles.identity",
    ],
)
def test_what_the_shop_knows_needs_neither_logs_nor_environment(module: str) -> None:
    known = {top(name) for name in imports(ENDCAP[f"endcap.{module}"], at_start=False)}
    assert not {"aws_lambda_powertools", "os", "time", "logging"} & known


@pytest.mark.parametrize("function", FUNCTIONS)
def test_functions_import_the_core_powertools_and_the_standard_library(function: str) -> None:
    known = {top(name) for name in imports(FUNCTIONS[function], at_start=False)}
    assert known <= {"endcap", "aws_lambda_powertools"} | set(sys.stdlib_module_names)


@cache
def fresh(script: str, *paths: Path) -> Any:
    """What a fresh interpreter prints as JSON after it ran `script`, the core and `paths` on its path."""
    script = f"import sys, json; sys.path[:0] = {[str(PACKAGES['endcap'].parent), *map(str, paths)]}; {script}"
    environment = {"POWERTOOLS_TRACE_DISABLED": "1", "POWERTOOLS_METRICS_NAMESPACE": "test", "AWS_REGION": "us-east-1"}
    out = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    return json.loads(out.stdout.splitlines()[-1])


def loaded_by(function: str) -> frozenset[str]:
    """Every module that a function's start loads."""
    return frozenset(fresh("import app; print(json.dumps([*sys.modules]))", FUNCTIONS[function].parent))


def libraries_of(function: str) -> frozenset[str]:
    """The top-level packages that a function's start loads."""
    return frozenset(map(top, loaded_by(function)))


@pytest.mark.parametrize("function", WITHOUT_NUMPY)
def test_functions_that_rank_nothing_load_no_numerics(function: str) -> None:
    assert not {"numpy", "onnxruntime", "tokenizers", "simsimd"} & libraries_of(function)


def test_function_that_rebuilds_loads_nothing_that_its_layer_lacks() -> None:
    job = PACKAGES["endcap_rebuild"].parent
    loaded = set(map(top, fresh("import app; print(json.dumps([*sys.modules]))", job, job / "function")))
    assert "scipy" in loaded
    assert not {"endcap_local", "onnx", "torch", "jinja2", "duckdb", "pydp", "moto"} & loaded


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_function_loads_what_only_the_job_or_a_developer_needs(function: str) -> None:
    unwanted = {"endcap_rebuild", "endcap_local", "scipy", "onnx", "torch", "pandas", "moto", "yaml"}
    assert not unwanted & libraries_of(function)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_function_that_traces_nothing_loads_what_traces(function: str) -> None:
    assert "aws_xray_sdk" not in libraries_of(function)


@pytest.mark.parametrize("function", WITHOUT_NUMPY)
def test_a_light_function_loads_no_part_that_it_never_uses(function: str) -> None:
    loaded = {name for name in loaded_by(function) if name.startswith(UNUSED[function])}
    assert loaded == set()


def test_packages_of_light_functions_import_no_numpy_by_themselves() -> None:
    names = ", ".join(f"endcap.{package}" for package in LIGHT_PACKAGES)
    assert "numpy" not in fresh(f"import {names}; print(json.dumps([*sys.modules]))")


def test_word_lists_are_read_with_the_first_review() -> None:
    lists = (
        "from endcap.text.sentiment import review_polarity as p, lexicon as l; size = lambda: l.lexicon.cache_info()[3]"
    )
    assert fresh(f"{lists}; print(json.dumps([size(), p('good') > 0, size()]))") == [0, True, 1]
