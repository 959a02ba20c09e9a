"""What hangs on an artifact version: its tags, and what it rests on."""

from urllib.parse import quote
from uuid import UUID

from fastapi import Response

from api import etags, problems, routing
from api.answers import answers
from api.caller import Editor
from api.problems import ProblemError
from api.schemas import Dependency, NewDependency, NewTag, Tag
from api.schemas.artifacts import TagName
from storage.entities import versions

router = routing.router("/v1/artifacts/{artifact_id}", "artifacts")


@router.post(
    "/tags",
    status_code=201,
    response_model=Tag,
    responses=answers(problems.NOT_FOUND, problems.CONFLICT),
)
async def tag_artifact(caller: Editor, response: Response, artifact_id: UUID, body: NewTag) -> object:
    """Put a tag on a version."""
    row = await versions.tag(caller.session, caller.org_id, artifact_id, body.tag_name)
    etags.created(response, f"/v1/artifacts/{artifact_id}/tags/{quote(row.tag_name, safe='')}")
    return row


@router.delete("/tags/{tag_name:path}", status_code=204, responses=answers(problems.NOT_FOUND))
async def untag_artifact(caller: Editor, artifact_id: UUID, tag_name: TagName) -> None:
    """Take a tag off a version."""
    await versions.untag(caller.session, caller.org_id, artifact_id, tag_name)


@router.post(
    "/dependencies",
    status_code=201,
    response_model=Dependency,
    responses=answers(problems.NOT_FOUND, problems.CONFLICT, problems.CIRCLE),
)
async def add_dependency(
    caller: Editor, response: Response, artifact_id: UUID, body: NewDependency
) -> object:
    """Say that a version rests on another one in the same project."""
    if body.depends_on_id == artifact_id:
        raise ProblemError(problems.CIRCLE, "the artifact would rest on itself")
    row = await versions.rest(caller.session, caller.org_id, artifact_id, body.depends_on_id)
    etags.created(response, f"/v1/artifacts/{artifact_id}")
    return row
