"""Who asks, settled for every route: a valid token, a standing membership, a session that sees one tenant."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.ext.asyncio import AsyncSession

from api import problems
from api.auth.tokens import BadTokenError
from api.problems import ProblemError
from api.services import of
from storage.reading import people
from storage.tenancy import Claims

_bearer = HTTPBearer(
    auto_error=False,
    bearerFormat="JWT",
    description="a token of the issuer (`augentis token` in development)",
)


@dataclass(frozen=True)
class Caller:
    """A member who asks; `session` sees what they may see, and writes nothing."""

    session: AsyncSession
    claims: Claims
    role: str

    @property
    def org_id(self) -> UUID:
        """The organisation they ask for."""
        return self.claims.org_id


async def _claims(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Claims:
    if credentials is None:
        raise ProblemError(
            problems.NO_TOKEN,
            "send the header `Authorization: Bearer <token>`",
            {"WWW-Authenticate": 'Bearer realm="augentis"'},
        )
    try:
        return await of(request).verifier.verify(credentials.credentials)
    except BadTokenError as error:
        raise ProblemError(
            problems.BAD_TOKEN,
            str(error),
            {"WWW-Authenticate": 'Bearer realm="augentis", error="invalid_token"'},
        ) from error


async def _caller(request: Request, claims: Annotated[Claims, Depends(_claims)]) -> AsyncIterator[Caller]:
    async with of(request).sessions.open(claims, read_only=True) as session:
        standing = await people.standing(session, claims)
        if standing.role is None:
            raise ProblemError(problems.NOT_A_MEMBER, "the membership has ended, or there never was one")
        if not standing.workspace_is_theirs:
            raise ProblemError(problems.WRONG_WORKSPACE)
        yield Caller(session, claims, standing.role)


# `function`: the transaction ends before the response is sent, however slow its reader.
Member = Annotated[Caller, Depends(_caller, scope="function")]
