"""JSON that is nearly right: documents of a corpus in which something is missing, doubled, or something else."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any

from hypothesis import strategies as st

ODD_NUMBERS = (0, -1, 1e11, 1e308, -1e308, 10**400, 5e-324, 2**63, True, 1_768_471_200_000)
ODD_TEXTS = (
    "",
    " ",
    "nan",
    "null",
    "1e999",
    "-0",
    "2026-01-15T10:00:00Z",
    "0001-01-01T00:00:00+23:59",
    "\ud800",
    "\u0000",
    "a" * 129,
    "用" * 43,
    "price < 50 AND",
    "../../etc/passwd",
    "{{7*7}}",
    "$ref",
    "__proto__",
)
numbers = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(ODD_NUMBERS))
texts = st.one_of(st.text(max_size=20), st.sampled_from(ODD_TEXTS))
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=6,
)
"""Any JSON value."""


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in a JSON value, itself included."""
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, child in children:
        yield from places(child, (*path, name))


@st.composite
def mutated(draw: st.DrawFn, corpus: Sequence[Any]) -> Any:
    """A document of `corpus` with up to three changes, often with none."""
    value = copy.deepcopy(draw(st.sampled_from(corpus)))
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from(list(places(value))))
        if not path:
            value = draw(anything)
            continue
        parent = value
        for name in path[:-1]:
            parent = parent[name]
        match draw(st.sampled_from(("replace", "replace", "remove", "double", "nest"))):
            case "replace":
                parent[path[-1]] = draw(anything)
            case "remove":
                del parent[path[-1]]
            case "double" if isinstance(parent, list):
                parent += [parent[path[-1]]] * draw(st.integers(1, 3))
            case "double":
                parent[draw(texts)] = parent[path[-1]]
            case "nest":
                parent[path[-1]] = [parent[path[-1]]]
    return value
