"""The log tampered with as the database's superuser, on real PostgreSQL: each way is found, and where."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from cli.exits import Exit
from governance.records import Export, Head, export_of
from governance.signing import public_key
from governance.verify import Finding, Verdict, verify
from storage import chain
from storage.database import engine
from storage.tenancy import About
from tests import databases
from tests.databases import SECRET, Database
from tests.integration.conftest import Augentis
from tests.teams import Team, gathered

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
KEY = public_key(chain.seed(SECRET))
WORDS = ["One", "Two", "Three", "Four", "Five"]
PLACES = """SELECT l.sequence, e.id, e.timestamp FROM audit_link l
            JOIN audit_log e ON (e.org_id, e.link_id) = (l.org_id, l.link_id)
            WHERE l.org_id = $1 ORDER BY l.sequence, e.place"""
# What somebody does who knows how it is made: every link anew, from the entries as they stand.
REWRITE = """DO $$
    DECLARE l audit_link; last bytea := decode(repeat('00', 32), 'hex'); BEGIN
        FOR l IN SELECT * FROM audit_link WHERE org_id = '{org}' ORDER BY sequence LOOP
            SELECT string_agg(sha256(convert_to(auth.audit_text(e), 'UTF8')), ''::bytea ORDER BY e.place)
              INTO l.leaves FROM audit_log e WHERE (e.org_id, e.link_id) = (l.org_id, l.link_id);
            l.prev_hash := last;
            l.hash := sha256(convert_to(auth.audit_link_text(l), 'UTF8'));
            last := l.hash;
            UPDATE audit_link SET leaves = l.leaves, prev_hash = l.prev_hash, hash = l.hash
            WHERE (org_id, sequence) = (l.org_id, l.sequence);
        END LOOP;
    END $$"""


@dataclass(frozen=True)
class Told:
    """An organisation whose renamings are told in a chain of links; some with two entries."""

    team: Team
    mighty: AsyncEngine
    heads: list[Head]

    async def tampered(self, *statements: str) -> Export:
        """Return an export of the log as these statements leave it; they are undone."""
        async with AsyncSession(self.mighty) as session:
            for statement in statements:
                await session.execute(text(statement.format(org=self.team.org)))
            exported = await exported_by(session, self.team.org)
            await session.rollback()
        return exported

    async def judged(self, *statements: str, heads: list[Head] | None = None) -> Verdict:
        return verify(await self.tampered(*statements), heads, KEY)


async def exported_by(session: AsyncSession, org: UUID, since: datetime | None = None) -> Export:
    return export_of([json.dumps(line) async for line in chain.export(session, org, since)])


async def rename(team: Team, words: list[str]) -> None:
    about = About("it reads better", "203.0.113.7", "curl/8")
    async with team.database.sessions() as sessions:
        for word in words:
            async with sessions.open(team.claims("ann"), about=about) as session:
                where = {"org": team.org, "name": word}
                await session.execute(text("UPDATE workspace SET name = :name WHERE org_id = :org"), where)
                await session.execute(
                    text("UPDATE organization SET name = :name || '!!' WHERE id = :org"), where
                )


async def _told(database: Database) -> Team:
    team = await gathered(database, ann="ADMIN")
    await team.invite("new@people.example")
    await team.fetch(
        """INSERT INTO project (org_id, id, workspace_id, name, problem_statement, created_by)
           SELECT org_id, gen_random_uuid(), id, 'Project ' || n, 'It takes too long.', created_by
           FROM workspace, generate_series(1, 2) AS n WHERE org_id = $1""",
        team.org,
    )
    await rename(team, WORDS)
    return team


@pytest.fixture(scope="module")
def team(template: Database) -> Iterator[Team]:
    clone = databases.clone_of(template)
    asyncio.run(databases.create(clone, template.name))
    yield asyncio.run(_told(clone))
    asyncio.run(databases.drop(clone))


@pytest.fixture
async def told(team: Team) -> AsyncIterator[Told]:
    async with team.database.superuser() as connection, connection.transaction():
        heads = [head for head in await chain.moved(connection, SECRET, NOW) if head.org_id == str(team.org)]
    mighty = engine(team.database.superuser_url, pool_size=1)
    yield Told(team, mighty, heads)
    await mighty.dispose()


async def test_what_nobody_touched_is_whole(told: Told):
    verdict = await told.judged(heads=told.heads)
    assert (verdict.findings, verdict.unchecked, verdict.erased) == ([], [], 0)
    assert verdict.links == verdict.last == told.heads[0].sequence >= 2 * len(WORDS)
    assert verdict.entries > verdict.links
    without = await told.judged()
    assert without.whole
    assert "give the published heads" in without.unchecked[0]


LAST = "(SELECT id FROM audit_log WHERE org_id = '{org}' ORDER BY timestamp DESC LIMIT 1)"
PAIR = "(SELECT link_id FROM audit_log WHERE org_id = '{org}' AND place = 1 LIMIT 1)"
COPY = """INSERT INTO audit_log SELECT (jsonb_populate_record(e, '{{"id": "{id}", "place": {place}}}')).*
          FROM audit_log e WHERE id = """.replace("{id}", str(UUID(int=7)))


@pytest.mark.parametrize(
    ("kind", "statement"),
    [
        ("changed", 'UPDATE audit_log SET changes_after = \'{{"name": "Other"}}\' WHERE id = ' + LAST),
        ("changed", "UPDATE audit_log SET actor_id = org_id WHERE id = " + LAST),
        ("changed", "UPDATE audit_log SET rationale = NULL WHERE id = " + LAST),
        ("changed", "UPDATE audit_log SET ip_address = '::1' WHERE id = " + LAST),
        ("changed", "UPDATE audit_log SET timestamp = timestamp - interval '1 us' WHERE id = " + LAST),
        ("inserted", COPY.replace("{place}", "5") + LAST),
        ("inserted", COPY.replace("{place}", "0") + LAST),
    ],
)
async def test_an_entry_that_was_changed_or_made_up_is_named(told: Told, kind: str, statement: str):
    (entry,) = (await told.team.fetch(PLACES, told.team.org))[-1:]
    (finding,) = (await told.judged(statement)).findings
    assert finding.kind == kind
    assert finding.resource == f"Organization {told.team.org}"
    made_up = kind == "inserted"
    assert finding.entry_id == str(UUID(int=7) if made_up else entry[1])
    assert finding.sequence == (entry[0] if kind == "changed" and "address" not in finding.what else None)
    assert str(finding.at)[:19] in {
        f"{entry[2]:%Y-%m-%dT%H:%M:%S}",
        f"{entry[2]:%Y-%m-%dT%H:%M}:{entry[2].second - 1:02}",
    }


def only(verdict: Verdict) -> Finding:
    (finding,) = verdict.findings
    return finding


async def test_an_entry_that_was_deleted_is_missed(told: Told):
    finding = only(await told.judged("DELETE FROM audit_log WHERE id = " + LAST))
    assert (finding.kind, finding.sequence) == ("removed", told.heads[0].sequence)


async def test_entries_in_another_order_are_told(told: Told):
    swap = f"UPDATE audit_log SET place = 1 - place WHERE link_id = {PAIR}"
    first, second = (await told.judged(swap)).findings
    assert (first.kind, second.kind) == ("reordered", "reordered")
    assert first.sequence == second.sequence
    assert {first.entry_id, second.entry_id} == {
        str(row[1]) for row in await told.team.fetch(PLACES, told.team.org) if row[0] == first.sequence
    }


async def test_links_in_another_order_are_told(told: Told):
    swap = """UPDATE audit_link SET sequence = CASE sequence WHEN 3 THEN -4 ELSE -3 END
              WHERE org_id = '{org}' AND sequence IN (3, 4)"""
    back = "UPDATE audit_link SET sequence = -sequence WHERE sequence < 0"
    found = (await told.judged(swap, back)).findings
    assert [(each.kind, each.sequence) for each in found] == [("reordered", 3), ("reordered", 4)]


@pytest.mark.parametrize(
    ("kind", "statement"),
    [
        ("changed", "UPDATE audit_link SET leaves = sha256(leaves) WHERE org_id = '{org}' AND sequence = 4"),
        ("changed", "UPDATE audit_link SET prev_hash = hash WHERE org_id = '{org}' AND sequence = 4"),
        ("changed", "UPDATE audit_link SET hash = prev_hash WHERE org_id = '{org}' AND sequence = 4"),
        ("removed", "DELETE FROM audit_link WHERE org_id = '{org}' AND sequence = 4"),
    ],
)
async def test_a_link_that_was_touched_is_named(told: Told, kind: str, statement: str):
    found = (await told.judged(statement)).findings
    assert (found[0].kind, found[0].sequence) == (kind, 4)


async def test_an_end_that_was_cut_off_is_missed_by_the_published_heads(told: Told):
    cut = (
        f"DELETE FROM audit_log WHERE id = {LAST}",
        """DELETE FROM audit_link WHERE org_id = '{org}'
           AND sequence = (SELECT max(sequence) FROM audit_link WHERE org_id = '{org}')""",
    )
    finding = only(await told.judged(*cut, heads=told.heads))
    assert (finding.kind, finding.sequence) == ("cut off", told.heads[0].sequence)
    without = await told.judged(*cut)
    assert without.whole
    assert "cut off" in without.unchecked[0]
    everything = (
        "DELETE FROM audit_log WHERE org_id = '{org}'",
        "DELETE FROM audit_link WHERE org_id = '{org}'",
    )
    assert only(await told.judged(*everything, heads=told.heads)).kind == "cut off"


async def test_a_chain_written_anew_is_not_the_one_that_was_published(told: Told):
    anew = (f"UPDATE audit_log SET changes_after = '{{{{}}}}' WHERE id = {LAST}", REWRITE)
    finding = only(await told.judged(*anew, heads=told.heads))
    assert (finding.kind, finding.sequence) == ("rewritten", told.heads[0].sequence)
    assert (await told.judged(*anew)).whole, "without the heads nothing shows it"
    unsigned = replace(told.heads[0], hash=bytes(32))
    assert {each.kind for each in (await told.judged(heads=[unsigned])).findings} == {"forged"}


async def test_a_beginning_that_is_gone_needs_a_checkpoint_that_is_signed(told: Told):
    gone = (
        "DELETE FROM audit_log e USING audit_link l WHERE e.link_id = l.link_id AND sequence <= 4",
        "DELETE FROM audit_link WHERE org_id = '{org}' AND sequence < 4",
    )
    forged = """INSERT INTO audit_checkpoint
                SELECT org_id, '2099-01-01Z', sequence, hash, 5, now(), decode(repeat('00', 64), 'hex')
                FROM audit_link WHERE org_id = '{org}' AND sequence = 4"""
    kinds = {each.kind for each in (await told.judged(*gone, forged)).findings}
    assert kinds == {"forged", "removed"}
    believed = verify(await told.tampered(*gone, forged), None, None)
    assert believed.unchecked[0].startswith("the checkpoints' signatures")


async def test_what_was_erased_leaves_the_chain_whole(told: Told):
    person = told.team.people["ann"]
    erase = f"SELECT auth.erase_personal('{person}')"
    verdict = await told.judged(erase, heads=told.heads)
    assert verdict.whole
    assert verdict.erased == 2 * len(WORDS)
    kept = await told.tampered(erase)
    assert "203.0.113.7" in str(await told.tampered())
    assert "203.0.113.7" not in str(kept)
    # The invitation was to somebody else, and stands.
    assert "new@people.example" in str(kept)


async def test_half_of_an_erasure_is_a_change(told: Told):
    for column in ("ip_address = NULL, user_agent", "client_salt"):
        finding = only(await told.judged(f"UPDATE audit_log SET {column} = NULL WHERE id = {LAST}"))
        assert (finding.kind, finding.what) == (
            "changed",
            "the address and the program are not what was told",
        )


async def test_an_export_of_the_end_alone_says_that_it_is_one(told: Told):
    rows = await told.team.fetch(PLACES, told.team.org)
    async with AsyncSession(told.mighty) as session:
        exported = await exported_by(session, told.team.org, rows[-3][2])
    verdict = verify(exported, told.heads, KEY)
    assert (verdict.findings, verdict.links) == ([], 3)
    assert verdict.unchecked == [f"what is before sequence {rows[-3][0]}: the export begins there (--since)"]


@pytest.fixture
def command(commanded: Callable[[Database], Augentis], team: Team) -> Augentis:
    return commanded(team.database)


Edit = Callable[[list[str]], list[str]]


@pytest.mark.parametrize(
    ("edit", "exit_code", "said"),
    [
        (lambda lines: lines, Exit.DONE, "whole: "),
        (lambda lines: [line.replace("Three!!", "Tree!!") for line in lines], Exit.NO, "changed: sequence "),
        (lambda lines: lines[:-2], Exit.USAGE, "ends before its export does"),
        (lambda lines: ["{", *lines], Exit.USAGE, "line 1 is no JSON"),
        (lambda _: ["a b c"], Exit.USAGE, "line 1 is no JSON"),
        (lambda _: ["{}"], Exit.USAGE, "this is no export"),
    ],
)
def test_the_command_says_whether_a_file_is_whole(
    command: Augentis, team: Team, tmp_path: Path, edit: Edit, exit_code: Exit, said: str
):
    file = tmp_path / "log.jsonl"
    assert command("audit", "export", "--org", team.slug, "--out", file) == Exit.DONE, command.err
    file.write_text("\n".join(edit(file.read_text().splitlines())), encoding="utf-8")
    assert command("audit", "verify", file, "--key", KEY.hex()) == exit_code
    assert said in command.out + command.err
    if exit_code == Exit.DONE:
        assert command("audit", "key") == Exit.DONE
        assert command.out.strip() == KEY.hex()
        assert command("audit", "verify", file, "--json") == Exit.DONE
        read: dict[str, Any] = json.loads(command.out)
        assert (read["whole"], read["findings"]) == (True, [])
