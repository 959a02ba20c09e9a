"""Every constraint that a caller's write can break is answered in words, not as a failure of ours."""

from collections.abc import Iterator

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Table, UniqueConstraint

from api.refusals import BROKEN, MISSING, TAKEN
from storage.tables import Base

WRITTEN = {
    *("organization", "app_user", "organization_members", "invitation", "workspace", "project"),
    *("project_access", "machine_key", "artifact", "tag", "artifact_dependency", "idempotency_key"),
    "evidence",
    "agent_execution",
    *("phase_gate_decision", "gate_artifact", "gate_evidence"),
    *("alert_channel", "alert_route", "alert_route_channel", "alert_silence", "alert_window"),
}
NOT_THE_CALLERS = {
    "uq_organization_slug": "the API sets no slug",
    "uq_app_user_email": "the API sets no e-mail",
    "uq_app_user_auth_provider_auth_provider_id": "auth.sign_in() sets it",
    "uq_artifact_org_id_project_id_type_key_version": "the database gives the version",
    "uq_evidence_telemetry": "the worker writes what production says",
    "uq_evidence_org_id_project_id_id": "for foreign keys to name; the id alone is unique",
    "uq_phase_gate_decision_org_id_project_id_id": "for foreign keys to name; the id alone is unique",
    "uq_phase_gate_decision_org_id_project_id_decided_at": "the database gives the moment",
    "uq_agent_execution_org_id_project_id_id": "for foreign keys to name; the id alone is unique",
    "uq_agent_execution_org_id_project_id_claim_id": "claim_execution() finds what the claim started",
    "uq_agent_execution_org_id_retry_of": "queue_retry() makes one, as its status changes",
    "uq_artifact_org_id_project_id_id": "for foreign keys to name; the id alone is unique",
    "uq_alert_route_default": "a trigger makes it with the organisation",
}
FROM_THE_TOKEN = {
    "org_id",
    "created_by",
    "last_updated_by",
    "invited_by",
    "accepted_by",
    "actor_id",
    "queued_by",
}
SET_BY_TRIGGER = {
    "submitted_by",
    "approved_by",
    "deployed_by",
    "reviewed_by",
    "decided_by",
    "override_by",
    "ended_by",
}
FROM_THE_PATH = {
    "fk_project_access_org_id_project_id",
    "fk_artifact_org_id_project_id",
    "fk_agent_execution_org_id_project_id",
    "fk_agent_execution_org_id_project_id_retry_of",
    "fk_tag_org_id_project_id_artifact_id",
    "fk_evidence_org_id_project_id_artifact_id",
    "fk_artifact_dependency_org_id_project_id_artifact_id",
    "fk_organization_members_user_id",
    "fk_phase_gate_decision_org_id_project_id",
    "fk_gate_artifact_org_id_project_id_gate_decision_id",
    "fk_gate_evidence_org_id_project_id_gate_decision_id",
    "fk_alert_route_channel_org_id_route_id",
}
ASKED_FOR_FIRST = {"fk_alert_route_channel_org_id_channel_id"}
"""The route says which of a list is not there, by its place."""
BY_TRIGGER = {"ck_alert_silence_soon"}


def tables() -> Iterator[Table]:
    for table in Base.metadata.sorted_tables:
        if table.name in WRITTEN:
            yield table


def unique() -> Iterator[str]:
    for table in tables():
        yield from (str(index.name) for index in table.indexes if index.unique)
        yield from (str(each.name) for each in table.constraints if isinstance(each, UniqueConstraint))


def foreign_keys() -> Iterator[str]:
    for table in tables():
        for each in table.constraints:
            names = set(each.column_keys) if isinstance(each, ForeignKeyConstraint) else set()
            if names - {"org_id"} - FROM_THE_TOKEN - SET_BY_TRIGGER:
                yield str(each.name)


def test_every_unique_that_a_caller_can_break_has_its_problem():
    assert set(unique()) - NOT_THE_CALLERS.keys() == {name for name in TAKEN if name.startswith("uq_")}


def test_every_foreign_key_that_a_body_can_break_names_its_field():
    assert set(foreign_keys()) - FROM_THE_PATH - ASKED_FOR_FIRST == MISSING.keys()


def test_primary_keys_that_a_caller_chooses_have_their_problem():
    chosen = {f"pk_{name}" for name in ("artifact_dependency", "project_access")}
    assert chosen == {name for name in TAKEN if name.startswith("pk_")}


def test_checks_with_words_of_their_own_are_there():
    checks = {
        str(each.name)
        for table in tables()
        for each in table.constraints
        if isinstance(each, CheckConstraint)
    }
    assert BROKEN.keys() <= checks | BY_TRIGGER


def test_exceptions_are_constraints_that_are_there():
    assert NOT_THE_CALLERS.keys() <= set(unique())
    assert set(foreign_keys()) >= FROM_THE_PATH
