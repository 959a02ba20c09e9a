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
    """Who asks; `session` sees what they may see. `project_id` is all that a machine key reads, else None."""

    session: AsyncSession
    claims: Claims
    project_id: UUID | None

    @property
    def org_id(self) -> UUID:
        """The organisation they ask for."""
        return self.claims.org_id

    @property
    def actor_id(self) -> UUID:
        """The person, or the machine key."""
        return self.claims.user_id


@dataclass(frozen=True)
class PersonCaller(Caller):
    """A member who asks, with the role that the database knows."""

    claims: Claims
    role: str

    def require(self, *roles: str) -> None:
        """End the request with 403 unless the organisation role is one of these.

        Rights within a project are the database's to judge: a role there replaces this one.

        Raises:
            ProblemError: role-too-low.
        """
        if self.role not in roles:
            raise ProblemError(problems.ROLE_TOO_LOW, f"this asks for {' or '.join(roles)}")


async def _asker(
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


async def _standing(session: AsyncSession, claims: Claims) -> PersonCaller:
    standing = await people.standing(session, claims)
    if standing.role is None:
        raise ProblemError(problems.NOT_A_MEMBER, "the membership has ended, or there never was one")
    if not standing.workspace_is_theirs:
        raise ProblemError(problems.WRONG_WORKSPACE)
    return PersonCaller(session, claims, None, standing.role)


async def _reading(
    request: Request, asker: Annotated[Claims, Depends(_asker)]
) -> AsyncIterator[PersonCaller]:
    async with of(request).sessions.open(asker, read_only=True) as session:
        yield await _standing(session, asker)


async def _writing(
    request: Request, asker: Annotated[Claims, Depends(_asker)]
) -> AsyncIterator[PersonCaller]:
    async with of(request).sessions.open(asker) as session:
        yield await _standing(session, asker)


# `function`: the transaction ends before the response is sent, however slow its reader, and a commit that
# fails is still an error of the request.

# Reads: a person or a machine key.
Member = Annotated[Caller, Depends(_reading, scope="function")]
# Reads about people: persons only.
Person = Annotated[PersonCaller, Depends(_reading, scope="function")]
# Writes: persons only, of any role; what the role may is the route's to ask, or the database's to judge.
Editor = Annotated[PersonCaller, Depends(_writing, scope="function")]


async def _administering(caller: Editor) -> PersonCaller:
    caller.require("ADMIN")
    return caller


# Writes that only an ADMIN may.
Admin = Annotated[PersonCaller, Depends(_administering, scope="function")]
