"""What a project's OTLP metrics are for us."""

from uuid import UUID

from fastapi import Request, Response

from api import etags, problems, routing
from api.answers import answers
from api.caller import Editor, Member
from api.etags import IfMatchIfAny
from api.problems import ProblemError
from api.routes import lookup
from api.schemas import OtlpMapping
from metrics.otlp_rules import Rules
from storage.entities import mappings

router = routing.router("/v1/projects/{project_id}/otlp-mapping", "OTLP mapping")


@router.get("", response_model=OtlpMapping, responses=answers(problems.NOT_FOUND))
async def read_otlp_mapping(caller: Member, response: Response, project_id: UUID) -> object:
    """Read the rules that hold. A project that has put none has the defaults alone, and nothing is here."""
    await lookup.project(caller, project_id)
    row = await mappings.live(caller.session, caller.org_id, project_id)
    if row is None:
        raise ProblemError(problems.NOT_FOUND, "the project has no mapping of its own: the defaults hold")
    etags.mark(response, row.version)
    return OtlpMapping.of(row)


@router.put(
    "",
    response_model=OtlpMapping,
    responses={201: {"model": OtlpMapping}, **answers(problems.NOT_FOUND)},
)
async def put_otlp_mapping(
    caller: Editor,
    request: Request,
    response: Response,
    expected: IfMatchIfAny,
    project_id: UUID,
    body: Rules,
) -> object:
    """Let these rules hold within half a minute, as the next version; with If-Match only after another one.

    What was counted stays as it is. The same rules again are no new version. `augentis otlp preview` says
    beforehand what they make of an export.
    """
    await lookup.project(caller, project_id)
    rules = body.model_dump(mode="json", by_alias=True, exclude_unset=True)
    row, is_new = await mappings.put(
        caller.session, caller.claims, project_id, expected, rules, must_exist="if-match" in request.headers
    )
    response.status_code = 201 if is_new else 200
    etags.created(response, f"/v1/projects/{project_id}/otlp-mapping", row.version)
    return OtlpMapping.of(row)
