"""One file, one transaction: all of it, or nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from cli.applying import plan
from cli.applying.file import ApplyFile, ArtifactEntry, ProjectEntry
from cli.applying.mistakes import FileMistakesError
from detectors.assumptions import ContentError
from storage.database import refusal
from storage.entities import agreement, approval, artifacts, calendars, gates, projects, workspaces
from storage.entities.artifacts import Name
from storage.tables import Artifact, Project
from storage.tables.product import LIVE_STATUSES
from storage.tenancy import Claims

OURS = "AG"
"""The SQLSTATEs of our own rules begin so (ADR 0008)."""
_HINTS = {"AG001": ": archive one, or ask for another (`augentis org tier`)"}
CIRCLE = "AG007"
Change = Literal["created", "changed", "unchanged"]


@dataclass
class AppliedArtifact:
    """An artifact's latest version after the file; `approved`: by this file, now."""

    key: str
    id: UUID
    version: int
    status: str
    change: Change
    approved: bool


@dataclass
class AppliedProject:
    """A project after the file. `phase`: where it is, which its gates alone say once one was decided on."""

    name: str
    id: UUID
    phase: str
    change: Change
    artifacts: list[AppliedArtifact] = field(default_factory=list)


async def apply_file(
    session: AsyncSession, claims: Claims, file: ApplyFile, now: datetime
) -> list[AppliedProject]:
    """Bring the organisation to what the file says; `now` is the time of approvals.

    Raises:
        FileMistakesError: the file does not suit what is stored; the session must not be committed.
    """
    mistakes: list[str] = []
    applied = []
    for index, entry in enumerate(file.projects):
        place = f"projects[{index}]"
        try:
            async with session.begin_nested():
                applied.append(await _ProjectRun(session, claims, place, entry, now).apply())
        except FileMistakesError as error:
            mistakes.extend(error.mistakes)
        except DBAPIError as error:
            mistakes.append(f"{place}: {_against_a_rule(error)}")
    if mistakes:
        raise FileMistakesError(mistakes)
    return applied


def _against_a_rule(error: DBAPIError) -> str:
    """Return how the database words a rule of ours that the file breaks; what else it says is no mistake."""
    refused = refusal(error)
    if refused is None or not refused.sqlstate.startswith(OURS):
        raise error
    return refused.message + _HINTS.get(refused.sqlstate, "")


@dataclass
class _ProjectRun:
    session: AsyncSession
    claims: Claims
    place: str
    entry: ProjectEntry
    now: datetime
    latest: dict[Name, Artifact] = field(default_factory=dict)
    rests_on: dict[Name, set[Name]] = field(default_factory=dict)

    async def apply(self) -> AppliedProject:
        project_id, phase, change = await self._project()
        self.latest = await artifacts.latest(self.session, self.claims.org_id, project_id)
        await self._read_lineage()
        mistakes = list(plan.unknown(self.place, self.entry, self.rests_on))
        if mistakes:
            raise FileMistakesError(mistakes)
        done = {entry.key: await self._artifact(project_id, entry) for entry in self._order()}
        await self._agree(done)
        await self._relink()
        return AppliedProject(
            self.entry.name, project_id, phase, change, [done[entry.key] for entry in self.entry.artifacts]
        )

    def _order(self) -> list[ArtifactEntry]:
        try:
            return plan.order(self.place, self.entry, self.rests_on)
        except plan.CircleError as error:
            raise FileMistakesError([str(error)]) from error

    async def _project(self) -> tuple[UUID, str, Change]:
        """Find or make the project, and hold it: files applied at once wait for each other."""
        entry, org_id = self.entry, self.claims.org_id
        made = None if await projects.named(self.session, org_id, entry.name) else await self._make_project()
        found = await projects.named(self.session, org_id, entry.name)
        if len(found) > 1:
            raise FileMistakesError(
                [f"{self.place}.name: {len(found)} workspaces have a project {entry.name!r}"]
            )
        project = await projects.locked(self.session, org_id, found[0].id)
        given = {
            name: value
            for name in ("description", "problem_statement")
            if (value := getattr(entry, name)) is not None
        }
        changed = await projects.change(self.session, self.claims, project, **given)
        changed |= await self._holidays(project.id)
        moved = await self._moves(project)
        phase = str(entry.phase) if moved else project.phase
        return project.id, phase, "created" if made else "changed" if changed or moved else "unchanged"

    async def _moves(self, project: Project) -> bool:
        """Say where the project stands, which is taken until a gate was decided on; tell whether it moved."""
        phase = self.entry.phase
        if phase is None or phase == project.phase:
            return False
        return await gates.declare_phase(self.session, project.id, phase)

    async def _holidays(self, project_id: UUID) -> bool:
        """Put the calendar, unless the file says what it said when it was put: its days then stay."""
        calendar = self.entry.holidays
        if calendar is None:
            return False
        before = await calendars.live(self.session, self.claims.org_id, project_id)
        if before is not None and calendars.is_made_of(before, calendar):
            return False
        await calendars.put(self.session, self.claims, project_id, None, calendar)
        return True

    async def _make_project(self) -> UUID | None:
        entry = self.entry
        if entry.problem_statement is None:
            raise FileMistakesError([f"{self.place}.problem_statement: is required, as the project is new"])
        workspace_id = await workspaces.oldest(self.session, self.claims.org_id)
        if workspace_id is None:
            workspace_id = await workspaces.ensure(self.session, self.claims, "Main")
        return await projects.create(
            self.session,
            self.claims,
            workspace_id,
            name=entry.name,
            description=entry.description or "",
            problem_statement=entry.problem_statement,
            phase=entry.phase or "DEFINE",
        )

    async def _read_lineage(self) -> None:
        ids = {artifact.id: name for name, artifact in self.latest.items()}
        links = await artifacts.dependencies(self.session, self.claims.org_id, ids)
        self.rests_on = {name: set(links.get(artifact_id, {})) for artifact_id, name in ids.items()}

    async def _artifact(self, project_id: UUID, entry: ArtifactEntry) -> AppliedArtifact:
        name = Name(entry.type, entry.key)
        known = self.latest.get(name)
        change: Change = "unchanged"
        if known is None or await self._differs(known, entry):
            change = "changed" if known else "created"
            await self._next_version(project_id, name, entry, known)
        artifact = self.latest[name]
        approves = entry.approve and artifact.status not in LIVE_STATUSES
        if approves:
            artifact = await approval.approve(self.session, self.claims.org_id, artifact.id, self.now)
        return AppliedArtifact(entry.key, artifact.id, artifact.version, artifact.status, change, approves)

    async def _agree(self, done: Mapping[str, AppliedArtifact]) -> None:
        """Compare assumptions once all of the file's are there: two of them may change sides together."""
        mistakes: list[str] = []
        for index, entry in enumerate(self.entry.artifacts):
            if done[entry.key].approved:
                try:
                    await agreement.agree(self.session, self.latest[Name(entry.type, entry.key)])
                except ContentError as error:
                    place = f"{self.place}.artifacts[{index}].content"
                    mistakes.extend(f"{place}.{line}" for line in str(error).splitlines())
        if mistakes:
            raise FileMistakesError(mistakes)

    async def _differs(self, known: Artifact, entry: ArtifactEntry) -> bool:
        if entry.evidence_tier is not None and entry.evidence_tier != artifacts.declared(known):
            return True
        if entry.depends_on is not None and self._named(entry) != self.rests_on[Name(known.type, known.key)]:
            return True
        return entry.content is not None and not await artifacts.has_content(
            self.session, known, entry.content
        )

    async def _next_version(
        self, project_id: UUID, name: Name, entry: ArtifactEntry, known: Artifact | None
    ) -> None:
        before = _Before(known.content or {}, artifacts.declared(known)) if known else _Before({}, "E0")
        self.latest[name] = await artifacts.create_version(
            self.session,
            self.claims,
            project_id,
            name,
            content=before.content if entry.content is None else entry.content,
            evidence_tier=entry.evidence_tier or before.evidence_tier,
        )
        if entry.depends_on is not None:
            self.rests_on[name] = self._named(entry)
        self.rests_on.setdefault(name, set())

    def _named(self, entry: ArtifactEntry) -> set[Name]:
        names = plan.names_by_key(self.entry, self.rests_on)
        return {names[key] for key in entry.depends_on or ()}

    async def _relink(self) -> None:
        """Let every latest version rest on the latest ones: a new version takes its dependants along."""
        for name, others in self.rests_on.items():
            grounds = [self.latest[other].id for other in others]
            try:
                async with self.session.begin_nested():
                    await artifacts.link(self.session, self.latest[name], grounds)
            except DBAPIError as error:
                refused = refusal(error)
                if refused is None or refused.sqlstate != CIRCLE:
                    raise
                # The file has none: one goes through a version that is in force until another is approved.
                raise FileMistakesError([f"{self.place}.artifacts: {refused.message}"]) from error


@dataclass(frozen=True)
class _Before:
    content: Mapping[str, object]
    evidence_tier: str
