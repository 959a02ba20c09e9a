"""Every error that a request can end with, as the problem that its caller may know of."""

import logging
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException

from api import problems, refusals
from api.auth.keys import IssuerAwayError
from api.etags import etag
from api.problems import FieldError, Kind, ProblemError, respond
from detectors.assumptions import ContentError
from routing.spans import spelt
from storage.database import AWAY, is_away
from storage.errors import NotAllowedError, NotApprovableError, NotThereError, StaleError

log = logging.getLogger(__name__)

_BY_STATUS = {
    kind.status: kind
    for kind in (
        problems.NOT_FOUND,
        problems.METHOD_NOT_ALLOWED,
        problems.NOT_ACCEPTABLE,
        problems.TOO_LARGE,
    )
}
_REFUSALS: Mapping[type[Exception], Kind] = {
    NotThereError: problems.NOT_FOUND,
    NotAllowedError: problems.ROLE_TOO_LOW,
    NotApprovableError: problems.CONFLICT,
}

_AN_OBJECT = "send a JSON object"
# Where pydantic speaks of Python.
_WORDS = {
    "model_attributes_type": _AN_OBJECT,
    "dict_type": _AN_OBJECT,
    "uuid_type": "send a UUID",
    "timezone_aware": "say the offset as well, as in 2026-11-01T10:00:00Z",
}
_PART = re.compile(r"(days|seconds)=([0-9]+)")
_SPAN = re.compile(r"datetime\.timedelta\(([a-z0-9=, ]*)\)")


def install(app: FastAPI) -> None:
    """Let every error that a route can meet leave as a problem; the rest is `unexpected`."""
    app.add_exception_handler(ProblemError, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(IssuerAwayError, _issuer_away)
    app.add_exception_handler(StaleError, _stale)
    app.add_exception_handler(ContentError, _content)
    for refusal in _REFUSALS:
        app.add_exception_handler(refusal, _refusal)
    for error in (DBAPIError, PoolTimeoutError, *AWAY):
        app.add_exception_handler(error, _database)


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)  # noqa: S101  # as installed
    return respond(request, error.kind, error.detail, headers=error.headers, errors=error.errors)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  # as installed
    faults = [_fault(fault) for fault in error.errors()]
    return respond(request, problems.INVALID, problems.WHERE, errors=faults)


def _fault(fault: Mapping[str, Any]) -> FieldError:
    return FieldError(path=".".join(str(part) for part in fault["loc"]), message=_message(fault))


def _message(fault: Mapping[str, Any]) -> str:
    if fault["type"] == "extra_forbidden":
        return f"there is no such {'field' if fault['loc'][0] == 'body' else 'parameter'}"
    if fault["type"] == "missing" and fault["loc"] == ("body",):
        return _AN_OBJECT
    said = _WORDS.get(fault["type"]) or str(fault["msg"]).removeprefix("Value error, ")
    return _SPAN.sub(_spelt, said)


def _spelt(match: re.Match[str]) -> str:
    return spelt(timedelta(**{name: int(number) for name, number in _PART.findall(match[1])}))


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # as installed
    kind = _BY_STATUS.get(error.status_code)
    if kind is None:
        kind = Kind(error.status_code, "http", str(error.detail))
    headers = {"Allow": _allowed(request)} if kind is problems.METHOD_NOT_ALLOWED else error.headers
    return respond(request, kind, headers=headers)


def _allowed(request: Request) -> str:
    """Return all methods of the path: the router knows those of the first route that it found."""
    routes = iter_route_contexts(request.app.routes)
    matching = (each for each in routes if each.path_regex.match(request.url.path))
    return ", ".join(sorted({method for each in matching for method in each.methods or ()}))


async def _issuer_away(request: Request, error: Exception) -> Response:
    return respond(request, problems.ISSUER_AWAY, str(error), headers={"Retry-After": "30"})


async def _stale(request: Request, error: Exception) -> Response:
    assert isinstance(error, StaleError)  # noqa: S101  # as installed
    return respond(request, problems.STALE, str(error), headers={"ETag": etag(error.version)})


async def _refusal(request: Request, error: Exception) -> Response:
    return respond(request, _REFUSALS[type(error)], str(error))


async def _content(request: Request, error: Exception) -> Response:
    faults = [line.partition(": ") for line in str(error).splitlines()]
    errors = [
        FieldError(path=path if path == "content" else f"content.{path}", message=message)
        for path, _, message in faults
    ]
    return respond(request, problems.CONFLICT, problems.WHERE, errors=errors)


async def _database(request: Request, error: Exception) -> Response:
    if isinstance(error, DBAPIError) and not _is_away(error):
        refused = refusals.problem(error)
        return await (_problem(request, refused) if refused else unexpected(request, error))
    log.warning("the database does not answer: %s", error)
    return respond(request, problems.DATABASE_AWAY, headers={"Retry-After": "5"})


def _is_away(error: DBAPIError) -> bool:
    return error.connection_invalidated or isinstance(error, InterfaceError) or is_away(error)


async def unexpected(request: Request, error: Exception) -> Response:
    """Log an error that nobody expected, and return what its caller may know of it."""
    # What happened is the log's to say: a stack trace in a response tells strangers how we are built.
    log.error("request %s failed", request.scope.get("request_id"), exc_info=error)
    return respond(request, problems.INTERNAL)
