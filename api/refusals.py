"""What the database refuses, as the problem it is: by SQLSTATE, and by the constraint that was broken.

The codes AG0xx are raised by our own triggers and functions, in words that a caller may read.
"""

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy.exc import DBAPIError

from api import problems
from api.problems import Kind, ProblemError
from storage.database import Refusal, refusal

_OURS: Mapping[str, Kind] = {
    "AG001": problems.PROJECT_LIMIT,
    "AG002": problems.LAST_ADMIN,
    "AG003": problems.STATUS_STEP,
    "AG004": problems.FROZEN,
    "AG005": problems.INVITATION_GONE,
    "AG006": problems.IDENTITY_REFUSED,
    "AG007": problems.CIRCLE,
    "AG010": problems.EVIDENCE_FROZEN,
    "AG011": problems.OWN_EVIDENCE,
    "AG012": problems.NOT_ITS_AUTHOR,
    "AG013": problems.STATUS_STEP,
    "AG015": problems.EVIDENCE_TOO_LOW,
    "AG016": problems.WRONG_GATE,
    "AG017": problems.NOT_OVERRIDABLE,
    "AG018": problems.PROJECT_ARCHIVED,
    "AG019": problems.INVALID,
    "AG020": problems.EXECUTION_STEP,
    "AG021": problems.RETRIES_USED,
    "AG022": problems.EXECUTION_STEP,
    "AG023": problems.UNKNOWN_MODEL,
    "AG024": problems.AGENT_INACTIVE,
    "AG030": problems.REPORT_STEP,
    "AG031": problems.DATA_DECIDED,
    "AG032": problems.INVALID,
    "AG033": problems.INVALID,
    "AG034": problems.INVALID,
    "AG037": problems.ALERT_LIMIT,
    "AG038": problems.INVALID,
    "AG039": problems.ALERT_LIMIT,
    "AG040": problems.INVALID,
    "AG035": problems.CHANNEL_LIMIT,
    "AG036": problems.CONFLICT,
    "AG041": problems.CHANNEL_DISABLED,
    "AG042": problems.DELIVERY_STEP,
}
# Of these, what concerns one field of the body.
_OF_A_FIELD: Mapping[str, str] = {
    "AG032": "body.assignee_id",
    "AG033": "body.until",
    "AG038": "body.matchers.project_id",
    "AG040": "body.ends_at",
}
_PRIVILEGE = "42501"
_UNIQUE = "23505"
_FOREIGN_KEY = "23503"
_BAD_VALUE = {"23502", "23514", "22001", "22003", "22008", "22P02", "22P05", "22021"}
_TRY_AGAIN = {"40001", "40P01"}


class Taken(NamedTuple):
    """What a broken UNIQUE means."""

    kind: Kind
    detail: str


class Missing(NamedTuple):
    """What a broken FOREIGN KEY means: the body's field, and what it should have named."""

    field: str
    thing: str


TAKEN: Mapping[str, Taken] = {
    "uq_workspace_org_id_name": Taken(problems.NAME_TAKEN, "a workspace of the organisation has this name"),
    "uq_project_live_name": Taken(problems.NAME_TAKEN, "a project of the workspace has this name"),
    "uq_tag_org_id_artifact_id_tag_name": Taken(problems.CONFLICT, "the version has this tag"),
    "pk_artifact_dependency": Taken(problems.CONFLICT, "the version rests on that one already"),
    "pk_project_access": Taken(problems.CONFLICT, "the member has a role in this project"),
    "uq_alert_channel_live_name": Taken(problems.NAME_TAKEN, "a channel of the organisation has this name"),
    "uq_alert_route_name": Taken(problems.NAME_TAKEN, "a route of the organisation has this name"),
    "uq_alert_window_live_name": Taken(problems.NAME_TAKEN, "a window of the organisation has this name"),
    "uq_invitation_pending": Taken(problems.CONFLICT, "an invitation for this address is pending"),
}
MISSING: Mapping[str, Missing] = {
    "fk_project_org_id_workspace_id": Missing("workspace_id", "workspace"),
    "fk_machine_key_org_id_project_id": Missing("project_id", "project"),
    "fk_project_access_org_id_user_id": Missing("user_id", "member"),
    "fk_agent_execution_agent_id": Missing("agent_id", "agent"),
    "fk_agent_execution_org_id_project_id_output_artifact_id": Missing(
        "output_artifact_id", "artifact in this project"
    ),
    "fk_gate_artifact_org_id_project_id_artifact_id": Missing("artifact_ids", "artifact in this project"),
    "fk_gate_evidence_org_id_project_id_evidence_id": Missing("evidence_ids", "evidence in this project"),
    "fk_artifact_dependency_org_id_project_id_depends_on_id": Missing(
        "depends_on_id", "artifact in this project"
    ),
}
# What a broken CHECK means that no body says alone: the body's field, and what is to be done.
BROKEN: Mapping[str, tuple[str, str]] = {
    "ck_alert_channel_recipients": ("settings.to", "name whom it is for before it is used again"),
    "ck_alert_route_default": (
        "",
        "the default route takes no matchers and does not continue: make another",
    ),
    "ck_alert_route_position": ("position", "the default route stays behind all others"),
    "ck_alert_silence_span": ("ends_at", "a time after starts_at is meant, at most 366 days later"),
    "ck_alert_silence_soon": ("starts_at", "a time within 366 days is meant"),
    "ck_alert_window_days": ("last_day", "a day on or after first_day is meant"),
    "ck_evidence_referenced": ("url_or_reference", "this source needs one: where it is to be found"),
}


def problem(error: DBAPIError) -> ProblemError | None:
    """Return the problem that the caller has made, or None where the fault is ours."""
    refused = refusal(error)
    if refused is None:
        return None
    if refused.sqlstate in _OURS:
        return _ours(refused)
    if refused.sqlstate == _PRIVILEGE:
        return ProblemError(
            problems.ROLE_TOO_LOW, "the role, or the workspace that the token names, does not reach so far"
        )
    if refused.sqlstate in _TRY_AGAIN:
        return ProblemError(
            problems.DATABASE_AWAY, "others changed the same things: try again", {"Retry-After": "1"}
        )
    if refused.sqlstate in _BAD_VALUE:
        unsaid = ("", f"a value is not allowed ({refused.constraint or refused.message})")
        field, what = BROKEN.get(refused.constraint, unsaid)
        return problems.invalid(f"body.{field}".removesuffix("."), what)
    return _broken(refused)


def _ours(refused: Refusal) -> ProblemError:
    if refused.sqlstate in _OF_A_FIELD:
        return problems.invalid(_OF_A_FIELD[refused.sqlstate], refused.message)
    return ProblemError(_OURS[refused.sqlstate], refused.message)


def _broken(refused: Refusal) -> ProblemError | None:
    if refused.sqlstate == _UNIQUE and refused.constraint in TAKEN:
        taken = TAKEN[refused.constraint]
        return ProblemError(taken.kind, taken.detail)
    if refused.sqlstate == _FOREIGN_KEY and refused.constraint in MISSING:
        missing = MISSING[refused.constraint]
        return problems.invalid(f"body.{missing.field}", f"there is no such {missing.thing}")
    return None
