from uuid import UUID

from api import problems, routing
from api.answers import answers
from api.caller import Member
from api.problems import ProblemError
from api.schemas import Artifact, ArtifactDetail
from storage.reading import artifacts

router = routing.router("/v1/artifacts", "artifacts")


@router.get("/{artifact_id}", response_model=ArtifactDetail, responses=answers(problems.NOT_FOUND))
async def read_artifact(caller: Member, artifact_id: UUID) -> object:
    """Read one version of an artifact, with its content and what it rests on."""
    found = await artifacts.one(caller.session, caller.org_id, artifact_id)
    if found is None:
        raise ProblemError(problems.NOT_FOUND, "there is no such artifact")
    artifact, depends_on = found
    return ArtifactDetail(
        **Artifact.model_validate(artifact).model_dump(), content=artifact.content, depends_on=depends_on
    )
