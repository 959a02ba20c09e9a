"""Two organisations and everybody who might ask, with a row in every table for each project."""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from hashlib import sha256
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.pool import NullPool

from storage import channel_secrets, tables
from storage.database import engine
from storage.partitions import BY_MONTH
from storage.tables import Base
from storage.tenancy import Claims
from tests.databases import SECRET, Database

HOUR = datetime(2026, 11, 1, 10, tzinfo=UTC)
CHANNEL_SECRET = f"whsec_{b64encode(bytes(range(32))).decode()}"
LONG_AGO = datetime(2020, 11, 1, tzinfo=UTC)
"""What is taken out of detection is out of the way of what tests detect."""


@dataclass(frozen=True)
class Place:
    """One project and what is in it."""

    org: UUID
    workspace: UUID
    project: UUID = field(default_factory=uuid4)
    artifact: UUID = field(default_factory=uuid4)
    code: UUID = field(default_factory=uuid4)
    other: UUID = field(default_factory=uuid4)
    assumption: UUID = field(default_factory=uuid4)
    report: UUID = field(default_factory=uuid4)
    delivery: UUID = field(default_factory=uuid4)
    key: UUID = field(default_factory=uuid4)
    window: UUID = field(default_factory=uuid4)
    silence: UUID = field(default_factory=uuid4)
    route: UUID = field(default_factory=uuid4)
    execution: UUID = field(default_factory=uuid4)
    # Of those who ask over HTTP alone (`tests/tenancy/callers.py`).
    running: UUID = field(default_factory=uuid4)
    failed: UUID = field(default_factory=uuid4)
    evidence: UUID = field(default_factory=uuid4)
    gate: UUID = field(default_factory=uuid4)
    in_review: UUID = field(default_factory=uuid4)
    closed: UUID = field(default_factory=uuid4)


@dataclass(frozen=True)
class World:
    """Ann administers A, max edits it, vic looks, fay has left; bob administers B; sam is in both.

    In project a1 cem, a MEMBER of A, may only comment; in a2 only look. Eve, a VIEWER of A, edits a1.
    """

    database: Database
    a: UUID = field(default_factory=uuid4)
    b: UUID = field(default_factory=uuid4)
    ann: UUID = field(default_factory=uuid4)
    max: UUID = field(default_factory=uuid4)
    vic: UUID = field(default_factory=uuid4)
    fay: UUID = field(default_factory=uuid4)
    bob: UUID = field(default_factory=uuid4)
    sam: UUID = field(default_factory=uuid4)
    cem: UUID = field(default_factory=uuid4)
    eve: UUID = field(default_factory=uuid4)
    places: dict[str, Place] = field(default_factory=dict)
    channels: dict[UUID, UUID] = field(default_factory=dict)
    windows: dict[UUID, UUID] = field(default_factory=dict)

    def claims(self, who: str, org: str = "a", workspace: str | None = None) -> Claims:
        return Claims(
            getattr(self, who), getattr(self, org), self.places[workspace].workspace if workspace else None
        )

    def memberships(self) -> Iterator[tuple[UUID, UUID, str, bool]]:
        yield self.a, self.ann, "ADMIN", True
        yield self.a, self.max, "MEMBER", True
        yield self.a, self.vic, "VIEWER", True
        yield self.a, self.fay, "ADMIN", False
        yield self.b, self.bob, "ADMIN", True
        yield self.a, self.sam, "ADMIN", True
        yield self.b, self.sam, "VIEWER", True
        yield self.a, self.cem, "MEMBER", True
        yield self.a, self.eve, "VIEWER", True

    def accesses(self) -> Iterator[tuple[str, UUID, str]]:
        yield "a1", self.cem, "COMMENTER"
        yield "a2", self.cem, "VIEWER"
        yield "a1", self.eve, "EDITOR"
        # An ADMIN is one everywhere, whatever is written here.
        yield "a1", self.ann, "VIEWER"
        yield "b1", self.bob, "EDITOR"


async def build(database: Database) -> World:
    """Fill the database as a superuser, whom row security does not stop."""
    world = World(database)
    for name, org in (("a1", world.a), ("a2", world.a), ("b1", world.b)):
        world.places[name] = Place(org, uuid4())
        world.channels.setdefault(org, uuid4())
        world.windows.setdefault(org, uuid4())
    mighty = engine(database.superuser_url, poolclass=NullPool)
    async with AsyncSession(mighty) as session, session.begin():
        # What is made ahead depends on the day on which the tests run.
        await session.execute(
            text("SELECT ensure_partitions(:tables, ARRAY[CAST(:day AS date)])"),
            {"tables": list(BY_MONTH), "day": HOUR.date()},
        )
        places = map(_place, _named_places(world))
        for rows in (
            _people(world),
            _memberships(world),
            _channels(world),
            _windows(world),
            *places,
            _deliveries(world),
            _accesses(world),
        ):
            for row in rows:
                session.add(row)
                # One by one: the models name their foreign keys, not their relationships.
                await session.flush()
        # Without triggers: nobody reviewed what these rest on, and no project follows them.
        await session.execute(text("SET LOCAL session_replication_role = replica"))
        session.add_all(row for named in _named_places(world) for row in _gate(named, world.sam))
    return world


def _named_places(world: World) -> Iterator[tuple[str, Place, UUID, UUID]]:
    for name, place in world.places.items():
        yield name, place, *((world.ann, world.fay) if place.org == world.a else (world.bob, world.sam))


def _people(world: World) -> Iterator[Base]:
    yield tables.Organization(id=world.a, name="Acme", slug="acme")
    yield tables.Organization(id=world.b, name="Beta", slug="beta")
    for name in ("ann", "max", "vic", "fay", "bob", "sam", "cem", "eve"):
        yield tables.User(id=getattr(world, name), email=f"{name}@people.example", full_name=name)
    # Of one that is gone: no row of it is left but this.
    yield tables.OrganizationTombstone(
        org_id=uuid4(), slug_sha256=bytes(32), closed_at=HOUR, deleted_by="owner", finished_at=HOUR
    )


def _memberships(world: World) -> Iterator[Base]:
    for org, user, role, stays in world.memberships():
        yield tables.OrganizationMember(
            org_id=org, user_id=user, role_in_org=role, removed_at=None if stays else HOUR
        )


def _channels(world: World) -> Iterator[Base]:
    for org, admin in ((world.a, world.ann), (world.b, world.bob)):
        yield tables.AlertChannel(
            org_id=org,
            id=world.channels[org],
            name="on call",
            kind="webhook",
            settings={"url": "https://receiver.example/alerts"},
            sealed=channel_secrets.seal(SECRET, {"secrets": [CHANNEL_SECRET]}),
            created_by=admin,
        )
        yield tables.AlertLane(org_id=org, channel_id=world.channels[org])


def _deliveries(world: World) -> Iterator[Base]:
    for place in world.places.values():
        yield tables.AlertDelivery(
            org_id=place.org,
            id=place.delivery,
            channel_id=world.channels[place.org],
            project_id=place.project,
            report_id=place.report,
            thread_id=place.report,
            sequence=1,
            kind="detected",
            body=b"{}",
            headers={},
            status="DEAD",
            attempts=12,
            last_error="given up after 12 attempts: status 503",
        )
        yield tables.AlertTold(
            org_id=place.org,
            channel_id=world.channels[place.org],
            subject_id=place.report,
            subject_kind="report",
            project_id=place.project,
            route_id=place.route,
            thread_id=place.report,
            thread_kind="subject",
            state="TOLD",
            classification="MINOR",
            first_told_at=HOUR,
            told_at=HOUR,
        )


def _windows(world: World) -> Iterator[Base]:
    for org, admin in ((world.a, world.ann), (world.b, world.bob)):
        yield tables.AlertWindow(
            org_id=org,
            id=world.windows[org],
            name="Nights of nobody",
            kind="QUIET_HOURS",
            matchers={"cohort": ["nobody"]},
            timezone="Europe/Vienna",
            weekdays=[1, 2, 3, 4, 5, 6, 7],
            from_time=time(22),
            to_time=time(6),
            created_by=admin,
        )


def _accesses(world: World) -> Iterator[Base]:
    for name, user, role in world.accesses():
        place = world.places[name]
        yield tables.ProjectAccess(org_id=place.org, project_id=place.project, user_id=user, role=role)
    for org, admin in ((world.a, world.ann), (world.b, world.bob)):
        yield tables.Invitation(
            org_id=org,
            id=uuid4(),
            email="new@people.example",
            role_in_org="MEMBER",
            invited_by=admin,
            expires_at=datetime(2100, 1, 1, tzinfo=UTC),
        )
        yield tables.IdempotencyKey(org_id=org, actor_id=admin, key="once", request_sha256=b"")
        yield from _audited(org)


def _audited(org: UUID) -> Iterator[Base]:
    """What else the log has of an organisation whose rows make its chain: nothing was dropped yet."""
    start = {"org_id": org, "sequence": 0, "hash": bytes(32)}
    month = datetime(2020, 1, 1, tzinfo=UTC)
    yield tables.AuditCheckpoint(**start, dropped_before=month, entries=0, made_at=HOUR, signature=bytes(64))
    yield tables.AuditHead(**start, told_at=HOUR)


def _place(named: tuple[str, Place, UUID, UUID]) -> Iterator[Base]:
    name, place, user, other = named
    org = {"org_id": place.org}
    within = {**org, "project_id": place.project}
    yield tables.Workspace(**org, id=place.workspace, name=f"Team {name}", created_by=user)
    yield tables.Project(
        **org,
        id=place.project,
        workspace_id=place.workspace,
        name=f"Project {name}",
        problem_statement="It takes too long to pay.",
        created_by=user,
    )
    yield tables.Artifact(
        **within,
        id=place.artifact,
        type="PRD",
        key="prd",
        status="APPROVED",
        approved_by=user,
        approved_at=HOUR,
        content={"title": name},
        evidence_tier="E2",
        created_by=user,
    )
    yield tables.Artifact(**within, id=place.code, type="CODE_BACKEND", key="code", created_by=user)
    yield tables.Artifact(**within, id=place.other, type="WIREFRAME", key="other", created_by=user)
    yield tables.ArtifactDependency(**within, artifact_id=place.code, depends_on_id=place.artifact)
    yield tables.Tag(**within, id=uuid4(), artifact_id=place.artifact, tag_name="vrc_gate_submission")
    yield tables.MachineKey(
        **within,
        id=place.key,
        name="key",
        scopes=["publish", "read"],
        secret_sha256=sha256(str(place.key).encode()).digest(),
        created_by=user,
    )
    yield tables.OtlpMapping(**within, id=uuid4(), rules={}, created_by=user)
    yield from _exclusions(within, user, place.window)
    yield _silence(place, user)
    yield from _routes(place, name, user)
    yield tables.AgentExecution(**within, id=place.execution, agent_id=1, phase="DISCOVER", queued_by=user)
    yield from _costs(within)
    yield evidence(place, user, id=place.evidence)
    yield evidence(place, other, id=place.in_review, source="survey", escalation_status="IN_REVIEW")
    yield assumption(place)
    yield from findings(place)
    yield tables.AlertNotice(
        **within,
        kind="COHORT_SILENT",
        cohort="mainstream",
        opened_at=HOUR,
        ended_at=HOUR,
        detail={"last": HOUR.isoformat(), "missed": 3.0, "needed": 3.0, "over": "published again"},
    )
    yield from _machinery(within)
    yield from _limits(within, place.key)


def _costs(within: dict[str, UUID]) -> Iterator[Base]:
    for kind in ("daily", "monthly"):
        yield tables.CostTracking(
            **within,
            id=uuid4(),
            agent_id=1,
            phase="DISCOVER",
            model_used="gpt-4",
            aggregated_at=kind,
            period_start=HOUR.date(),
            tokens_used=1500,
            cost_usd=Decimal("0.06"),
            executions=1,
        )
    yield tables.CostPending(**within, day=HOUR.date())


def _exclusions(within: dict[str, UUID], user: UUID, window: UUID) -> Iterator[Base]:
    yield tables.ExclusionWindow(
        **within,
        id=window,
        starts_at=LONG_AGO,
        ends_at=LONG_AGO + timedelta(hours=2),
        kind="INCIDENT",
        reason="the database was away",
        created_by=user,
    )
    christmas = {"day": "2020-12-25", "name": "Christmas Day", "own": True}
    yield tables.HolidayCalendar(**within, id=uuid4(), holidays=[christmas], created_by=user)


def _routes(place: Place, name: str, user: UUID) -> Iterator[Base]:
    """One that tells a channel of its own: that of all of the organisation may be removed."""
    org, channel = {"org_id": place.org}, uuid4()
    yield tables.AlertChannel(
        **org, id=channel, name=f"team {name}", kind="kafka", settings={}, created_by=user
    )
    yield tables.AlertRoute(
        **org,
        id=place.route,
        name=f"Reports of {name}",
        position=10,
        matchers={"project_id": [str(place.project)]},
        created_by=user,
    )
    yield tables.AlertRouteChannel(**org, route_id=place.route, channel_id=channel, role="notify")


def _silence(place: Place, user: UUID) -> Base:
    """It stands, and no alert that a test raises is about what it holds."""
    now = datetime.now(UTC)
    return tables.AlertSilence(
        org_id=place.org,
        id=place.silence,
        matchers={"project_id": [str(place.project)], "cohort": ["nobody"]},
        starts_at=now,
        ends_at=now + timedelta(days=30),
        reason="nobody is known to be slow",
        created_by=user,
    )


def evidence(place: Place, author: UUID, **more: object) -> tables.Evidence:
    return tables.Evidence(
        **{
            "org_id": place.org,
            "id": uuid4(),
            "project_id": place.project,
            "artifact_id": place.artifact,
            "source": "interview",
            "confidence_score": 80,
            "evidence_count": 3,
            "created_by": author,
            **more,
        }
    )


def indicators(count: int, total: int) -> list[dict[str, object]]:
    """Return `count` indicators whose scores come to `total`."""
    each, more = divmod(total, count)
    return [{"name": f"indicator_{n}", "score": each + (n < more)} for n in range(count)]


def _gate(named: tuple[str, Place, UUID, UUID], reviewer: UUID) -> Iterator[Base]:
    """A decision that leaves the project where it is; its code has evidence for E2, and the tier E0."""
    _, place, user, _ = named
    yield evidence(
        place,
        user,
        artifact_id=place.code,
        source="market_research",
        url_or_reference="a study",
        escalation_status="ESCALATED",
        reviewed_by=reviewer,
        reviewed_at=HOUR,
    )
    of = {"org_id": place.org, "project_id": place.project, "gate_decision_id": place.gate}
    yield tables.PhaseGateDecision(
        org_id=place.org,
        id=place.gate,
        project_id=place.project,
        phase="VRC",
        score=60,
        target_threshold=76,
        indicators=indicators(20, 1200),
        decided_by=user,
        rationale="not yet",
        decided_at=HOUR,
    )
    yield tables.GateArtifact(**of, artifact_id=place.code, evidence_tier="E2")
    yield tables.GateEvidence(**of, evidence_id=place.evidence)


def assumption(place: Place) -> Base:
    return tables.AssumptionRow(
        org_id=place.org,
        id=place.assumption,
        project_id=place.project,
        artifact_id=place.artifact,
        key="adoption",
        statement="",
        metric_name="user_adoption",
        cohort="mainstream",
        feature="F12",
        operator=">=",
        value=60.0,
        unit="%",
        tolerance=0.0,
        tolerance_kind="absolute",
        divergence_type="FEATURE_ADOPTION_MISS",
        evidence_tier="E2",
        effective_from=HOUR,
        min_users=0,
        owner="",
        runbook_url="",
    )


def telemetry(place: Place, hour: datetime, value: int, **more: object) -> tables.Telemetry:
    return tables.Telemetry(
        **{
            "org_id": place.org,
            "project_id": place.project,
            "timestamp": hour,
            "metric_name": "user_adoption",
            "cohort": "mainstream",
            "feature": "F12",
            "id": uuid4(),
            "metric_value": value,
            "unit": "%",
            "sample_count": 10,
            "user_count": 10,
            "revision": 1,
            **more,
        }
    )


def report(place: Place, detected_at: datetime, **more: object) -> tables.DivergenceReport:
    return tables.DivergenceReport(
        **{
            "org_id": place.org,
            "id": uuid4(),
            "project_id": place.project,
            "artifact_id": place.artifact,
            "assumption_id": place.assumption,
            "divergence_type": "FEATURE_ADOPTION_MISS",
            "metric_name": "user_adoption",
            "cohort": "mainstream",
            "feature": "F12",
            "assumed_value": ">= 60 %",
            "actual_value": "42 %",
            "assumed_number": 60.0,
            "actual_number": 42.0,
            "unit": "%",
            "relative_gap": -0.3,
            "assumption_evidence_tier": "E2",
            "telemetry_evidence_tier": "E4",
            "tier_delta": 2,
            "classification": "MINOR",
            "summary": "We assumed more.",
            "e_value": 1e9,
            "threshold": 3650.0,
            "sample_count": 1000,
            "user_count": 1000,
            "first_hour": HOUR,
            "last_hour": HOUR,
            "detected_at": detected_at,
            **more,
        }
    )


def findings(place: Place) -> Iterator[Base]:
    within = {"org_id": place.org, "project_id": place.project}
    yield telemetry(place, HOUR, 42)
    yield report(place, HOUR, id=place.report)
    yield tables.CascadeAnalysis(
        **within,
        id=uuid4(),
        divergence_id=place.report,
        affected_features=["F12 PRD"],
        affected_code_modules=["checkout_page"],
        reexecution_scope_days=2,
        full_redesign_days=14,
        recommendation="REEXECUTE",
    )
    yield tables.DetectorState(
        **within,
        assumption_id=place.assumption,
        state={},
        status="OK",
        folded_through=date(2026, 11, 1),
        telemetry_revisions=1,
    )


def _monday() -> date:
    today = datetime.now(UTC).date()
    return today - timedelta(days=today.weekday())


def _machinery(within: dict[str, UUID]) -> Iterator[Base]:
    source = {"topic": "raw_metrics", "partition": 0}
    yield tables.Partial(
        **within,
        **source,
        hour=HOUR,
        metric_name="user_adoption",
        cohort="",
        feature="",
        value_micro=1,
        of_micro=1,
        sample_count=1,
        revision=1,
        dirty=True,
    )
    yield tables.BatchSeen(**within, batch_id=uuid4(), week=_monday())
    yield tables.ProjectWatermark(**within, **source, first_event=HOUR, event_time=HOUR, seen_at=HOUR)
    yield tables.ProjectClock(**within, closed_through=HOUR, day_closed_through=date(2026, 11, 1))
    yield tables.Outbox(org_id=within["org_id"], destination="kafka", topic="divergence_alerts")
    otlp = {"series": uuid4(), "started_ns": 1}
    yield tables.OtlpSeries(**within, **otlp, newest_hour=HOUR)
    yield tables.OtlpPoint(**within, **otlp, hour=HOUR, time_ns=2, reading=b"")
    yield tables.DeadLetter(
        **within,
        **source,
        id=uuid4(),
        record_offset=1,
        record_at=HOUR,
        reason="bad_value",
        indices=[1],
        sample_count=1,
    )


def _limits(within: dict[str, UUID], key: UUID) -> Iterator[Base]:
    yield tables.Series(**within, metric_name="user_adoption", cohort="mainstream", feature="F12")
    yield tables.SeriesCount(**within, series=1)
    yield tables.KeyUsage(org_id=within["org_id"], key_id=key, period_start=HOUR, used=1)
    yield tables.TopicBinding(**within, topic=f"raw_metrics.{within['project_id']}")
