from datetime import UTC, datetime
from typing import Annotated, ClassVar
from uuid import UUID

from fastapi import Query, Response
from pydantic import Field

from api import etags, problems, routing
from api.answers import answers
from api.caller import Caller, Editor, Member
from api.etags import IfMatch
from api.paging import Page, Paging
from api.parameters import Label, Since, sorts
from api.problems import ProblemError
from api.routes import lookup
from api.schemas import Artifact, ArtifactChange, ArtifactDetail, NewArtifact
from api.schemas.artifacts import ArtifactStatus, ArtifactType
from detectors.tiers import EvidenceTier
from storage.entities import artifacts as writing
from storage.entities import versions
from storage.entities.artifacts import Name
from storage.reading import artifacts
from storage.reading.pages import Orders

router = routing.router("/v1", "artifacts")


class ArtifactFilters(Paging):
    """Which versions; `since` is about `created_at`."""

    orders: ClassVar[Orders] = artifacts.ORDERS

    type: ArtifactType | None = None
    key: Label | None = None
    status: ArtifactStatus | None = None
    evidence_tier: EvidenceTier | None = None
    tag: Label | None = None
    since: Since | None = None
    latest: Annotated[
        bool, Field(description="of each type and key the one of the highest version, whatever its status")
    ] = False
    sort: Annotated[str, sorts(artifacts.ORDERS)] = "-created_at"


@router.get(
    "/projects/{project_id}/artifacts", response_model=Page[Artifact], responses=answers(problems.NOT_FOUND)
)
async def list_artifacts(
    caller: Member, project_id: UUID, filters: Annotated[ArtifactFilters, Query()]
) -> object:
    """List a project's artifact versions without content, newest first unless `sort` says otherwise."""
    await lookup.project(caller, project_id)
    wanted = artifacts.Wanted(
        filters.type,
        filters.key,
        filters.status,
        filters.tag,
        filters.since,
        filters.latest,
        filters.evidence_tier,
    )
    rows = await artifacts.listed(caller.session, caller.org_id, project_id, wanted, filters.part())
    return filters.page(rows, Artifact)


@router.post(
    "/projects/{project_id}/artifacts",
    status_code=201,
    response_model=ArtifactDetail,
    responses=answers(problems.NOT_FOUND, problems.CIRCLE),
)
async def create_artifact(caller: Editor, response: Response, project_id: UUID, body: NewArtifact) -> object:
    """Make the next version of an artifact, a draft; the first one makes the artifact."""
    await lookup.project(caller, project_id)
    await _are_of_project(caller, project_id, body.depends_on)
    artifact = await writing.create_version(
        caller.session,
        caller.claims,
        project_id,
        Name(body.type, body.key),
        content=body.content,
        evidence_tier=body.evidence_tier,
    )
    await writing.link(caller.session, artifact, set(body.depends_on))
    etags.created(response, f"/v1/artifacts/{artifact.id}")
    return await _shown(caller, response, artifact.id)


@router.get("/artifacts/{artifact_id}", response_model=ArtifactDetail, responses=answers(problems.NOT_FOUND))
async def read_artifact(caller: Member, response: Response, artifact_id: UUID) -> object:
    """Read one version of an artifact, with its content, its tags and what it rests on."""
    return await _shown(caller, response, artifact_id)


@router.patch(
    "/artifacts/{artifact_id}",
    response_model=ArtifactDetail,
    responses=answers(problems.NOT_FOUND, problems.STATUS_STEP, problems.FROZEN, problems.CONFLICT),
)
async def change_artifact(
    caller: Editor, response: Response, expected: IfMatch, artifact_id: UUID, body: ArtifactChange
) -> object:
    """Change content or evidence tier of a version that is not approved; or take one step of its status.

    Approval freezes its assumptions, which are watched from then on, and ends those of older versions.
    """
    asked = (caller.session, caller.org_id, artifact_id, expected)
    if "status" in body.model_fields_set:
        await versions.step(*asked, body.status, datetime.now(UTC))
    else:
        await versions.edit(*asked, body.changes())
    return await _shown(caller, response, artifact_id)


async def _shown(caller: Caller, response: Response, artifact_id: UUID) -> ArtifactDetail:
    whole = await artifacts.one(caller.session, caller.org_id, artifact_id)
    if whole is None:
        raise ProblemError(problems.NOT_FOUND, "there is no such artifact")
    etags.mark(response, whole.artifact.revision)
    return ArtifactDetail(
        **Artifact.model_validate(whole.artifact).model_dump(),
        content=whole.artifact.content,
        depends_on=whole.depends_on,
        tags=whole.tags,
    )


async def _are_of_project(caller: Caller, project_id: UUID, ids: list[UUID]) -> None:
    known = await versions.in_project(caller.session, caller.org_id, project_id, set(ids))
    for index, each in enumerate(ids):
        if each not in known:
            raise problems.invalid(f"body.depends_on.{index}", "there is no such artifact in this project")
