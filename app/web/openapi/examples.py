"""Examples made from schemas, so that every request and response shows one."""

from collections.abc import Mapping
from typing import Any

_BY_FORMAT = {
    "date-time": "2026-03-12T08:30:04Z",
    "date": "2026-03-12",
    "uri": "https://example.com/",
    "email": "ada@example.com",
}
_BY_TYPE: dict[str, Any] = {"string": "text", "integer": 1, "number": 1.5, "boolean": False, "null": None}


def example_of(schema: Mapping[str, Any], components: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a JSON value
    """Return a value that fits the schema: the example it names, else one put together from its parts."""
    if "$ref" in schema:
        return example_of(components[str(schema["$ref"]).rpartition("/")[2]], components)
    if "example" in schema:
        return schema["example"]
    for word in ("examples", "enum"):
        if schema.get(word):
            return schema[word][0]
    for word in ("const", "default"):
        if schema.get(word) is not None:
            return schema[word]
    for word in ("anyOf", "oneOf", "allOf"):
        if schema.get(word):
            return example_of(schema[word][0], components)
    return _of_type(schema, components)


def _of_type(schema: Mapping[str, Any], components: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a JSON value
    kind = schema.get("type")
    if kind == "object" or "properties" in schema:
        properties: Mapping[str, Any] = schema.get("properties", {})
        return {name: example_of(part, components) for name, part in properties.items()}
    if kind == "array":
        if "prefixItems" in schema:
            return [example_of(part, components) for part in schema["prefixItems"]]
        return [example_of(schema["items"], components)] if schema.get("items") else []
    if kind == "string":
        return _BY_FORMAT.get(str(schema.get("format")), _BY_TYPE["string"])
    if kind in ("integer", "number"):
        return schema.get("minimum", _BY_TYPE[kind])
    return _BY_TYPE.get(str(kind), {})
