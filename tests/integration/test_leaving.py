"""An organisation taken out whole, and deleted: nothing of it is left, nothing of others is touched."""

import asyncio
import hashlib
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import pytest

from cli.leaving.export import MANIFEST
from storage import deletion, directory, leaving
from storage.database import worker_pool
from storage.operating import AmbiguousError, Operator, operator
from storage.reading import people
from storage.tables import Base
from tests.databases import SECRET, Database
from tests.integration.conftest import Augentis
from tests.world import World, build

Counts = dict[str, tuple[int, int]]
"""By table: rows of the organisation, and rows of all others."""


@pytest.fixture
async def doomed(database: Database) -> World:
    """A world of the test's own, of which an organisation may go."""
    return await build(database)


@asynccontextmanager
async def operating(world: World) -> AsyncIterator[Operator]:
    async with operator(world.database.owner_url, SECRET) as acting:
        yield acting


async def counted(world: World, org_id: UUID) -> Counts:
    found = {}
    async with world.database.superuser() as connection:
        for table in Base.metadata.tables.values():
            column = "org_id" if "org_id" in table.c else "id" if "id" in table.c else "NULL"
            query = f"SELECT count(*) FROM {table.name}"
            own = await connection.fetchval(f"{query} WHERE {column}::text = $1", str(org_id))
            found[table.name] = (own, await connection.fetchval(query) - own)
    return found


def others(counts: Counts) -> dict[str, int]:
    return {table: rest for table, (_, rest) in counts.items()}


def read(directory: Path, table: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (directory / f"{table}.jsonl").read_text().splitlines()]


@pytest.fixture
def whole(database: Database) -> World:
    """The world as the commands see it."""
    return asyncio.run(build(database))


def test_an_export_has_every_row_of_theirs_no_secret_and_nobody_elses(
    augentis: Augentis, whole: World, tmp_path: Path
):
    out = tmp_path / "acme"
    assert augentis("org", "export", "--org", "acme", "--out", out, "--json") == 0, augentis.err
    manifest = json.loads(augentis.out)
    assert (manifest["org_id"], manifest["slug"]) == (str(whole.a), "acme")
    assert (out.stat().st_mode & 0o777) == 0o700
    counts = asyncio.run(counted(whole, whole.a))
    told = {each["file"]: each["rows"] for each in manifest["files"]}
    for table in leaving.exported():
        rows = read(out, table)
        assert told[f"{table}.jsonl"] == len(rows)
        if table != "app_user":
            assert len(rows) == counts[table][0], table
    assert {row["id"] for row in read(out, "app_user")} == {
        str(user) for org, user, _, _ in whole.memberships() if org == whole.a
    }
    text = "".join(path.read_text() for path in out.iterdir())
    for foreign in (whole.b, whole.bob, whole.places["b1"].project, whole.places["b1"].key):
        assert str(foreign) not in text
    place = whole.places["a1"]
    assert str(place.key) in text
    assert hashlib.sha256(str(place.key).encode()).hexdigest() not in text
    assert "secret_sha256" not in (out / "machine_key.jsonl").read_text()

    assert augentis("org", "verify", out) == 0, augentis.err
    (out / "tag.jsonl").write_text("")
    assert augentis("org", "verify", out) == 1
    assert "tag.jsonl differs: 0 rows" in augentis.err
    (out / MANIFEST).unlink()
    assert augentis("org", "verify", out) == 2, "not finished"
    assert augentis("org", "export", "--org", "acme", "--out", out) == 2, "it is there already"


def test_one_file_holds_the_same(augentis: Augentis, whole: World, tmp_path: Path):
    out = tmp_path / "acme.tar.gz"
    assert augentis("org", "export", "--org", str(whole.a), "--out", out) == 0, augentis.err
    assert augentis("org", "verify", out, "--json") == 0, augentis.err
    assert json.loads(augentis.out)["ok"]
    assert [path.name for path in tmp_path.glob("*acme*")] == ["acme.tar.gz"]
    out.write_bytes(out.read_bytes()[:-2000])
    assert augentis("org", "verify", out) == 2


async def test_an_export_is_of_one_moment(doomed: World):
    async with operating(doomed) as acting, leaving.snapshot(acting):
        async with doomed.database.superuser() as connection:
            await connection.execute("DELETE FROM tag")
        seen = [row async for rows in leaving.rows(acting, doomed.a, "tag") for row in rows]
    assert len(seen) == 2


async def test_a_deletion_leaves_a_tombstone_and_touches_nobody_else(doomed: World):
    before = await counted(doomed, doomed.a)
    names = {table.name for table in leaving.tables()} - {"organization_tombstone", "audit_pending"}
    assert {table for table in names if not before[table][0]} <= {"audit_checkpoint", "audit_head"}
    async with operating(doomed) as acting:
        assert await deletion.alone(acting, doomed.a)
        async with operating(doomed) as other:
            assert not await deletion.alone(other, doomed.a)
        await deletion.close(acting, doomed.a)
        assert await deletion.erase_lonely(acting, doomed.a) == 6, "all but sam, who is of Beta too"
        # Killed in the middle, twice.
        for killed_after in (1, 9):
            steps = deletion.delete(acting, doomed.a)
            for _ in range(killed_after):
                await anext(steps)
            await steps.aclose()
    async with operating(doomed) as acting:
        named = await acting.organization("acme")
        assert named
        assert (named.closed_at is not None, named.deleted_at) == (True, None)
        async for _ in deletion.delete(acting, doomed.a):
            pass
        # Killed again, when the tombstone stands and the log is not gone.
        log = deletion.delete_log(acting, doomed.a)
        await anext(log)
        await log.aclose()
        named = await acting.organization("acme")
        assert named
        assert (named.deleted_at is not None, named.finished_at) == (True, None)
        async with doomed.database.superuser() as connection, connection.transaction():
            await connection.execute("UPDATE organization SET slug = 'acme' WHERE id = $1", doomed.b)
        with pytest.raises(AmbiguousError, match="name one by its id"):
            await acting.organization("acme")
        async with doomed.database.superuser() as connection:
            await connection.execute("UPDATE organization SET slug = 'beta' WHERE id = $1", doomed.b)
        async for _ in deletion.delete_log(acting, doomed.a):
            pass
        assert await acting.organization("acme") is None, "the slug is free"
        assert (await acting.organization(str(doomed.a))) is not None
    after = await counted(doomed, doomed.a)
    assert {table for table, (own, _) in after.items() if own} == {"organization_tombstone"}
    # Beta bore the slug for a moment, which its log has told.
    told = dict.fromkeys(("audit_log", "audit_link"), 2)
    assert others(after) == {table: rows + told.get(table, 0) for table, rows in others(before).items()}
    async with doomed.database.superuser() as connection:
        stone = await connection.fetchrow("SELECT * FROM organization_tombstone WHERE org_id = $1", doomed.a)
        people = {row[0]: row[1] for row in await connection.fetch("SELECT id, email FROM app_user")}
    assert stone
    assert stone["slug_sha256"] == hashlib.sha256(b"acme").digest()
    assert stone["deleted_by"] == doomed.database.owner
    assert stone["audit_sequence"] > 0
    assert len(stone["audit_hash"]) == 32
    assert {name for name in ("bob", "sam") if people[getattr(doomed, name)] == f"{name}@people.example"} == {
        "bob",
        "sam",
    }
    assert all(
        people[getattr(doomed, name)].startswith("erased-")
        for name in ("ann", "max", "vic", "fay", "cem", "eve")
    )


async def test_who_is_closed_is_closed_to_everybody_at_once(doomed: World):
    place = doomed.places["a1"]
    async with operating(doomed) as acting:
        await deletion.close(acting, doomed.a)
    async with doomed.database.sessions() as sessions:
        for who in ("ann", "max", "sam"):
            async with sessions.open(doomed.claims(who)) as session:
                assert (await people.standing(session, doomed.claims(who))).role is None
        async with sessions.open(doomed.claims("bob", "b")) as session:
            assert (await people.standing(session, doomed.claims("bob", "b"))).role == "ADMIN"
    pool = await worker_pool(doomed.database.worker_url, name="test", size=1)
    try:
        async with pool.acquire() as connection:
            known = await directory.everybody(connection)
    finally:
        await pool.close()
    assert known.organizations == {doomed.b}
    assert place.key not in known.keys
    assert doomed.places["b1"].key in known.keys


def test_the_command_asks_for_the_slug_and_says_what_goes(
    augentis: Augentis, whole: World, monkeypatch: pytest.MonkeyPatch
):
    named = ("org", "delete", "--org", "acme", "--settle", "0s")
    assert augentis(*named, "--dry-run", "--json") == 0, augentis.err
    told = json.loads(augentis.out)["rows"]
    assert told["project"] == 2
    for typed, code in (("acne\n", 2), ("", 130)):
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        assert augentis(*named) == code
    assert asyncio.run(counted(whole, whole.a))["project"][0] == 2
    monkeypatch.setattr("sys.stdin", io.StringIO("acme\n"))
    assert augentis(*named, "--json") == 0, augentis.err
    assert json.loads(augentis.out)["erased_people"] == 6
    assert asyncio.run(counted(whole, whole.a))["project"] == (0, 1)
    assert augentis(*named, "--yes") == 2
    assert "there is no organisation 'acme'" in augentis.err
    assert augentis("init", "--org", "acme", "--admin", "new@acme.example", "--project", "Anew") == 0, (
        augentis.err
    )
