"""`augentis cascade`: what rests on an artifact, and what to do about it (docs/cascade.md)."""

import json
from collections.abc import Iterator, Sequence
from typing import Annotated, Any
from uuid import UUID

import typer
from sqlalchemy.ext.asyncio import AsyncSession

from api.schemas.cascade import ArtifactCascade, CascadeQuestion
from cli.acting import Org, acting, the_project
from cli.exits import AnswerIsNo, CommandError
from detectors.tiers import EvidenceTier
from storage.reading import lineage
from storage.reading.lineage import Surroundings
from storage.tables import DivergenceReport
from storage.tenancy import Claims

_ARROW = " -> "


async def cascade(
    artifact: Annotated[str, typer.Argument(help="Id of a version; or TYPE/KEY, with --project.")],
    *,
    org: Org,
    project: Annotated[str | None, typer.Option(help="Name or id of the project of TYPE/KEY.")] = None,
    what_if: Annotated[
        bool, typer.Option("--what-if", help="Suppose that production proves the artifact wrong.")
    ] = False,
    tier: Annotated[
        EvidenceTier | None, typer.Option(help="With --what-if: the tier of that telemetry, by default E4.")
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Show what rests on an artifact that production proved wrong, as of its open reports.

    Where nothing of it is proven wrong the answer is no (exit code 1); `--what-if` answers before that.
    """
    if tier and not what_if:
        raise typer.BadParameter("--tier: what telemetry has proven is known; it goes with --what-if")
    async with acting(org, read_only=True) as (session, claims):
        found = await _found(session, claims, artifact, project)
        if what_if:
            shown, reports = ArtifactCascade.of(found, CascadeQuestion(telemetry_tier=tier)), []
        else:
            reports = list(await lineage.open_reports(session, found.artifact))
            shown = _proven(found, reports)
    _print(found.place, shown, reports, as_json=json_)


async def _found(session: AsyncSession, claims: Claims, artifact: str, project: str | None) -> Surroundings:
    version = await _version(session, claims, artifact, project)
    found = await lineage.around(session, claims.org_id, version) if version else None
    if found is None:
        raise CommandError(f"the {'project' if project else 'organisation'} has no artifact {artifact!r}")
    return found


async def _version(session: AsyncSession, claims: Claims, artifact: str, project: str | None) -> UUID | None:
    try:
        return UUID(artifact)
    except ValueError:
        if project is None:
            raise typer.BadParameter("--project: TYPE/KEY says which only within a project") from None
    of_project = await the_project(session, claims, project)
    kind, _, key = artifact.partition("/")
    return await lineage.in_force(session, claims.org_id, of_project.id, kind, key)


def _proven(found: Surroundings, reports: Sequence[DivergenceReport]) -> ArtifactCascade:
    if not reports:
        raise AnswerIsNo(f"nothing of {found.place} is proven wrong; --what-if says what rests on it")
    return ArtifactCascade.of(found, CascadeQuestion(tier_delta=reports[0].tier_delta))


def _print(place: str, shown: ArtifactCascade, reports: Sequence[DivergenceReport], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({**shown.model_dump(mode="json"), "reports": [_row(report) for report in reports]}))
        return
    for report in reports:
        print(f"{report.detected_at:%Y-%m-%d}  {report.classification}  {report.summary}")
    print("\n".join(_lines(place, shown)))


def _row(report: DivergenceReport) -> dict[str, Any]:
    return {
        "id": str(report.id),
        "classification": report.classification,
        "tier_delta": report.tier_delta,
        "detected_at": report.detected_at.isoformat(),
        "summary": report.summary,
    }


def _lines(place: str, shown: ArtifactCascade) -> Iterator[str]:
    better = f"{shown.tier_delta} tiers better than its own, {shown.evidence_tier}"
    yield f"{place} proven wrong, by evidence that is {better}: {shown.recommendation}"
    yield f"days to redo      {shown.reexecution_scope_days}"
    yield f"days to redesign  {shown.full_redesign_days}"
    yield f"features          {', '.join(shown.affected_features) or '-'}"
    yield f"modules           {', '.join(shown.affected_code_modules) or '-'}"
    yield "artifacts"
    for each in shown.affected:
        yield f"  {_ARROW.join(each.path)}"
