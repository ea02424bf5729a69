"""Pages that are written from the code when the site is built: the HTTP API, and the types of events."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from endcap.api.openapi import openapi_document
from endcap.events.types import EVENT_TYPES

DAY_S: Final = 86_400
_METHODS: Final = ("get", "put", "post", "patch", "delete")


def http_reference() -> str:
    """Markdown: every route by its tag, with what it takes, what it answers, and an example of each."""
    spec = json.loads(openapi_document())
    return "\n".join(_http(spec)) + "\n"


def event_reference() -> str:
    """Markdown: a row for each type of event."""
    rows = ["# Events", "", "What `event_type` may say; any other name is taken as a custom type."]
    rows += ["", "| event_type | weight | half after | needs | in Google Analytics 4 | in Segment |"]
    rows += ["| --- | --: | --: | --- | --- | --- |"]
    for event in EVENT_TYPES.values():
        names = (", ".join(f"`{name}`" for name in given) for given in (event.needs, event.ga4, event.segment))
        rows.append(f"| `{event.name}` | {event.weight:g} | {event.half_life_s / DAY_S:g} days | {' | '.join(names)} |")
    return "\n".join(rows) + "\n"


def _http(spec: Mapping[str, Any]) -> Iterator[str]:
    yield "# HTTP API"
    yield ""
    yield "Written from the contract that `GET /openapi.json` answers. Bodies are JSON; errors are problem+json."
    for tag in spec["tags"]:
        operations = [
            (method, path, operation)
            for path, operations in spec["paths"].items()
            for method, operation in operations.items()
            if method in _METHODS and operation["tags"] == [tag["name"]]
        ]
        if operations:
            yield from ("", f"## {tag['description']}")
        for method, path, operation in operations:
            yield from ("", f"### {method.upper()} {path}", "", f"{operation['summary']}.")
            yield from _described(operation, spec)


def _described(operation: Mapping[str, Any], spec: Mapping[str, Any]) -> Iterator[str]:
    if operation.get("description"):
        yield from ("", operation["description"])
    parameters = [_resolved(one, spec) for one in operation.get("parameters", ())]
    if parameters:
        yield from ("", "| parameter | in | |", "| --- | --- | --- |")
        for one in parameters:
            needed = " (needed)" if one.get("required") else ""
            yield f"| `{one['name']}` | {one['in']} | {_cell(one.get('description', ''))}{needed} |"
    for media, body in operation.get("requestBody", {}).get("content", {}).items():
        names = ", ".join(f"`{name}`" for name in _names(body.get("schema", {})))
        yield from ("", f"Body ({media}): {names}" if names else f"Body ({media})")
        for example in list(body.get("examples", {}).values())[:1]:
            yield from _code(example["value"])
    for status, answer in operation["responses"].items():
        if not status.startswith("2"):
            continue
        schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
        answers = list(_names(schema))
        yield from ("", f"Answers {status}" + (f": {', '.join(f'`{name}`' for name in answers)}" if answers else ""))
        for name in answers[:1]:
            for example in spec["components"]["schemas"][name].get("examples", ())[:1]:
                yield from _code(example)
    problems = [status for status in operation["responses"] if not status.startswith("2")]
    yield from ("", f"Problems: {', '.join(problems)}")


def _resolved(node: Mapping[str, Any], spec: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in node:
        return node
    found: Any = spec
    for part in node["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return dict(found)


def _names(schema: Mapping[str, Any]) -> Iterator[str]:
    if "$ref" in schema:
        yield schema["$ref"].rpartition("/")[2]
    for option in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        yield from _names(option)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _code(value: Any) -> tuple[str, ...]:
    return ("", "```json", json.dumps(value, indent=2, ensure_ascii=False), "```")
