"""Organisations, who is in them and what of a project is open to whom."""

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

from storage import tables
from storage.tables import Base
from tests.world.places import HOUR, World


def people(world: World) -> Iterator[Base]:
    yield tables.Organization(id=world.a, name="Acme", slug="acme")
    yield tables.Organization(id=world.b, name="Beta", slug="beta")
    for name in ("ann", "max", "vic", "fay", "bob", "sam", "cem", "eve"):
        yield tables.User(id=getattr(world, name), email=f"{name}@people.example", full_name=name)
    # Of one that is gone: no row of it is left but this.
    yield tables.OrganizationTombstone(
        org_id=uuid4(), slug_sha256=bytes(32), closed_at=HOUR, deleted_by="owner", finished_at=HOUR
    )


def memberships(world: World) -> Iterator[Base]:
    for org, user, role, stays in world.memberships():
        yield tables.OrganizationMember(
            org_id=org, user_id=user, role_in_org=role, removed_at=None if stays else HOUR
        )


def accesses(world: World) -> Iterator[Base]:
    for name, user, role in world.accesses():
        place = world.places[name]
        yield tables.ProjectAccess(org_id=place.org, project_id=place.project, user_id=user, role=role)
    for org, admin in ((world.a, world.ann), (world.b, world.bob)):
        yield tables.Invitation(
            org_id=org,
            id=uuid4(),
            email="new@people.example",
            role_in_org="MEMBER",
            invited_by=admin,
            expires_at=datetime(2100, 1, 1, tzinfo=UTC),
        )
        yield tables.IdempotencyKey(org_id=org, actor_id=admin, key="once", request_sha256=b"")
        yield from _audited(org)


def _audited(org: UUID) -> Iterator[Base]:
    """What else the log has of an organisation whose rows make its chain: nothing was dropped yet."""
    start = {"org_id": org, "sequence": 0, "hash": bytes(32)}
    month = datetime(2020, 1, 1, tzinfo=UTC)
    yield tables.AuditCheckpoint(**start, dropped_before=month, entries=0, made_at=HOUR, signature=bytes(64))
    yield tables.AuditHead(**start, told_at=HOUR)
