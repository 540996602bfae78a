"""OpenAPI 3.0 made of the document in 3.1, for clients that only read the older version."""

from __future__ import annotations

from typing import Any

_NULL = {"type": "null"}


def openapi_3_0(document: dict[str, Any]) -> dict[str, Any]:
    """Return the same in OpenAPI 3.0.3. It covers what our document has, not all of 3.1."""
    licence = document["info"]["license"]
    # 3.0 has no SPDX identifiers.
    licence = {"name": licence["name"], "url": f"https://spdx.org/licenses/{licence['identifier']}.html"}
    return {**_older(document), "openapi": "3.0.3", "info": {**document["info"], "license": licence}}


def _older(value: Any, *, is_data: bool = False) -> Any:
    if is_data:
        return value
    if isinstance(value, list):
        return [_older(each) for each in value]
    if not isinstance(value, dict):
        return value
    # What is below `value` is somebody's answer, not a schema.
    older = {key: _older(each, is_data=key == "value") for key, each in value.items()}
    return _older_schema(older)


def _older_schema(schema: dict[str, Any]) -> dict[str, Any]:
    schema.pop("prefixItems", None)
    if "const" in schema:
        schema |= {"type": "string", "enum": [schema.pop("const")]}
    if isinstance(examples := schema.get("examples"), list):
        schema["example"] = examples[0]
        del schema["examples"]
    if "exclusiveMinimum" in schema:
        schema |= {"minimum": schema["exclusiveMinimum"], "exclusiveMinimum": True}
    for key in ("anyOf", "oneOf"):
        if _NULL in (choices := schema.get(key, [])):
            del schema[key]
            (schema_or_reference,) = (each for each in choices if each != _NULL)
            schema |= {**schema_or_reference, "nullable": True}
    return schema
