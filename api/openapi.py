"""The description of the API, with its errors, headers and examples (docs/openapi.json is a copy)."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import iter_route_contexts

from api import problems
from api.answers import REF, answers, problem_examples
from api.examples import example_of
from api.problems import MEDIA_TYPE, Problem
from api.schemas.base import Versioned

_DESCRIPTION = """\
What a product team writes down, what production says to it, and what Augentis found: hourly telemetry, the
artifacts whose assumptions it was compared with, divergence reports and what rests on them. A request speaks
for one organisation, that of its token. Lists come in pages. Errors are `application/problem+json` with a
`type` that never changes. Every response has an `X-Request-ID`."""
_HEADERS = {
    "ETag": ("the version of what is shown; send it as If-Match to change it", '"3"'),
    "Location": ("where to find what was made", "/v1/projects/5f0c8f0e-5d1e-4a5e-9f0e-0d6c6b1f6a01"),
    "Idempotency-Replayed": ("`true`: this was answered before, under the same Idempotency-Key", "true"),
    "RateLimit-Policy": ("how many requests (q) in how many seconds (w)", '"caller";q=1200;w=60'),
    "RateLimit": ("how many are left (r), in how many seconds all are there again (t)", '"caller";r=9;t=6'),
    "Retry-After": ("seconds to wait", "5"),
    "WWW-Authenticate": ("RFC 6750", 'Bearer realm="augentis", error="invalid_token"'),
    "X-Request-ID": ("of the request, or made up", "2f1c2a52-61a5-4f0a-9a5f-0c2b7f2f7a10"),
}
_LIMITS = ("RateLimit-Policy", "RateLimit")
_BY_STATUS = {
    "201": ("Location",),
    "401": ("WWW-Authenticate",),
    "412": ("ETag",),
    "429": ("Retry-After",),
    "503": ("Retry-After",),
}


def document(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document, made once."""
    if app.openapi_schema is None:
        app.openapi_schema = _document(app)
    return app.openapi_schema


def _document(app: FastAPI) -> dict[str, Any]:
    schema = get_openapi(title=app.title, version=app.version, description=_DESCRIPTION, routes=app.routes)
    components = schema.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    problem = Problem.model_json_schema(ref_template=REF)
    schemas.update(problem.pop("$defs", {}))
    schemas["Problem"] = problem
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    components["examples"] = problem_examples()
    components["headers"] = {
        name: {"description": text, "schema": {"type": "string"}, "example": example}
        for name, (text, example) in _HEADERS.items()
    }
    ready = schema["paths"]["/readyz"]["get"]["responses"]
    ready["503"] = answers(problems.NOT_READY)[503] | {"description": ready["503"]["description"]}
    versioned = set(_versioned(app))
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            _give_examples(operation, schemas)
            _give_headers(path, method, operation, versioned=(path, method) in versioned)
            _demand_versions(operation)
            _share_problems(operation, components.setdefault("responses", {}))
    return schema


def _versioned(app: FastAPI) -> Iterator[tuple[str, str]]:
    for route in iter_route_contexts(app.routes):
        shown = getattr(route, "response_model", None)
        if isinstance(shown, type) and issubclass(shown, Versioned):
            yield from ((str(route.path_format), method.lower()) for method in route.methods or ())


def _give_examples(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    for described in (operation.get("requestBody", {}), *operation["responses"].values()):
        media = described.get("content", {}).get("application/json")
        if media:
            media["example"] = example_of(media["schema"], schemas)


def _give_headers(path: str, method: str, operation: dict[str, Any], *, versioned: bool) -> None:
    for status, response in operation["responses"].items():
        names = ["X-Request-ID", *_BY_STATUS.get(status, ())]
        names += _LIMITS if path.startswith("/v1/") else ()
        if status.startswith("2") and status != "204":
            names += ["ETag"] if versioned else []
            names += ["Idempotency-Replayed"] if method == "post" and "security" in operation else []
        response["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in sorted(names)}


def _demand_versions(operation: dict[str, Any]) -> None:
    """Say that If-Match is required where a request without it is refused (428)."""
    for parameter in operation.get("parameters", ()) if "428" in operation["responses"] else ():
        if parameter["name"] == "If-Match":
            parameter["required"] = True


def _share_problems(operation: dict[str, Any], shared: dict[str, Any]) -> None:
    """Say each answer that many routes give once, by the kinds of its problems."""
    for status, response in operation["responses"].items():
        kinds = response.get("content", {}).get(MEDIA_TYPE, {}).get("examples")
        if kinds:
            shared[".".join(kinds)] = response
            operation["responses"][status] = {"$ref": f"#/components/responses/{'.'.join(kinds)}"}
