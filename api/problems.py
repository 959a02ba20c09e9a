"""Errors as problem+json (RFC 9457), one type a cause."""

import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException

from api.auth.keys import IssuerAwayError
from storage.database import AWAY, is_away

MEDIA_TYPE = "application/problem+json"
PREFIX = "urn:augentis:problem:"

log = logging.getLogger(__name__)


class Kind(NamedTuple):
    """A cause: its status, the end of its type, and a title that never changes."""

    status: int
    slug: str
    title: str


NO_TOKEN = Kind(401, "no-token", "No token was sent")
BAD_TOKEN = Kind(401, "bad-token", "The token is not valid")
NOT_A_MEMBER = Kind(403, "not-a-member", "Not a member of the token's organisation")
WRONG_WORKSPACE = Kind(403, "wrong-workspace", "The token's workspace is not of its organisation")
ROLE_TOO_LOW = Kind(403, "role-too-low", "The role does not allow this")
SCOPE_MISSING = Kind(403, "scope-missing", "The key's scopes do not allow this")
IDENTITY_REFUSED = Kind(403, "identity-refused", "This identity cannot sign in")
NOT_FOUND = Kind(404, "not-found", "Not there, or not yours")
METHOD_NOT_ALLOWED = Kind(405, "method-not-allowed", "This method is not allowed here")
NOT_ACCEPTABLE = Kind(406, "not-acceptable", "Only JSON is sent")
INVITATION_GONE = Kind(409, "invitation-gone", "The invitation cannot be accepted")
CHOOSE_ORGANIZATION = Kind(409, "choose-organization", "A member of several organisations has to name one")
INVALID = Kind(422, "invalid-request", "The request is not valid")
INTERNAL = Kind(500, "internal", "The server failed")
DATABASE_AWAY = Kind(503, "database-away", "The database does not answer")
ISSUER_AWAY = Kind(503, "issuer-away", "The issuer's keys cannot be read")
NOT_READY = Kind(503, "not-ready", "The service is not ready")
_BY_STATUS = {kind.status: kind for kind in (NOT_FOUND, METHOD_NOT_ALLOWED, NOT_ACCEPTABLE)}


class FieldError(BaseModel):
    """What is wrong with one field of a request."""

    path: str = Field(examples=["query.limit"])
    message: str = Field(examples=["Input should be less than or equal to 200"])


class Problem(BaseModel):
    """An error (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=[PREFIX + NOT_FOUND.slug])
    title: str = Field(examples=[NOT_FOUND.title])
    status: int = Field(examples=[NOT_FOUND.status])
    detail: str | None = Field(None, examples=["there is no such report"])
    instance: str = Field(examples=["/v1/divergence-reports/5f0c8f0e-5d1e-4a5e-9f0e-0d6c6b1f6a01"])
    request_id: str = Field(examples=["2f1c2a52-61a5-4f0a-9a5f-0c2b7f2f7a10"])
    errors: list[FieldError] | None = Field(None, description="what is wrong where, of an invalid request")


class ProblemError(Exception):
    """Ends a request with a problem."""

    def __init__(
        self, kind: Kind, detail: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail or kind.title)
        self.kind = kind
        self.detail = detail
        self.headers = headers


def respond(
    request: Request,
    kind: Kind,
    detail: str | None = None,
    *,
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> Response:
    """Return the problem as a response; `more` are members of its own."""
    problem = Problem(
        type=PREFIX + kind.slug,
        title=kind.title,
        status=kind.status,
        detail=detail,
        instance=request.url.path,
        request_id=request.scope.get("request_id", ""),
        **more,
    )
    return Response(
        problem.model_dump_json(exclude_none=True), kind.status, dict(headers or {}), media_type=MEDIA_TYPE
    )


def install(app: FastAPI) -> None:
    """Let every error that a route can meet leave as a problem; the rest is `unexpected`."""
    app.add_exception_handler(ProblemError, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(IssuerAwayError, _issuer_away)
    for error in (DBAPIError, PoolTimeoutError, *AWAY):
        app.add_exception_handler(error, _database)


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)  # noqa: S101  # as installed
    return respond(request, error.kind, error.detail, headers=error.headers)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  # as installed
    faults = [
        FieldError(path=".".join(str(part) for part in fault["loc"]), message=_message(fault))
        for fault in error.errors()
    ]
    return respond(request, INVALID, "`errors` says what is wrong where", errors=faults)


def _message(fault: Mapping[str, Any]) -> str:
    return "there is no such parameter" if fault["type"] == "extra_forbidden" else str(fault["msg"])


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # as installed
    kind = _BY_STATUS.get(error.status_code)
    if kind is None:
        kind = Kind(error.status_code, "http", str(error.detail))
    return respond(request, kind, headers=error.headers)


async def _issuer_away(request: Request, error: Exception) -> Response:
    return respond(request, ISSUER_AWAY, str(error), headers={"Retry-After": "30"})


async def _database(request: Request, error: Exception) -> Response:
    if isinstance(error, DBAPIError) and not _is_away(error):
        return await unexpected(request, error)
    log.warning("the database does not answer: %s", error)
    return respond(request, DATABASE_AWAY, headers={"Retry-After": "5"})


def _is_away(error: DBAPIError) -> bool:
    return error.connection_invalidated or isinstance(error, InterfaceError) or is_away(error)


async def unexpected(request: Request, error: Exception) -> Response:
    """Log an error that nobody expected, and return what its caller may know of it."""
    # What happened is the log's to say: a stack trace in a response tells strangers how we are built.
    log.error("request %s failed", request.scope.get("request_id"), exc_info=error)
    return respond(request, INTERNAL)
