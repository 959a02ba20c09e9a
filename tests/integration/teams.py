"""An organisation of a test's own, asked about over HTTP: what it changes is nobody else's."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from typing import Any
from uuid import UUID, uuid4

import httpx

from api.app import application, create_app
from api.openapi import document
from settings import Settings
from storage.tenancy import Claims
from tests.databases import Database
from tests.integration.conftest import bearer_of, open_client

PROBLEM = "It takes too long to pay."
MEMBERS = {"ann": "ADMIN", "max": "MEMBER", "vic": "VIEWER"}


@dataclass(frozen=True)
class Team:
    """Ann administers it, max edits, vic looks; `workspace` is its first one, and empty."""

    http: httpx.AsyncClient
    settings: Settings
    org: UUID = field(default_factory=uuid4)
    workspace: UUID = field(default_factory=uuid4)
    people: dict[str, UUID] = field(default_factory=lambda: {name: uuid4() for name in MEMBERS})

    async def ask(
        self, who: str, method: str, path: str, *, workspace: UUID | None = None, **request: Any
    ) -> httpx.Response:
        """Send a request as somebody; `match`: the If-Match of a version."""
        headers = bearer_of(self.settings, Claims(self.people[who], self.org, workspace))
        headers |= request.pop("headers", {})
        if "match" in request:
            headers["If-Match"] = f'"{request.pop("match")}"'
        answer = await self.http.request(method, f"/v1/{path}", headers=headers, **request)
        _is_described(answer)
        return answer

    async def made(self, path: str, who: str = "max", **body: Any) -> dict[str, Any]:
        """Return what a POST has made."""
        answer = await self.ask(who, "POST", path, json=body)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def project(self, **body: Any) -> dict[str, Any]:
        """Return a new project."""
        named = {"workspace_id": str(self.workspace), "name": f"Project {uuid4()}"}
        return await self.made("projects", **{**named, "problem_statement": PROBLEM, **body})

    async def read(self, path: str, who: str = "vic", **filters: Any) -> Any:
        """Return what a GET reads."""
        answer = await self.ask(who, "GET", path, params=filters)
        assert answer.status_code == 200, answer.text
        return answer.json()


@asynccontextmanager
async def opened(database: Database, settings: Settings, tier: str = "ENTERPRISE") -> AsyncIterator[Team]:
    """Yield a new organisation, and the API on its database."""
    app = create_app(database.settings(settings.home))
    async with open_client(app) as http:
        yield await founded(http, settings, database, tier=tier)


async def founded(
    http: httpx.AsyncClient, settings: Settings, database: Database, *, tier: str = "ENTERPRISE"
) -> Team:
    """Return a new organisation."""
    team = Team(http, settings)
    async with database.superuser() as connection:
        await connection.execute(
            "INSERT INTO organization (id, name, slug, subscription_tier) VALUES ($1, 'Team', $2, $3)",
            team.org,
            f"team-{team.org}",
            tier,
        )
        for name, role in MEMBERS.items():
            user = team.people[name]
            await connection.execute(
                "INSERT INTO app_user (id, email, full_name) VALUES ($1, $2, $3)",
                user,
                f"{user}@teams.example",
                name,
            )
            await connection.execute(
                "INSERT INTO organization_members (org_id, user_id, role_in_org) VALUES ($1, $2, $3)",
                team.org,
                user,
                role,
            )
        await connection.execute(
            "INSERT INTO workspace (org_id, id, name, created_by) VALUES ($1, $2, 'Main', $3)",
            team.org,
            team.workspace,
            team.people["ann"],
        )
    return team


def workspace() -> dict[str, str]:
    """Return what a POST to /v1/workspaces takes."""
    return {"name": f"Team {uuid4()}"}


async def drafted(team: Team, project: dict[str, Any], **body: Any) -> dict[str, Any]:
    """Return a new draft of the project."""
    return await team.made(f"projects/{project['id']}/artifacts", **{"type": "PRD", **body})


async def approve(team: Team, artifact: dict[str, Any]) -> httpx.Response:
    """Approve a draft, and return the answer."""
    path = f"artifacts/{artifact['id']}"
    review = await team.ask("max", "PATCH", path, headers={"If-Match": "*"}, json={"status": "REVIEW"})
    assert review.status_code == 200, review.text
    return await team.ask("max", "PATCH", path, headers={"If-Match": "*"}, json={"status": "APPROVED"})


@cache
def _described() -> list[tuple[str, re.Pattern[str], dict[str, Any]]]:
    return [
        (method.upper(), re.compile(re.sub(r"\{[^}]*\}", "[^/]+", path)), operation["responses"])
        for path, methods in document(application())["paths"].items()
        for method, operation in methods.items()
    ]


def _is_described(answer: httpx.Response) -> None:
    """See that the document says of the route what it has answered."""
    for method, path, responses in _described():
        if method == answer.request.method and path.fullmatch(answer.request.url.path):
            told = responses.get(str(answer.status_code), {})
            assert told or answer.status_code == HTTPStatus.NOT_MODIFIED, answer.text
            if answer.status_code >= HTTPStatus.BAD_REQUEST:
                kind = answer.json()["type"].rpartition(":")[2]
                assert kind in told["$ref"].rpartition("/")[2].split("."), (method, path.pattern, kind)


def slug(answer: httpx.Response, status: int) -> str:
    """Return what kind of problem an answer of this status is."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return str(answer.json()["type"]).rpartition(":")[2]
