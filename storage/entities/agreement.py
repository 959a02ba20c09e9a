"""Assumptions of different artifacts of a project: two that no telemetry can keep are not both watched."""

from sqlalchemy import func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from detectors.assumptions import SHARE, ContentError, claims, read_content
from detectors.bounds import Bounds, Operator, ToleranceKind
from detectors.contradictions import Claim, contradictions
from metrics.names import Metric
from storage.tables import Artifact, AssumptionRow


async def agree(session: AsyncSession, artifact: Artifact) -> None:
    """Make sure that what an approved version assumes can be true beside what the others in its project do.

    Who approves at the same time waits here for the end of this transaction.

    Raises:
        ContentError: a line for each contradiction, with its path and the artifact that says otherwise; the
            session must not be committed.
    """
    new = claims(read_content(artifact.content or {}))
    if not new:
        return
    name = func.hashtextextended(f"assumptions of {artifact.project_id}", literal(0))
    await session.execute(select(func.pg_advisory_xact_lock(name)))
    faults = list(contradictions(new, await _standing(session, artifact)))
    if faults:
        raise ContentError("\n".join(faults))


async def _standing(session: AsyncSession, artifact: Artifact) -> list[Claim]:
    """Return what the live assumptions of the project's other artifacts claim."""
    same = (Artifact.org_id == AssumptionRow.org_id) & (Artifact.id == AssumptionRow.artifact_id)
    query = (
        select(AssumptionRow, Artifact)
        .join(Artifact, same)
        .where(
            AssumptionRow.org_id == artifact.org_id,
            AssumptionRow.project_id == artifact.project_id,
            AssumptionRow.artifact_id != artifact.id,
            AssumptionRow.superseded_at.is_(None),
        )
        .order_by(AssumptionRow.created_at, AssumptionRow.id)
    )
    return [_claim(row, of) for row, of in await session.execute(query)]


def _claim(row: AssumptionRow, of: Artifact) -> Claim:
    operator, kind = Operator(row.operator), ToleranceKind(row.tolerance_kind)
    return Claim(
        where=f"{row.key!r} of {of.type} {of.key!r} version {of.version}",
        metric_name=Metric(row.metric_name),
        cohort=row.cohort,
        feature=row.feature,
        unit=row.unit,
        operator=operator,
        value=row.value,
        bounds=Bounds.of(operator, row.value, row.tolerance, kind),
        is_share=row.unit == SHARE,
    )
