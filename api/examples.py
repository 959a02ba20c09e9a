"""An example of everything that is sent, made of the examples of its fields."""

from typing import Any

Schemas = dict[str, dict[str, Any]]
_BY_FORMAT = {
    "uuid": "5f0c8f0e-5d1e-4a5e-9f0e-0d6c6b1f6a01",
    "date-time": "2026-11-01T10:00:00Z",
    "email": "max@acme.example",
}
_BY_TYPE = {"string": "", "integer": 1, "number": 1.5, "boolean": False, "null": None}


def example_of(schema: dict[str, Any], schemas: Schemas) -> Any:
    """Return an example of the schema, whose references are to `schemas`."""
    for given in ("examples", "enum"):
        if schema.get(given):
            return schema[given][0]
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    for given in ("const", "default"):
        if given in schema:
            return schema[given]
    if "anyOf" in schema:
        return example_of(schema["anyOf"][0], schemas)
    return _of_type(schema, schemas)


def _of_type(schema: dict[str, Any], schemas: Schemas) -> Any:
    if schema.get("type") == "object":
        fields = schema.get("properties", {})
        return {name: example_of(field, schemas) for name, field in fields.items()}
    if schema.get("type") == "array":
        return [example_of(schema["items"], schemas)]
    return _BY_FORMAT.get(schema.get("format", ""), _BY_TYPE.get(schema.get("type", ""), {}))
