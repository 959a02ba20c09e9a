"""Who is in the world and where: identities and roles, before anything is in a database."""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID, uuid4

from storage.tenancy import Claims
from tests.databases import Database

HOUR = datetime(2026, 11, 1, 10, tzinfo=UTC)
CHANNEL_SECRET = f"whsec_{b64encode(bytes(range(32))).decode()}"
LONG_AGO = datetime(2020, 11, 1, tzinfo=UTC)
"""What is taken out of detection is out of the way of what tests detect."""


@dataclass(frozen=True)
class Place:
    """One project and what is in it."""

    org: UUID
    workspace: UUID
    project: UUID = field(default_factory=uuid4)
    artifact: UUID = field(default_factory=uuid4)
    code: UUID = field(default_factory=uuid4)
    other: UUID = field(default_factory=uuid4)
    assumption: UUID = field(default_factory=uuid4)
    report: UUID = field(default_factory=uuid4)
    delivery: UUID = field(default_factory=uuid4)
    key: UUID = field(default_factory=uuid4)
    window: UUID = field(default_factory=uuid4)
    silence: UUID = field(default_factory=uuid4)
    route: UUID = field(default_factory=uuid4)
    execution: UUID = field(default_factory=uuid4)
    # Of those who ask over HTTP alone (`tests/tenancy/callers.py`).
    running: UUID = field(default_factory=uuid4)
    failed: UUID = field(default_factory=uuid4)
    evidence: UUID = field(default_factory=uuid4)
    gate: UUID = field(default_factory=uuid4)
    in_review: UUID = field(default_factory=uuid4)
    closed: UUID = field(default_factory=uuid4)


@dataclass(frozen=True)
class World:
    """Ann administers A, max edits it, vic looks, fay has left; bob administers B; sam is in both.

    In project a1 cem, a MEMBER of A, may only comment; in a2 only look. Eve, a VIEWER of A, edits a1.
    """

    database: Database
    a: UUID = field(default_factory=uuid4)
    b: UUID = field(default_factory=uuid4)
    ann: UUID = field(default_factory=uuid4)
    max: UUID = field(default_factory=uuid4)
    vic: UUID = field(default_factory=uuid4)
    fay: UUID = field(default_factory=uuid4)
    bob: UUID = field(default_factory=uuid4)
    sam: UUID = field(default_factory=uuid4)
    cem: UUID = field(default_factory=uuid4)
    eve: UUID = field(default_factory=uuid4)
    places: dict[str, Place] = field(default_factory=dict)
    channels: dict[UUID, UUID] = field(default_factory=dict)
    windows: dict[UUID, UUID] = field(default_factory=dict)

    def claims(self, who: str, org: str = "a", workspace: str | None = None) -> Claims:
        return Claims(
            getattr(self, who), getattr(self, org), self.places[workspace].workspace if workspace else None
        )

    def memberships(self) -> Iterator[tuple[UUID, UUID, str, bool]]:
        yield self.a, self.ann, "ADMIN", True
        yield self.a, self.max, "MEMBER", True
        yield self.a, self.vic, "VIEWER", True
        yield self.a, self.fay, "ADMIN", False
        yield self.b, self.bob, "ADMIN", True
        yield self.a, self.sam, "ADMIN", True
        yield self.b, self.sam, "VIEWER", True
        yield self.a, self.cem, "MEMBER", True
        yield self.a, self.eve, "VIEWER", True

    def accesses(self) -> Iterator[tuple[str, UUID, str]]:
        yield "a1", self.cem, "COMMENTER"
        yield "a2", self.cem, "VIEWER"
        yield "a1", self.eve, "EDITOR"
        # An ADMIN is one everywhere, whatever is written here.
        yield "a1", self.ann, "VIEWER"
        yield "b1", self.bob, "EDITOR"


def named_places(world: World) -> Iterator[tuple[str, Place, UUID, UUID]]:
    for name, place in world.places.items():
        yield name, place, *((world.ann, world.fay) if place.org == world.a else (world.bob, world.sam))
