"""JSON schemas of models, as OpenAPI 3.1 wants them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from endcap.api.schemas import listed
from endcap.catalog.item import one_or_many
from endcap.identifiers import ANONYMOUS_PREFIX, MAX_ID_BYTES, clean_id, clean_user_id
from endcap.validation import digits, timestamp_ms

REF: Final = "#/components/schemas/{model}"
TIMESTAMP: Final = {
    "type": ["string", "number"],
    "description": "ISO 8601, or unix time in seconds (from 1e11 on in milliseconds)",
}
_ID: Final = {
    "minLength": 1,
    "pattern": r"^[^\u0000-\u001f\u007f-\u009f]+$",
    "description": f"at most {MAX_ID_BYTES} bytes of UTF-8 without control characters",
}
_USER_ID: Final = _ID | {
    "pattern": rf"^(?!{ANONYMOUS_PREFIX})[^\u0000-\u001f\u007f-\u009f]+$",
    "description": f"{_ID['description']}, not beginning with {ANONYMOUS_PREFIX!r}",
}


class ApiSchema(GenerateJsonSchema):
    """Schemas that know what our own validators take."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        """Never: the name says it."""
        return False

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        """What a validator that looks at the raw value takes."""
        function = _function(schema)
        if function is timestamp_ms:
            return dict(TIMESTAMP)
        inner = super().function_before_schema(schema)
        if function is digits:
            return inner | {"type": [inner["type"], "integer"]}
        if function is one_or_many:
            return {"anyOf": [inner["items"], inner]}
        return inner | {"x-comma-separated": True} if function is listed else inner

    def function_after_schema(self, schema: core_schema.AfterValidatorFunctionSchema) -> JsonSchemaValue:
        """What a validator that looks at the parsed value takes."""
        inner = super().function_after_schema(schema)
        of_ids = {clean_id: _ID, clean_user_id: _USER_ID}
        if _function(schema) in of_ids:
            inner |= of_ids[_function(schema)] | {"maxLength": min(inner.get("maxLength", MAX_ID_BYTES), MAX_ID_BYTES)}
        return inner


def components(types: Sequence[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A schema or reference for each of `types`, by the position as text, and the components they refer to."""
    inputs = [(str(index), "validation", TypeAdapter(kind)) for index, kind in enumerate(types)]
    schemas, defined = TypeAdapter.json_schemas(inputs, schema_generator=ApiSchema, ref_template=REF)  # type: ignore[arg-type]
    found = {key: schema for (key, _), schema in schemas.items()}
    names: dict[str, Any] = defined.get("$defs", {})
    for schema in names.values():
        schema["description"] = _one_paragraph(schema.get("description", ""))
        schema.pop("title", None)
    return found, dict(sorted(names.items()))


def walked(schema: Any, visit: Callable[[dict[str, Any]], None]) -> None:
    """Call `visit` with every object in `schema`, inner ones first."""
    for child in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        walked(child, visit)
    if isinstance(schema, dict):
        visit(schema)


def _function(schema: Mapping[str, Any]) -> Any:
    return schema["function"]["function"]


def _one_paragraph(text: str) -> str:
    return " ".join(text.split())
