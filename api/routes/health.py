"""For whatever keeps the process running: alive, and ready (or what is wrong)."""

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy.exc import SQLAlchemyError

from api import problems
from api.services import Services, of
from migrations.run import heads
from storage import selfcheck
from storage.database import AWAY, REFUSED

router = APIRouter(tags=["health"])


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
    except SQLAlchemyError as error:
        return [f"the database does not do as it should: {type(error.__cause__ or error).__name__}"]
    except (*AWAY, *REFUSED) as error:
        return [f"the database does not answer: {type(error).__name__}"]
