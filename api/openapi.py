"""The description of the API, complete with its errors (docs/openapi.json is a copy)."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api import problems
from api.answers import REF, answers
from api.problems import Problem

_DESCRIPTION = """\
Reads what Augentis found: hourly telemetry, the artifacts whose assumptions it was compared with, divergence
reports and what rests on them. A request speaks for one organisation, that of its token. Lists come newest
first, in pages. Errors are `application/problem+json` with a `type` that never changes. Every response has an
`X-Request-ID`."""


def document(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document, made once."""
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title, version=app.version, description=_DESCRIPTION, routes=app.routes
        )
        components = schema.setdefault("components", {}).setdefault("schemas", {})
        problem = Problem.model_json_schema(ref_template=REF)
        components.update(problem.pop("$defs", {}))
        components["Problem"] = problem
        for unused in ("HTTPValidationError", "ValidationError"):
            components.pop(unused, None)
        _describe_not_ready(schema)
        app.openapi_schema = schema
    return app.openapi_schema


def _describe_not_ready(schema: dict[str, Any]) -> None:
    ready = schema["paths"]["/readyz"]["get"]["responses"]
    ready["503"] = answers(problems.NOT_READY)[503] | {"description": ready["503"]["description"]}
