"""Errors as problem+json (RFC 9457), one type a cause."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict, Field

MEDIA_TYPE = "application/problem+json"
PREFIX = "urn:augentis:problem:"


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
OWN_EVIDENCE = Kind(403, "own-evidence", "Evidence is reviewed by somebody else than its author")
NOT_ITS_AUTHOR = Kind(403, "not-its-author", "Evidence is changed by its author alone")
NOT_FOUND = Kind(404, "not-found", "Not there, or not yours")
METHOD_NOT_ALLOWED = Kind(405, "method-not-allowed", "This method is not allowed here")
NOT_ACCEPTABLE = Kind(406, "not-acceptable", "Only JSON is sent")
CONFLICT = Kind(409, "conflict", "It conflicts with what is there")
NAME_TAKEN = Kind(409, "name-taken", "The name is taken")
PROJECT_LIMIT = Kind(409, "project-limit", "The organisation has as many projects as its tier allows")
LAST_ADMIN = Kind(409, "last-admin", "An organisation keeps at least one ADMIN")
STATUS_STEP = Kind(409, "status-step", "This status does not follow from that one")
FROZEN = Kind(409, "frozen", "What is approved does not change")
EVIDENCE_FROZEN = Kind(409, "evidence-frozen", "Evidence that is in review, or was reviewed, does not change")
CIRCLE = Kind(409, "circle", "Nothing rests on itself")
EVIDENCE_TOO_LOW = Kind(409, "evidence-too-low", "A gate takes evidence of E2 or more")
WRONG_GATE = Kind(409, "wrong-gate", "It is not the gate that the project is at")
NOT_OVERRIDABLE = Kind(409, "not-overridable", "This decision cannot be overridden")
PROJECT_ARCHIVED = Kind(409, "project-archived", "The project is archived")
REPORT_STEP = Kind(409, "report-step", "This does not follow from how the report stands")
DATA_DECIDED = Kind(409, "data-decided", "What the data resolved no person changes")
CHANNEL_LIMIT = Kind(409, "channel-limit", "The organisation has as many channels as it may")
CHANNEL_DISABLED = Kind(409, "channel-disabled", "Nothing is sent to the channel")
DELIVERY_STEP = Kind(409, "delivery-step", "This does not follow from how the delivery stands")
ALERT_LIMIT = Kind(409, "alert-limit", "The organisation has as many of these as it may")
INVITATION_GONE = Kind(409, "invitation-gone", "The invitation cannot be accepted")
EXECUTION_STEP = Kind(409, "execution-step", "This does not follow from how the execution stands")
RETRIES_USED = Kind(409, "retries-used", "It was tried as often as it may be")
AGENT_INACTIVE = Kind(409, "agent-inactive", "The agent is switched off")
CHOOSE_ORGANIZATION = Kind(409, "choose-organization", "A member of several organisations has to name one")
IDEMPOTENCY_CONFLICT = Kind(409, "idempotency-conflict", "The Idempotency-Key belongs to another request")
STALE = Kind(412, "stale", "It has changed since it was read")
TOO_LARGE = Kind(413, "too-large", "The body is too large")
UNSUPPORTED_MEDIA_TYPE = Kind(415, "unsupported-media-type", "Only JSON is understood")
INVALID = Kind(422, "invalid-request", "The request is not valid")
UNKNOWN_MODEL = Kind(422, "unknown-model", "No price is known for this model")
IF_MATCH_REQUIRED = Kind(428, "if-match-required", "Say which version is meant")
TOO_MANY_REQUESTS = Kind(429, "too-many-requests", "Too many requests")
INTERNAL = Kind(500, "internal", "The server failed")
DATABASE_AWAY = Kind(503, "database-away", "The database does not answer")
ISSUER_AWAY = Kind(503, "issuer-away", "The issuer's keys cannot be read")
NOT_READY = Kind(503, "not-ready", "The service is not ready")
WHERE = "`errors` says what is wrong where"


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
    errors: list[FieldError] | None = Field(None, description="what is wrong where")


class ProblemError(Exception):
    """Ends a request with a problem."""

    def __init__(
        self,
        kind: Kind,
        detail: str | None = None,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[FieldError] | None = None,
    ) -> None:
        super().__init__(detail or kind.title)
        self.kind = kind
        self.detail = detail
        self.headers = headers
        self.errors = errors


def invalid(path: str, message: str) -> ProblemError:
    """Return the problem of one field that is not valid, to be raised; `path` is as in `body.name`."""
    return ProblemError(INVALID, WHERE, errors=[FieldError(path=path, message=message)])


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
