"""An outside checker of row-level security reads the migrated schema: pgrls, configured in pgrls.toml."""

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.databases import Database

pytestmark = pytest.mark.system

CONFIG = Path(__file__).with_name("pgrls.toml")
API = "augentis_api"
# Triggers and functions of ours outside auth that look past the policies, each of them for one row's sake:
# what a gate or evidence leads to, whose turn it is in a queue, what is to be added up anew, how many there
# are already.
FOR_ONE_ROW = (
    "guard_execution",
    "start_in_turn",
    "raise_evidence_tier",
    "mark_all_costs",
    "gate_rests_on_artifacts",
    "declare_phase",
    "alert_of_report",
    "alert_of_tag",
    "replay_delivery",
    "test_channel",
    "limit_calm",
)
UNDECIDED = {
    # Two policies, for people and for keys that run: it is sure of one alone.
    ("public.agent_execution", "INSERT"),
    # A row is shown with its route: one policy looks at another table, which has its own.
    ("public.alert_route_channel", "DELETE"),
}


class Finding(NamedTuple):
    rule: str
    at: str


def pgrls(database: Database, command: str, *options: str) -> dict[str, Any]:
    """Return what a command of pgrls prints as JSON; 2 is its exit code for having failed itself."""
    done = subprocess.run(
        [sys.executable, "-m", "pgrls", command, "--config", CONFIG, "--format", "json", *options],
        env={**os.environ, "DATABASE_URL": database.owner_url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def lint(database: Database) -> set[Finding]:
    return {Finding(v["rule_id"], v["location"]) for v in pgrls(database, "lint")["violations"]}


def excuses() -> Iterator[Finding]:
    """Yield each excused rule and place."""
    for entry in tomllib.loads(CONFIG.read_text())["excused"]:
        assert entry["reason"]
        yield from (Finding(rule, place) for rule in entry["rules"] for place in entry["at"])


def excuse(excused: Finding, finding: Finding) -> bool:
    return excused.rule == finding.rule and fnmatchcase(finding.at, excused.at)


def unexcused(found: set[Finding]) -> set[Finding]:
    listed = list(excuses())
    return {finding for finding in found if not any(excuse(one, finding) for one in listed)}


def test_the_schema_is_clean_and_no_excuse_is_idle(database: Database):
    found = lint(database)
    assert unexcused(found) == set()
    assert [one for one in excuses() if not any(excuse(one, finding) for finding in found)] == []


async def test_it_finds_what_is_broken(database: Database):
    """The positive control: each statement undoes one guard, and each is found."""
    async with database.superuser() as connection:
        await connection.execute("ALTER TABLE project NO FORCE ROW LEVEL SECURITY")
        await connection.execute("CREATE POLICY everybody ON workspace FOR SELECT USING (true)")
        await connection.execute("ALTER FUNCTION auth.my_role() SET search_path = ''")
    found = unexcused(lint(database))
    assert found >= {
        Finding("SEC002", "public.project"),
        Finding("SEC003", "public.workspace.everybody"),
        Finding("SEC015", "auth.my_role"),
    }


def whole_tables(database: Database) -> dict[tuple[str, str], str]:
    """Return the tables of which the API's role reaches every row, and how, by table and command."""
    rows = pgrls(database, "matrix", "--roles", API)["rows"]
    assert len(rows) > 100
    return {
        (row["table"], row["command"]): row["access"][API]["note"] or ""
        for row in rows
        if row["access"][API]["verdict"] in ("open", "undecided")
    }


def test_only_functions_of_auth_reach_a_whole_table_for_the_api(database: Database):
    reached = whole_tables(database)
    through = ("auth.", *(f"public.{function}(" for function in FOR_ONE_ROW))
    direct = {
        place
        for place, how in reached.items()
        if not any(f"SECURITY DEFINER {function}" in how for function in through)
    }
    assert direct == {("public.alembic_version", "SELECT")} | UNDECIDED


async def test_a_policy_for_all_rows_would_be_seen(database: Database):
    """The positive control."""
    async with database.superuser() as connection:
        await connection.execute(f"CREATE POLICY everything ON app_user FOR SELECT TO {API} USING (true)")
    assert ("public.app_user", "SELECT") in whole_tables(database)
