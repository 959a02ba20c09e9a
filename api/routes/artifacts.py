from uuid import UUID

from fastapi import Response

from api import etags, problems, routing
from api.answers import answers
from api.caller import Member
from api.problems import ProblemError
from api.schemas import Artifact, ArtifactDetail
from storage.reading import artifacts

router = routing.router("/v1/artifacts", "artifacts")


@router.get("/{artifact_id}", response_model=ArtifactDetail, responses=answers(problems.NOT_FOUND))
async def read_artifact(caller: Member, response: Response, artifact_id: UUID) -> object:
    """Read one version of an artifact, with its content, its tags and what it rests on."""
    found = await artifacts.one(caller.session, caller.org_id, artifact_id)
    if found is None:
        raise ProblemError(problems.NOT_FOUND, "there is no such artifact")
    etags.mark(response, found.artifact.revision)
    return detail(found)


def detail(whole: artifacts.Whole) -> ArtifactDetail:
    """Return all of a version, as it is sent."""
    return ArtifactDetail(
        **Artifact.model_validate(whole.artifact).model_dump(),
        content=whole.artifact.content,
        depends_on=whole.depends_on,
        tags=whole.tags,
    )
