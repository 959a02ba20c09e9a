"""`augentis backtest --project`: on stored telemetry, as an operator asks for it."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path

from tests.databases import Database
from tests.integration.conftest import Augentis
from tests.integration.test_api_backtest import ADOPTION, BROKE, DAYS, FILL, TODAY


async def filled(database: Database, org: str, project: str) -> None:
    begins = TODAY - timedelta(days=DAYS)
    months = [(begins + timedelta(days=31 * number)).date().replace(day=1) for number in range(5)]
    async with database.superuser() as connection:
        await connection.execute("SELECT ensure_partitions(ARRAY['telemetry'], $1::date[])", months)
        end = TODAY - timedelta(hours=1)
        await connection.execute(FILL, org, project, begins, end, begins + timedelta(days=BROKE))


def test_a_projects_past_is_tried_by_the_name_of_the_project(
    augentis: Augentis, database: Database, tmp_path: Path
):
    assert augentis("init", "--org", "acme", "--admin", "a@b.co", "--project", "Shop", "--json") == 0
    ids = json.loads(augentis.out)
    asyncio.run(filled(database, ids["org_id"], ids["project_id"]))
    file = tmp_path / "a.yaml"
    file.write_text(json.dumps(ADOPTION))
    asked = ("backtest", "--assumption", file, "--org", "acme", "--project", "Shop")
    assert augentis(*asked, "--format", "json") == 0, augentis.err
    events = [json.loads(line) for line in augentis.out.splitlines()]
    (told,) = (each for each in events if each["event"] == "notify")
    broke = (TODAY - timedelta(days=DAYS - BROKE)).isoformat()
    assert broke < told["at"].replace("Z", "+00:00") <= (TODAY - timedelta(days=DAYS - BROKE - 3)).isoformat()
    assert augentis(*asked, "--since", f"{TODAY:%Y-%m-%d}") == 0
    assert augentis.out == ""
    assert "fired 0 times" in augentis.err
