"""An organisation of a test's own in a database that several tests share: none disturbs another."""

import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from storage.tenancy import Claims, Identity
from tests.databases import Database

MEMBERSHIP = "INSERT INTO organization_members (org_id, user_id, role_in_org) VALUES ($1, $2, $3)"


@dataclass(frozen=True)
class Team:
    """People by name, and a project in a workspace."""

    database: Database
    slug: str = field(default_factory=lambda: f"team-{secrets.token_hex(5)}")
    org: UUID = field(default_factory=uuid4)
    workspace: UUID = field(default_factory=uuid4)
    project: UUID = field(default_factory=uuid4)
    people: dict[str, UUID] = field(default_factory=dict)

    def claims(self, who: str, *, confined: bool = False) -> Claims:
        return Claims(self.people[who], self.org, self.workspace if confined else None)

    def email(self, who: str) -> str:
        return f"{who}@{self.slug}.example"

    def identity(self, who: str, **changed: str) -> Identity:
        """Return whom a provider identifies; by default somebody nobody has seen before."""
        whole = {"provider": "google", "subject": f"{who} of {self.slug}", "email": self.email(who)}
        return Identity(**{**whole, "full_name": who.title(), **changed})

    async def fetch(self, query: str, *arguments: Any) -> list[Any]:
        async with self.database.superuser() as connection:
            return [tuple(row) for row in await connection.fetch(query, *arguments)]

    async def roles(self) -> dict[str, str]:
        """Return the roles of standing memberships, by name."""
        query = (
            "SELECT user_id, role_in_org FROM organization_members WHERE org_id = $1 AND removed_at IS NULL"
        )
        names = {user: name for name, user in self.people.items()}
        return {names[user]: role for user, role in await self.fetch(query, self.org)}

    async def grant(self, who: str, role: str) -> None:
        await self.fetch(
            "INSERT INTO project_access (org_id, project_id, user_id, role) VALUES ($1, $2, $3, $4)",
            self.org,
            self.project,
            self.people[who],
            role,
        )

    async def invite(
        self, email: str, role: str = "MEMBER", *, life: timedelta = timedelta(days=7), revoked: bool = False
    ) -> UUID:
        """Invite an address, as the first of the people; a negative life makes one that has expired."""
        invitation = uuid4()
        await self.fetch(
            """INSERT INTO invitation (org_id, id, email, role_in_org, invited_by, expires_at, revoked_at)
               VALUES ($1, $2, $3, $4, $5, now() + $6, CASE WHEN $7 THEN now() END)""",
            self.org,
            invitation,
            email,
            role,
            next(iter(self.people.values())),
            life,
            revoked,
        )
        return invitation


async def gathered(database: Database, **roles: str) -> Team:
    """Make an organisation of people with these roles in it: `gathered(database, ann="ADMIN")`."""
    team = Team(database)
    async with database.superuser() as connection:
        await connection.execute(
            "INSERT INTO organization (id, name, slug) VALUES ($1, 'A team', $2)", team.org, team.slug
        )
        for who, role in roles.items():
            team.people[who] = uuid4()
            await connection.execute(
                "INSERT INTO app_user (id, email, full_name) VALUES ($1, $2, $3)",
                team.people[who],
                team.email(who),
                who.title(),
            )
            await connection.execute(MEMBERSHIP, team.org, team.people[who], role)
        first = next(iter(team.people.values()))
        await connection.execute(
            "INSERT INTO workspace (org_id, id, name, created_by) VALUES ($1, $2, 'Main', $3)",
            team.org,
            team.workspace,
            first,
        )
        await connection.execute(
            """INSERT INTO project (org_id, id, workspace_id, name, problem_statement, created_by)
               VALUES ($1, $2, $3, 'Checkout', 'It takes too long to pay.', $4)""",
            team.org,
            team.project,
            team.workspace,
            first,
        )
    return team
