"""For whatever keeps the process running: alive, and ready (or what is wrong)."""

import logging

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy.exc import SQLAlchemyError

from api import problems
from api.routing import operation_id
from api.services import Services, of
from migrations.run import heads
from storage import selfcheck
from storage.database import AWAY, is_away

router = APIRouter(tags=["health"], generate_unique_id_function=operation_id)
log = logging.getLogger(__name__)


class Alive(BaseModel):
    """The process answers."""

    status: str = Field(examples=["alive"])


class Ready(BaseModel):
    """Everything that requests need is there."""

    status: str = Field(examples=["ready"])


@router.get("/livez", response_model=Alive)
async def livez() -> object:
    """Say that the process answers; restart it when this fails."""
    return {"status": "alive"}


@router.get(
    "/readyz",
    response_model=Ready,
    responses={503: {"description": "Not ready; `checks` says what is wrong."}},
)
async def readyz(request: Request) -> object:
    """Say whether requests can be answered: the database, its migrations, and that it keeps tenants apart."""
    faults = await _faults(of(request))
    if faults:
        return _not_ready(request, faults)
    return {"status": "ready"}


def _not_ready(request: Request, faults: list[str]) -> Response:
    return problems.respond(
        request, problems.NOT_READY, "; ".join(faults), headers={"Retry-After": "5"}, checks=faults
    )


async def _faults(services: Services) -> list[str]:
    try:
        applied = await selfcheck.revisions(services.sessions)
        missing = sorted(heads() - applied)
        if missing:
            return [f"migrations are pending (`augentis migrate`): {', '.join(missing)}"]
        return await selfcheck.isolation_faults(services.sessions)
    except (SQLAlchemyError, *AWAY) as error:
        log.warning("not ready: %s", error)
        if is_away(error):
            return ["the database does not answer"]
        return ["the database refuses what it is asked; the log says why"]
