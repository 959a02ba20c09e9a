"""The audit log knows the names of what governance is about: evidence, gates, agents' work, findings."""

from alembic import op

revision = "20261123_governance"
down_revision = "20261123_incidents"
branch_labels = None
depends_on = None

BEFORE = (
    "'Organization', 'User', 'OrganizationMember', 'Invitation', 'Workspace', 'Project', 'ProjectAccess',"
    " 'Artifact', 'Tag', 'ArtifactDependency', 'Assumption', 'MachineKey', 'OtlpMapping', 'ExclusionWindow',"
    " 'HolidayCalendar'"
)
NEW = (
    "'Evidence', 'PhaseGateDecision', 'GateArtifact', 'GateEvidence', 'AgentExecution', 'DivergenceReport',"
    " 'CascadeAnalysis'"
)


def upgrade() -> None:
    _resources(f"{BEFORE}, {NEW}")


def downgrade() -> None:
    # What was told of them stays told: the entries are nobody's to delete.
    _resources(BEFORE, suffix=" NOT VALID")
    op.execute("""DO $$ BEGIN
        ALTER TABLE audit_log VALIDATE CONSTRAINT ck_audit_log_resource_type;
    EXCEPTION WHEN check_violation THEN NULL; END $$""")


def _resources(listed: str, suffix: str = "") -> None:
    op.execute("ALTER TABLE audit_log DROP CONSTRAINT ck_audit_log_resource_type")
    op.execute(
        "ALTER TABLE audit_log ADD CONSTRAINT ck_audit_log_resource_type"
        f" CHECK (resource_type IN ({listed})){suffix}"
    )
