"""ADR 0027: what the database holds of channels, whoever asks with whatever SQL, and how many at once."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from storage import channel_secrets, secrets
from storage.entities import channels
from storage.operating import operator
from storage.reading import channels as reading
from storage.tenancy import AnyClaims, Claims, Erasure, KeyClaims, TenantSessions
from tests.databases import SECRET, Database
from tests.teams import Team, gathered
from tests.tenancy.asking import asking, changed, rows, sqlstate
from tests.world import CHANNEL_SECRET, World

KAFKA = channels.New("kafka", "everything", {}, None, 60, None)
SEALED = channel_secrets.seal(SECRET, {"secrets": [CHANNEL_SECRET]})
COPY = "INSERT INTO alert_channel AS c (org_id, id, name, kind, settings, sealed, created_by)"
TAKE = "ON CONFLICT (org_id, id) DO UPDATE SET name = encode(c.sealed, 'hex')"
WEBHOOK = channels.New("webhook", "hook", {"url": "https://receiver.example"}, SEALED, 60, None)


@dataclass(frozen=True)
class Desk:
    """A team's channels, asked for as one of its people."""

    team: Team
    sessions: TenantSessions

    async def add(self, new: channels.New = KAFKA, who: str = "ann", **changed: Any) -> UUID:
        claims = self.team.claims(who)
        fields = {name: getattr(new, name) for name in channels.New.__slots__}
        async with self.sessions.open(claims) as session:
            return (await channels.add(session, claims, channels.New(**{**fields, **changed}))).id

    async def run(self, statement: str, who: str = "ann", **parameters: Any) -> int:
        async with self.sessions.open(self.team.claims(who)) as session:
            result: Any = await session.execute(text(statement), {"org": self.team.org, **parameters})
            return int(result.rowcount)

    async def refusal(self, statement: str, **parameters: Any) -> str | None:
        try:
            await self.run(statement, **parameters)
        except DBAPIError as error:
            return sqlstate(error)
        return None

    async def one(self, column: str, channel: UUID) -> Any:
        ((found,),) = await self.team.fetch(f"SELECT {column} FROM alert_channel WHERE id = $1", channel)
        return found


@pytest.fixture
async def desk(shared: Database) -> AsyncIterator[Desk]:
    team = await gathered(shared, ann="ADMIN", max="MEMBER", vic="VIEWER")
    async with shared.sessions() as sessions:
        yield Desk(team, sessions)


async def test_an_organisation_has_fifty_however_many_are_made_at_once(desk: Desk):
    for number in range(45):
        await desk.add(name=f"channel {number}")
    made = await asyncio.gather(
        *(desk.add(name=f"another {number}") for number in range(10)), return_exceptions=True
    )
    refused = [one for one in made if isinstance(one, BaseException)]
    assert [sqlstate(one) for one in refused if isinstance(one, DBAPIError)] == ["AG035"] * 5
    assert len(made) - len(refused) == 5
    # What was removed does not count.
    removed = next(one for one in made if isinstance(one, UUID))
    await desk.run("UPDATE alert_channel SET removed_at = now() WHERE id = :id", id=removed)
    await desk.add(name="in its place")


async def test_no_statement_of_the_apis_role_gives_a_secret_back(world: World):
    """Ann administers it; what is refused to her, the worker is shown."""
    channel = world.channels[world.a]
    statements = (
        "SELECT sealed FROM alert_channel",
        "SELECT * FROM alert_channel",
        "SELECT to_jsonb(c) FROM alert_channel AS c",
        "SELECT c FROM alert_channel AS c",
        "SELECT 1 FROM alert_channel WHERE sealed IS NOT NULL",
        "SELECT 1 FROM alert_channel ORDER BY sealed",
        "SELECT octet_length(sealed) FROM alert_channel",
        "UPDATE alert_channel SET disabled_reason = NULL RETURNING sealed",
        "UPDATE alert_channel SET disabled_reason = encode(sealed, 'hex')",
        "UPDATE alert_channel SET sealed = sealed || '\\x00'",
        "UPDATE alert_channel SET settings = jsonb_build_object('url', encode(sealed, 'escape'))",
        "UPDATE alert_channel SET name = 'x' WHERE sealed > ''",
        f"{COPY} SELECT org_id, id, 'copy', kind, settings, sealed, created_by FROM alert_channel",
        f"{COPY} SELECT org_id, id, 'x', kind, settings, '\\x00', created_by FROM alert_channel {TAKE}",
        "COPY alert_channel (sealed) TO STDOUT",
        "CREATE INDEX ON alert_channel (sealed)",
    )
    async with asking(world.database, world.claims("ann")) as session:
        assert (channel,) in await rows(session, "SELECT id FROM alert_channel"), "she sees the channel"
        for statement in statements:
            assert await changed(session, statement) == -1, statement
    for who in ("max", "vic", "sam"):
        async with asking(world.database, world.claims(who)) as session:
            assert await changed(session, statements[0]) == -1, who
    worker = await asyncpg.connect(world.database.worker_url)
    try:
        kept = await worker.fetchval("SELECT sealed FROM alert_channel WHERE id = $1", channel)
        assert channel_secrets.opened(SECRET, kept) == {"secrets": [CHANNEL_SECRET]}
        for way in ("sealed = ''", "settings = '{}'", "name = 'x'", "removed_at = now()"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await worker.execute(f"UPDATE alert_channel SET {way}")
        for statement in ("DELETE FROM alert_channel", "INSERT INTO alert_channel DEFAULT VALUES"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await worker.execute(statement)
        async with worker.transaction():
            disable = "UPDATE alert_channel SET disabled_at = now(), disabled_reason = 'gone' WHERE id = $1"
            assert await worker.execute(disable, channel) == "UPDATE 1"
            await worker.execute("UPDATE alert_channel SET disabled_at = NULL, disabled_reason = NULL")
    finally:
        await worker.close()


async def test_who_writes_channels(world: World):
    """What anybody else tries is refused or reaches nothing; beside it, what an ADMIN does."""
    insert = (
        "INSERT INTO alert_channel (org_id, id, name, kind, settings, created_by)"
        " VALUES (:org, gen_random_uuid(), 'mine', 'kafka', '{}', :user)"
    )
    update = "UPDATE alert_channel SET rate_per_minute = 5 WHERE id = :id"
    askers: dict[str, tuple[AnyClaims | None, int]] = {
        "ann": (world.claims("ann"), 1),
        "max": (world.claims("max"), 0),
        "vic": (world.claims("vic"), 0),
        "ann in a1": (world.claims("ann", workspace="a1"), 0),
        "bob": (world.claims("bob", "b"), 0),
        "bob, never a member": (world.claims("bob", "a"), 0),
        "fay, who has left": (world.claims("fay"), 0),
        "a key": (KeyClaims(world.places["a1"].key, world.a), 0),
        "nobody": (None, 0),
    }
    for who, (claims, may) in askers.items():
        user = claims.user_id if isinstance(claims, Claims) else world.ann
        async with asking(world.database, claims) as session:
            assert await changed(session, update, id=world.channels[world.a]) == may, who
        async with asking(world.database, claims) as session:
            assert await changed(session, insert, org=world.a, user=user) == (may or -1), who
    async with asking(world.database, world.claims("ann")) as session:
        assert await changed(session, insert, org=world.a, user=world.sam) == -1, "in another's name"
        for column in ("kind = 'kafka'", "org_id = gen_random_uuid()", "version = 9", "created_at = now()"):
            assert await changed(session, f"UPDATE alert_channel SET {column}") == -1, column
        assert await changed(session, "UPDATE alert_channel SET secret_changed_at = now()") == -1
        assert await changed(session, "DELETE FROM alert_channel") == -1


ROTATE = "UPDATE alert_channel SET sealed = :sealed, secret_rotated_at = '2020-01-01Z' WHERE id = :id"


async def test_two_who_rotate_at_once_leave_the_first_ones_secret_and_the_one_before(desk: Desk):
    channel = await desk.add(WEBHOOK)
    fresh = [channel_secrets.seal(SECRET, {"secrets": [f"whsec_{n}"]}) for n in range(6)]
    refused = await asyncio.gather(*(desk.refusal(ROTATE, sealed=one, id=channel) for one in fresh))
    assert sorted(map(str, refused)) == ["AG036"] * 5 + ["None"]
    first = f"whsec_{refused.index(None)}"
    opened = channel_secrets.opened(SECRET, await desk.one("sealed", channel))
    assert opened == {"secrets": [first, CHANNEL_SECRET]}
    assert (await desk.one("secret_rotated_at", channel)).year > 2020, "the database says when"


async def test_what_is_said_of_secrets_says_what_becomes_of_them(desk: Desk):
    channel = await desk.add(WEBHOOK)
    # A time without a secret is nothing; a secret without a time replaces.
    await desk.run("UPDATE alert_channel SET secret_rotated_at = now() WHERE id = :id", id=channel)
    assert await desk.one("secret_rotated_at", channel) is None
    assert await desk.refusal("UPDATE alert_channel SET sealed = NULL WHERE id = :id", id=channel) == "23514"
    await desk.run(ROTATE, sealed=b"one", id=channel)
    assert await desk.refusal("UPDATE alert_channel SET sealed = 'two' WHERE id = :id", id=channel) == "AG036"
    await desk.run("UPDATE alert_channel SET secret_rotated_at = NULL WHERE id = :id", id=channel)
    assert await desk.one("sealed", channel) == b"one"
    with pytest.raises(channel_secrets.SealedError, match="give it new ones"):
        channel_secrets.opened(SECRET, b"one")
    other = channel_secrets.seal("another secret of 32 characters or so", {"url": "x"})
    with pytest.raises(channel_secrets.SealedError):
        channel_secrets.opened(SECRET, other)
    assert await desk.refusal(ROTATE, sealed=b"x", id=await desk.add()) == "AG036", "no secret of Kafka's"


async def test_secrets_of_alertmanager_follow_to_no_other_address(desk: Desk):
    settings, kept = {"url": "https://a.example"}, channel_secrets.seal(SECRET, {"bearer": "x"})
    channel = await desk.add(channels.New("alertmanager", "am", settings, kept, 60, None))
    for said in ('{"url": "https://evil.example"}', "{}"):
        moved = f"UPDATE alert_channel SET settings = '{said}'"
        assert await desk.refusal(f"{moved} WHERE id = :id", id=channel) == "AG036"
    assert await desk.refusal("UPDATE alert_channel SET name = 'same' WHERE id = :id", id=channel) is None
    assert await desk.refusal(f"{moved}, sealed = 'new' WHERE id = :id", id=channel) is None


async def test_a_channel_that_a_route_has_is_not_removed_and_one_removed_comes_into_none(desk: Desk):
    channel, route = await desk.add(), uuid4()
    await desk.run(
        "INSERT INTO alert_route (org_id, id, name, position, matchers, created_by)"
        " VALUES (:org, :route, 'Checkout', 1, '{}', :user)",
        route=route,
        user=desk.team.people["ann"],
    )
    put = (
        "INSERT INTO alert_route_channel (org_id, route_id, channel_id, role)"
        " VALUES (:org, :route, :channel, 'notify')"
    )
    remove = "UPDATE alert_channel SET removed_at = now() WHERE id = :channel"
    ours = {"route": route, "channel": channel}
    for first, second in ((put, remove), (remove, put)):
        claims = desk.team.claims("ann")
        async with desk.sessions.open(claims) as session:
            named = {name: ours[name] for name in ours if f":{name}" in first}
            org = {"org": desk.team.org} if ":org" in first else {}
            await session.execute(text(first), {**named, **org})
            there = {name: ours[name] for name in ours if f":{name}" in second}
            waits = asyncio.create_task(desk.refusal(second, **there))
            await asyncio.sleep(0.2)
            assert not waits.done(), "who comes second waits"
        assert await waits == "AG036"
        await desk.team.fetch("DELETE FROM alert_route_channel WHERE channel_id = $1", channel)
    other = await desk.add(name="another")
    await desk.run(put, route=route, channel=other)
    with pytest.raises(DBAPIError, match=r"routes tell it: take it out of them first \(Checkout\)"):
        await desk.run(remove, channel=other)
    async with desk.sessions.open(desk.team.claims("vic"), read_only=True) as session:
        assert await reading.one(session, desk.team.org, channel) is None
    assert await desk.run(f"{remove}", channel=channel) == 0, "what is removed does not change"


async def test_the_log_tells_what_changed_and_no_secret(desk: Desk):
    channel = await desk.add(WEBHOOK)
    await desk.run(ROTATE, sealed=SEALED + b"=", id=channel)
    told = [
        json.loads(row)
        for (row,) in await desk.team.fetch(
            "SELECT to_jsonb(l) FROM audit_log AS l WHERE resource_id = $1 ORDER BY timestamp", channel
        )
    ]
    assert [entry["action"] for entry in told] == ["CREATE", "UPDATE"]
    assert told[0]["personal"]["after"]["settings"] == {"url": "https://receiver.example"}
    assert set(told[1]["changes_after"]) == {"secret_changed_at", "secret_rotated_at"}
    assert "sealed" not in str(told)
    assert SEALED.hex() not in str(told)


async def test_who_is_erased_is_written_to_no_more(desk: Desk):
    team = desk.team
    gone, stays = team.email("max"), "team@acme.example"
    lists = {"both": [gone.upper(), stays], "only": [gone], "other": [stays]}
    made = {
        name: await desk.add(channels.New("email", name, {"to": to}, None, 60, None))
        for name, to in lists.items()
    }
    async with operator(team.database.owner_url, SECRET) as acting:
        assert await acting.erase(Erasure(team.people["max"])) == team.people["max"]
    found = {name: json.loads(await desk.one("settings", channel))["to"] for name, channel in made.items()}
    assert found == {"both": [stays], "only": [], "other": [stays]}
    disabled = {name for name, channel in made.items() if await desk.one("disabled_at", channel)}
    assert disabled == {"only"}
    log = await team.fetch(
        "SELECT resource_id, personal::text FROM audit_log"
        " WHERE org_id = $1 AND resource_type = 'AlertChannel'",
        team.org,
    )
    assert gone not in str(log).lower()
    assert {row[0] for row in log if row[1]} == {made["other"]}, "what names nobody who is erased stays"
    enable = "UPDATE alert_channel SET disabled_at = NULL, disabled_reason = NULL WHERE id = :id"
    assert await desk.refusal(enable, id=made["only"]) == "23514"


def test_secrets_have_a_key_of_their_own():
    assert channel_secrets.opened(SECRET, None) == {}
    for seal in (secrets.seal, secrets.answer_seal):
        with pytest.raises(channel_secrets.SealedError):
            channel_secrets.opened(SECRET, seal(SECRET).encrypt(b"{}"))
