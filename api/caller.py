"""What a request may do, settled for every route: a standing membership, a session that sees one tenant."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession

from api import problems
from api.about import Told
from api.asking import Asker
from api.problems import ProblemError
from api.services import of
from storage.entities.keys import KeyLogin
from storage.reading import people
from storage.tenancy import Claims, Farewell, KeyClaims


@dataclass(frozen=True)
class Caller:
    """Who asks; `session` sees what they may see. `project_id` is all that a machine key reads, else None."""

    session: AsyncSession
    claims: Claims | KeyClaims
    project_id: UUID | None

    @property
    def org_id(self) -> UUID:
        """The organisation they ask for."""
        return self.claims.org_id

    @property
    def actor_id(self) -> UUID:
        """The person, or the machine key."""
        return self.claims.key_id if isinstance(self.claims, KeyClaims) else self.claims.user_id

    @property
    def sees_all(self) -> bool:
        """Whether they see all of the organisation: a person, by a token that names no workspace."""
        return not isinstance(self.claims, KeyClaims) and self.claims.workspace_id is None


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


async def _person_claims(asker: Asker) -> Claims:
    if isinstance(asker, KeyLogin):
        raise ProblemError(problems.ROLE_TOO_LOW, "a machine key only reads, and nothing about people")
    return asker


_PersonClaims = Annotated[Claims, Depends(_person_claims)]


async def standing(session: AsyncSession, claims: Claims) -> PersonCaller:
    """Return the person with the role that they have now.

    Raises:
        ProblemError: not-a-member, or wrong-workspace.
    """
    found = await people.standing(session, claims)
    if found.role is None:
        raise ProblemError(problems.NOT_A_MEMBER, "the membership has ended, or there never was one")
    if not found.workspace_is_theirs:
        raise ProblemError(problems.WRONG_WORKSPACE)
    return PersonCaller(session, claims, None, found.role)


async def _person(request: Request, claims: _PersonClaims) -> AsyncIterator[PersonCaller]:
    async with of(request).sessions.open(claims, read_only=True) as session:
        yield await standing(session, claims)


async def _member(request: Request, asker: Asker) -> AsyncIterator[Caller]:
    claims = _key_claims(asker, "read") if isinstance(asker, KeyLogin) else asker
    async with of(request).sessions.open(claims, read_only=True) as session:
        if isinstance(asker, KeyLogin):
            yield Caller(session, claims, asker.project_id)
        else:
            yield await standing(session, asker)


def _key_claims(login: KeyLogin, scope: str) -> KeyClaims:
    if scope not in login.scopes:
        raise ProblemError(problems.SCOPE_MISSING, f"this asks for a key with scope `{scope}`")
    return KeyClaims(login.key_id, login.org_id)


async def _runner(request: Request, asker: Asker, about: Told) -> AsyncIterator[Caller]:
    claims = _key_claims(asker, "run") if isinstance(asker, KeyLogin) else asker
    async with of(request).sessions.open(claims, about=about) as session:
        if isinstance(asker, KeyLogin):
            yield Caller(session, claims, asker.project_id)
        else:
            yield await standing(session, asker)


async def _editor(request: Request, claims: _PersonClaims, about: Told) -> AsyncIterator[PersonCaller]:
    async with of(request).sessions.open(claims, about=about) as session:
        yield await standing(session, claims)


async def _leaver(request: Request, claims: _PersonClaims, about: Told) -> AsyncIterator[PersonCaller]:
    leaving = Farewell(claims.user_id, claims.org_id, claims.workspace_id)
    async with of(request).sessions.open(leaving, about=about) as session:
        yield await standing(session, claims)


# `function`: the transaction ends before the response is sent, however slow its reader, and a commit that
# fails is still an error of the request.

# Reads: a person or a machine key.
Member = Annotated[Caller, Depends(_member, scope="function")]
# Reads about people: persons only.
Person = Annotated[PersonCaller, Depends(_person, scope="function")]
# Writes: persons only, of any role; what the role may is the route's to ask, or the database's to judge.
Editor = Annotated[PersonCaller, Depends(_editor, scope="function")]
# Runs agents: a machine key with scope `run`, or a person; whether they may is the database's to judge.
Runner = Annotated[Caller, Depends(_runner, scope="function")]

# A person who asks to be erased.
Leaver = Annotated[PersonCaller, Depends(_leaver, scope="function")]


async def _admin(caller: Editor) -> PersonCaller:
    caller.require("ADMIN")
    return caller


# Writes that only an ADMIN may.
Admin = Annotated[PersonCaller, Depends(_admin, scope="function")]


async def _admin_reading(caller: Person) -> PersonCaller:
    caller.require("ADMIN")
    return caller


# What only an ADMIN reads; a token of one workspace shows what is its projects'.
AdminReading = Annotated[PersonCaller, Depends(_admin_reading, scope="function")]


def _seeing_all(caller: PersonCaller) -> PersonCaller:
    if not caller.sees_all:
        raise ProblemError(
            problems.ROLE_TOO_LOW,
            "this concerns all of the organisation: ask with a token that names no workspace",
        )
    return caller


def _of_all(caller: PersonCaller) -> PersonCaller:
    caller.require("ADMIN")
    return _seeing_all(caller)


async def _reads_all(caller: Person) -> PersonCaller:
    return _of_all(caller)


async def _administers_all(caller: Editor) -> PersonCaller:
    return _of_all(caller)


async def _counts_all(caller: Person) -> PersonCaller:
    return _seeing_all(caller)


# What is counted over all of the organisation, for whoever sees all of it.
OrgReading = Annotated[PersonCaller, Depends(_counts_all, scope="function")]


# What concerns all of the organisation, for an ADMIN whose token is not confined to a workspace.
OrgAdminReading = Annotated[PersonCaller, Depends(_reads_all, scope="function")]
OrgAdmin = Annotated[PersonCaller, Depends(_administers_all, scope="function")]
