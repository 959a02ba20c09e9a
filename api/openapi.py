"""The description of the API, complete with its errors (docs/openapi.json is a copy)."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api import problems
from api.problems import MEDIA_TYPE, Kind, Problem

_REF = "#/components/schemas/{model}"
_DESCRIPTION = """\
Reads what Augentis found: hourly telemetry, the artifacts whose assumptions it was compared with, divergence
reports and what rests on them. A request speaks for one organisation, that of its token. Lists come newest
first, in pages. Errors are `application/problem+json` with a `type` that never changes. Every response has an
`X-Request-ID`."""


def problem_responses() -> dict[int | str, dict[str, Any]]:
    """Return what every route under /v1 may answer instead."""
    kinds = (
        problems.BAD_TOKEN,
        problems.NOT_A_MEMBER,
        problems.NOT_FOUND,
        problems.NOT_ACCEPTABLE,
        problems.INVALID,
        problems.INTERNAL,
        problems.DATABASE_AWAY,
    )
    return {kind.status: _response(kind) for kind in kinds}


def _response(kind: Kind) -> dict[str, Any]:
    example = {
        "type": problems.PREFIX + kind.slug,
        "title": kind.title,
        "status": kind.status,
        "instance": "/v1/divergence-reports",
        "request_id": "2f1c2a52-61a5-4f0a-9a5f-0c2b7f2f7a10",
    }
    if kind is problems.INVALID:
        example["errors"] = [{"path": "query.limit", "message": "Input should be less than or equal to 200"}]
    return {
        "description": kind.title,
        "content": {MEDIA_TYPE: {"schema": {"$ref": _REF.format(model="Problem")}, "example": example}},
    }


def document(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document, made once."""
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title, version=app.version, description=_DESCRIPTION, routes=app.routes
        )
        components = schema.setdefault("components", {}).setdefault("schemas", {})
        problem = Problem.model_json_schema(ref_template=_REF)
        components.update(problem.pop("$defs", {}))
        components["Problem"] = problem
        for unused in ("HTTPValidationError", "ValidationError"):
            components.pop(unused, None)
        _describe_not_ready(schema)
        app.openapi_schema = schema
    return app.openapi_schema


def _describe_not_ready(schema: dict[str, Any]) -> None:
    ready = schema["paths"]["/readyz"]["get"]["responses"]
    ready["503"] = _response(problems.NOT_READY) | {"description": ready["503"]["description"]}
