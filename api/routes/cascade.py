from typing import Annotated
from uuid import UUID

from fastapi import Query

from api import problems, routing
from api.answers import answers
from api.caller import Member
from api.problems import ProblemError
from api.schemas.cascade import ArtifactCascade, CascadeQuestion
from storage.reading import lineage

router = routing.router("/v1/artifacts/{artifact_id}/cascade", "artifacts")


@router.get("", response_model=ArtifactCascade, responses=answers(problems.NOT_FOUND))
async def read_cascade(
    caller: Member, artifact_id: UUID, question: Annotated[CascadeQuestion, Query()]
) -> object:
    """Say what rests on an artifact, near or far, and what to do if production proved it wrong."""
    found = await lineage.around(caller.session, caller.org_id, artifact_id)
    if found is None:
        raise ProblemError(problems.NOT_FOUND, "there is no such artifact")
    return ArtifactCascade.of(found, question)
