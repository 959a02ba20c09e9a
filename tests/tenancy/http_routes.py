"""Every route of the API: what a good request to it is, and who may send one."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.tenancy.callers import OUTSIDERS, STRANGERS
from tests.world import indicators

OK, LOW, GONE, UNKNOWN = "ok", "403 role-too-low", "404 not-found", "422 invalid-request"
ADMINS = {"ann", "sam"}
MEMBERS = {*ADMINS, "max", "max, in a2"}
COMMENTERS = {"cem", "cem, who only looks at a2"}
VIEWERS = {"vic", "eve", "eve, who may not edit a2"}
EVERYBODY = {*MEMBERS, *COMMENTERS, *VIEWERS, "ann in a1"}
RUNNERS = {"a key of a1": "403 scope-missing", "a key for publishing": "403 scope-missing"}
MACHINE = {"a key of a1": OK, "a key for publishing": "403 scope-missing"}
NO_MACHINE = {"a key of a1": LOW, "a key for publishing": LOW}


@dataclass(frozen=True)
class Row:
    """A route: who of A may, what somebody from outside is told, the body, which ids its path takes.

    `outside` is for bob, sam by a token of B, ann in a2, a key of a2, a key of B; all ask for a1.
    """

    allowed: set[str]
    outside: tuple[str, ...]
    body: Any = None
    ids: dict[str, str] = field(default_factory=dict)
    machines: dict[str, str] = field(default_factory=lambda: NO_MACHINE)
    but: dict[str, str] = field(default_factory=dict)

    def expected(self) -> dict[str, str]:
        """Return what each caller is answered."""
        return {
            **STRANGERS,
            **{who: OK if who in self.allowed else LOW for who in EVERYBODY},
            **dict(zip(OUTSIDERS, self.outside, strict=True)),
            **self.machines,
            **self.but,
        }


def _reads(*outside: str, **more: Any) -> Row:
    """Return a read of what is a project's: of a1, unless it is a list of what the caller sees."""
    told = outside or (GONE, GONE, GONE, GONE, GONE)
    return Row(EVERYBODY, told, machines=MACHINE, **more)


def _reads_people(*outside: str, **more: Any) -> Row:
    return Row(EVERYBODY, (*outside, LOW, LOW), **more)


def _edits(body: Any = None, **ids: str) -> Row:
    """Return an edit in a project, where a role in the project stands in place of the organisation's."""
    allowed = {*MEMBERS, "eve", "ann in a1"}
    return Row(allowed, (GONE, GONE, GONE, LOW, LOW), body, ids)


def _comments(body: Any = None) -> Row:
    """Return what a COMMENTER may as well."""
    allowed = {*MEMBERS, "cem", "eve", "ann in a1"}
    return Row(allowed, (GONE, GONE, GONE, LOW, LOW), body)


def _runs(body: Any = None, **ids: str) -> Row:
    """Return what an editor may do in a runner's place; the keys here have no scope `run`."""
    missing = "403 scope-missing"
    allowed = {*MEMBERS, "eve", "ann in a1"}
    return Row(allowed, (GONE, GONE, GONE, missing, missing), body, ids, RUNNERS)


def _administers(body: Any = None, *outside: str, **ids: str) -> Row:
    """Return an ADMIN's, of a project; in B sam is none."""
    return Row({*ADMINS, "ann in a1"}, (*(outside or (GONE, LOW, GONE)), LOW, LOW), body, ids)


def _administers_all(body: Any = None, *outside: str, **ids: str) -> Row:
    """Return an ADMIN's, of all of the organisation: by no token of one workspace."""
    return Row(ADMINS, (*(outside or (GONE, LOW, LOW)), LOW, LOW), body, ids)


_LIST = (OK, OK, OK, OK, OK)
_OWN_LIST = (OK, OK, OK)
_HIDDEN = (GONE, GONE, GONE)
# Members are those of the organisation, whatever the workspace.
_MEMBER = (GONE, GONE, OK)
_SOON = (datetime.now(UTC) + timedelta(days=30)).isoformat()
_PROBLEM = "It takes too long to pay."

ROUTES = {
    "GET /v1/workspaces": _reads_people(*_OWN_LIST),
    "POST /v1/workspaces": Row({*MEMBERS, *COMMENTERS}, (OK, LOW, LOW, LOW, LOW), {"name": "Another team"}),
    "GET /v1/workspaces/{workspace_id}": _reads_people(*_HIDDEN),
    "PATCH /v1/workspaces/{workspace_id}": Row(
        {*MEMBERS, *COMMENTERS, "ann in a1"}, (GONE, GONE, GONE, LOW, LOW), {"name": "Renamed"}
    ),
    "GET /v1/projects": _reads(*_LIST),
    "POST /v1/projects": Row(
        {*MEMBERS, *COMMENTERS, "ann in a1"},
        (UNKNOWN, UNKNOWN, UNKNOWN, LOW, LOW),
        {"workspace_id": "{workspace}", "name": "Another", "problem_statement": _PROBLEM},
    ),
    "GET /v1/projects/{project_id}": _reads(),
    "PATCH /v1/projects/{project_id}": _edits({"name": "Renamed"}),
    "DELETE /v1/projects/{project_id}": _edits(),
    "GET /v1/projects/{project_id}/access": _reads_people(*_HIDDEN),
    "GET /v1/projects/{project_id}/access/{user_id}": _reads_people(*_HIDDEN, ids={"user_id": "granted"}),
    "PUT /v1/projects/{project_id}/access/{user_id}": _administers({"role": "EDITOR"}),
    "DELETE /v1/projects/{project_id}/access/{user_id}": _administers(user_id="granted"),
    "GET /v1/projects/{project_id}/artifacts": _reads(),
    "POST /v1/projects/{project_id}/artifacts": _edits({"type": "PRD", "depends_on": ["{code}"]}),
    "GET /v1/artifacts/{artifact_id}": _reads(),
    "PATCH /v1/artifacts/{artifact_id}": _edits({"status": "REVIEW"}, artifact_id="code"),
    "POST /v1/artifacts/{artifact_id}/tags": _edits({"tag_name": "new"}),
    "DELETE /v1/artifacts/{artifact_id}/tags/{tag_name}": _edits(),
    "POST /v1/artifacts/{artifact_id}/dependencies": _edits({"depends_on_id": "{other}"}, artifact_id="code"),
    "GET /v1/artifacts/{artifact_id}/cascade": _reads(),
    "GET /v1/artifacts/{artifact_id}/backtest": _reads(),
    "POST /v1/projects/{project_id}/backtests": Row(
        EVERYBODY,
        (GONE, GONE, GONE, LOW, LOW),
        {"assumption": {"key": "a", "metric_name": "error_rate", "operator": "<=", "value": 2}},
    ),
    "GET /v1/projects/{project_id}/assumptions": _reads(),
    "GET /v1/assumptions/{assumption_id}": _reads(),
    "GET /v1/artifacts/{artifact_id}/evidence": _reads(),
    "POST /v1/artifacts/{artifact_id}/evidence": _edits(
        {"source": "interview", "confidence_score": 80, "evidence_count": 1}
    ),
    "GET /v1/artifacts/{artifact_id}/evidence-tier": _reads(),
    "GET /v1/evidence/{evidence_id}": _reads(),
    "PATCH /v1/evidence/{evidence_id}": Row(
        {"ann", "ann in a1"},
        (GONE, GONE, GONE, LOW, LOW),
        {"evidence_count": 4},
        but=dict.fromkeys(("sam", "max", "max, in a2", "eve"), "403 not-its-author"),
    ),
    "POST /v1/evidence/{evidence_id}/submit": _edits(),
    "POST /v1/evidence/{evidence_id}/escalate": _edits(evidence_id="in_review"),
    "POST /v1/evidence/{evidence_id}/return": _edits(evidence_id="in_review"),
    "GET /v1/projects/{project_id}/otlp-mapping": _reads(),
    "PUT /v1/projects/{project_id}/otlp-mapping": _edits({"defaults": False}),
    "GET /v1/projects/{project_id}/exclusions": _reads(),
    "POST /v1/projects/{project_id}/exclusions": _edits(
        {
            "starts_at": "2026-11-01T10:00:00Z",
            "ends_at": "2026-11-01T12:00:00Z",
            "kind": "INCIDENT",
            "reason": "the database was away",
        }
    ),
    "GET /v1/projects/{project_id}/exclusions/{exclusion_id}": _reads(),
    "DELETE /v1/projects/{project_id}/exclusions/{exclusion_id}": _edits(),
    "GET /v1/alert-routes": _reads_people(*_OWN_LIST),
    "POST /v1/alert-routes": _administers_all(
        {
            "name": "Another",
            "matchers": {"project_id": ["{project}"]},
            "notify": ["{channel}"],
            "escalate_after": "30m",
        },
        *(UNKNOWN, LOW, LOW),
    ),
    "GET /v1/alert-routes/{route_id}": _reads_people(*_HIDDEN),
    "PATCH /v1/alert-routes/{route_id}": _administers_all({"name": "Renamed", "escalate_after": "30m"}),
    "DELETE /v1/alert-routes/{route_id}": _administers_all(),
    "GET /v1/divergence-reports/{report_id}/routing": _reads_people(*_HIDDEN),
    "GET /v1/alert-silences": _reads_people(*_OWN_LIST),
    "POST /v1/alert-silences": Row(
        {*MEMBERS, "eve", "ann in a1"},
        (UNKNOWN, LOW, LOW, LOW, LOW),
        {"matchers": {"project_id": ["{project}"]}, "ends_at": _SOON, "reason": "we move the database"},
    ),
    "GET /v1/alert-silences/{silence_id}": _reads_people(*_HIDDEN),
    "POST /v1/alert-silences/{silence_id}/end": _edits(),
    "GET /v1/alert-windows": _reads_people(*_OWN_LIST),
    "POST /v1/alert-windows": _administers_all(
        {
            "name": "Nights",
            "kind": "QUIET_HOURS",
            "timezone": "UTC",
            "from_time": "22:00",
            "to_time": "06:00",
        },
        *(OK, LOW, LOW),
    ),
    "GET /v1/alert-windows/{window_id}": _reads_people(*_MEMBER),
    "PATCH /v1/alert-windows/{window_id}": _administers_all({"name": "Renamed"}),
    "DELETE /v1/alert-windows/{window_id}": _administers_all(),
    "GET /v1/projects/{project_id}/holidays": _reads(),
    "PUT /v1/projects/{project_id}/holidays": _edits({"days": [{"day": "2026-12-24", "name": "closed"}]}),
    "GET /v1/gates": _reads(*_LIST),
    "GET /v1/projects/{project_id}/gate-decisions": _reads(),
    "POST /v1/projects/{project_id}/gate-decisions": Row(
        {*ADMINS, "ann in a1", "eve"},
        (GONE, GONE, GONE, LOW, LOW),
        {
            "phase": "VRC",
            "indicators": indicators(20, 1200),
            "rationale": "not yet",
            "artifact_ids": ["{code}"],
            "evidence_ids": ["{evidence}"],
        },
    ),
    "GET /v1/gate-decisions/{decision_id}": _reads(),
    "POST /v1/gate-decisions/{decision_id}/override": _administers({"override_reason": "we know better"}),
    "GET /v1/projects/{project_id}/telemetry": _reads(),
    "GET /v1/projects/{project_id}/series": _reads(),
    "GET /v1/costs": _reads(*_LIST),
    "GET /v1/divergence-reports": _reads(*_LIST),
    "GET /v1/divergence-reports/{report_id}": _reads(),
    "POST /v1/divergence-reports/{report_id}/acknowledge": _comments(),
    "POST /v1/divergence-reports/{report_id}/unacknowledge": _comments(),
    "POST /v1/divergence-reports/{report_id}/assign": _edits({"assignee_id": "{granted}"}),
    "POST /v1/divergence-reports/{report_id}/snooze": _edits({"until": _SOON}),
    "POST /v1/divergence-reports/{report_id}/resolve": _edits({"reason": "as planned"}),
    "POST /v1/divergence-reports/{report_id}/reopen": _edits(
        {"reason": "not as planned"}, report_id="closed"
    ),
    "POST /v1/divergence-reports/{report_id}/comments": _comments({"text": "we know"}),
    "GET /v1/divergence-reports/{report_id}/timeline": _reads_people(*_HIDDEN),
    "GET /v1/incidents": _reads(*_LIST),
    "POST /v1/alert-channels/{channel_id}/test": _administers_all(),
    "GET /v1/alert-deliveries": _reads_people(*_OWN_LIST),
    "GET /v1/alert-deliveries/{delivery_id}": _reads_people(*_HIDDEN),
    "POST /v1/alert-deliveries/{delivery_id}/replay": _administers(),
    "GET /v1/divergence-reports/{report_id}/deliveries": _reads_people(*_HIDDEN),
    "GET /v1/divergence-reports/{report_id}/told": _reads_people(*_HIDDEN),
    "GET /v1/alert-notices": _reads(*_LIST),
    "GET /v1/agents": _reads(*_LIST),
    "GET /v1/agents/{agent_id}": _reads(*_LIST),
    "GET /v1/model-prices": _reads(*_LIST),
    "GET /v1/projects/{project_id}/executions": _reads(),
    "POST /v1/projects/{project_id}/executions": _edits({"agent_id": 1}),
    "GET /v1/executions/{execution_id}": _reads(),
    "POST /v1/projects/{project_id}/executions/claim": _runs(
        {"claim_id": "3f0f8a52-7c2b-4a68-9b7e-6a2b1e4c5d11"}
    ),
    "POST /v1/executions/{execution_id}/heartbeat": _runs(execution_id="running"),
    "POST /v1/executions/{execution_id}/complete": _runs(
        {"tokens_input": 1, "tokens_output": 1}, execution_id="running"
    ),
    "POST /v1/executions/{execution_id}/fail": _runs({"error_message": "away"}, execution_id="running"),
    "POST /v1/executions/{execution_id}/retry": _runs(execution_id="failed"),
    "GET /v1/me": _reads_people(*_OWN_LIST),
    "PATCH /v1/me": _reads_people(*_OWN_LIST, body={"full_name": "Renamed"}),
    # Bob is the last ADMIN of B.
    "DELETE /v1/me": Row(EVERYBODY - {"ann in a1"}, ("409 last-admin", OK, LOW, LOW, LOW)),
    "GET /v1/organization": _reads(*_LIST),
    "PATCH /v1/organization": _administers_all({"name": "Renamed"}, OK, LOW, LOW),
    "GET /v1/organization/alarm-budget": Row(EVERYBODY - {"ann in a1"}, (OK, OK, LOW, LOW, LOW)),
    "GET /v1/members": _reads_people(*_OWN_LIST),
    "GET /v1/members/{user_id}": _reads_people(*_MEMBER),
    "PATCH /v1/members/{user_id}": _administers_all({"role_in_org": "MEMBER"}),
    "DELETE /v1/members/{user_id}": _administers_all(),
    "GET /v1/invitations": _administers_all(None, OK, LOW, LOW),
    "POST /v1/invitations": _administers_all(
        {"email": "other@people.example", "role_in_org": "VIEWER"}, OK, LOW, LOW
    ),
    "GET /v1/invitations/{invitation_id}": _administers_all(),
    "DELETE /v1/invitations/{invitation_id}": _administers_all(),
    "GET /v1/alert-channels": _reads_people(*_OWN_LIST),
    "POST /v1/alert-channels": _administers_all({"kind": "kafka", "name": "everything"}, OK, LOW, LOW),
    "GET /v1/alert-channels/{channel_id}": _reads_people(*_MEMBER),
    "PATCH /v1/alert-channels/{channel_id}": _administers_all({"rate_per_minute": 6}),
    "DELETE /v1/alert-channels/{channel_id}": _administers_all(),
    "POST /v1/alert-channels/{channel_id}/rotate-secret": _administers_all(),
    "POST /v1/alert-channels/{channel_id}/retire-secret": _administers_all(),
    "POST /v1/alert-channels/{channel_id}/enable": _administers_all(),
    "GET /v1/dead-letters": _administers(None, OK, LOW, OK),
    "GET /v1/audit-log": _administers(None, OK, LOW, OK),
    "GET /v1/keys": _reads_people(*_OWN_LIST),
    "POST /v1/keys": _administers(
        {"project_id": "{project}", "name": "mine", "scopes": ["read"]}, UNKNOWN, LOW, UNKNOWN
    ),
    "GET /v1/keys/{key_id}": _reads_people(*_HIDDEN),
    "PATCH /v1/keys/{key_id}": _administers({"name": "renamed"}),
    "DELETE /v1/keys/{key_id}": _administers(),
}
# They ask for no token: whoever sends a request is nobody yet.
OPEN = {"POST /v1/sessions"}

IDS = {
    "workspace_id": "workspace",
    "project_id": "project",
    "artifact_id": "artifact",
    "assumption_id": "assumption",
    "report_id": "report",
    "exclusion_id": "window",
    "route_id": "route",
    "silence_id": "silence",
    "window_id": "quiet",
    "execution_id": "execution",
    "agent_id": "agent",
    "evidence_id": "evidence",
    "key_id": "key",
    "decision_id": "gate",
    "user_id": "member",
    "invitation_id": "invitation",
    "channel_id": "channel",
    "delivery_id": "delivery",
    "tag_name": "tag",
}

# The same for everybody.
EVERYBODYS = {"agent": "1"}


def only_asks(route: str) -> bool:
    """Say whether a route writes nothing: a question may be too long for a path."""
    return route.startswith("GET") or route.endswith("/backtests")
