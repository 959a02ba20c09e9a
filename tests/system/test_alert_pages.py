"""The pages about alerts, by the letter: their commands run in the order in which they stand.

What stands in a block ```sh is run, what is only indented is shown. A page is one shell of a reader's, who is
an ADMIN, whose curl fails at what is refused, and who has the ids that the page does not make itself. What it
asks `augentis` for is run after it, in this process: to start it each time takes longer than all the rest. A
token is the test's; the guide's test has one made.
"""

import asyncio
import re
import subprocess
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path
from uuid import UUID

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cli.main import run
from tests.integration.conftest import bearer_of
from tests.system.caller import Served, listening
from tests.world import World

pytestmark = pytest.mark.system

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("alerts", "routing", "calm", "delivery", "watching", "reports", "channels")
SHELL = """augentis() {
    if [ "$1" = token ]; then echo "$READY"; return; fi
    for word; do printf '%s\\0' "$word"; done >>asked; echo >>asked
}
"""
COMMANDS = re.compile(r"^augentis ", re.MULTILINE)
CALLS = re.compile(r"^(?:curl|made|routed) ", re.MULTILINE)


class Recorded:
    """The API, and what it answered."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.answers: list[tuple[str, int]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.answers.append((f"{scope['method']} {scope['path']}", message["status"]))
            await send(message)

        await self.app(scope, receive, noted)


def blocks(page: str, language: str) -> str:
    found = re.findall(
        rf"^```{language}\n(.*?)^```$", (DOCS / f"{page}.md").read_text(), re.DOTALL | re.MULTILINE
    )
    assert found
    return "\n".join(found)


@pytest.fixture(scope="module")
def token(unheard: Served) -> str:
    return bearer_of(unheard.settings, unheard.world.claims("ann"))["Authorization"].removeprefix("Bearer ")


@pytest.fixture(scope="module")
def recorded(unheard: Served) -> Iterator[Served]:
    recorder = Recorded(unheard.app)
    with listening(recorder) as url:
        yield replace(unheard, app=recorder, url=url)


async def of_the_team(world: World) -> tuple[UUID, UUID]:
    """Return the organisation's last route, and a channel that routes name already."""
    async with world.database.superuser() as connection:
        route = "SELECT id FROM alert_route WHERE org_id = $1 AND is_default"
        channel = "SELECT id FROM alert_channel WHERE org_id = $1 AND name = 'team a1'"
        return await connection.fetchval(route, world.a), await connection.fetchval(channel, world.a)


def ids(world: World) -> dict[str, str]:
    """What a reader has from answers: of reports, channels, routes."""
    here, there = world.places["a1"], world.places["a2"]
    route, channel = asyncio.run(of_the_team(world))
    found = {
        "PROJECT_ID": here.project,
        "REPORT_ID": here.report,
        "DELIVERY_ID": here.delivery,
        "OTHER_ID": there.delivery,
        "CHANNEL_ID": world.channels[here.org],
        "WINDOW_ID": world.windows[here.org],
        "SILENCE_ID": here.silence,
        "DEFAULT_ROUTE": route,
        **dict.fromkeys(("TEAM", "PAGER", "LEAD", "CHAT", "OPS"), channel),
    }
    return {name: str(value) for name, value in found.items()}


@pytest.fixture
def reader(recorded: Served, token: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have everything that a page takes as there in the environment, and an empty folder to write to."""
    (tmp_path / ".curlrc").write_text("fail-with-body\n")
    home = recorded.settings.home
    there = {**recorded.world.database.environment(home), **ids(recorded.world)}
    for name, value in {**there, "READY": token, "CURL_HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("reader")
@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_says_can_be_done(page: str, recorded: Served):
    assert isinstance(recorded.app, Recorded)
    before = len(recorded.app.answers)
    script = blocks(page, "sh").replace("http://127.0.0.1:8000", recorded.url)
    done = subprocess.run(
        ["sh", "-euc", SHELL + script], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    answers = recorded.app.answers[before:]
    assert [answer for answer in answers if answer[1] >= 400] == []
    assert len(answers) == len(CALLS.findall(script))
    assert len(asked()) == len(COMMANDS.findall(script))
    assert [words for words in asked() if run(words) != 0] == []


def asked() -> list[list[str]]:
    """Return what `augentis` was asked for, word by word."""
    lines = Path("asked").read_text().splitlines() if Path("asked").exists() else []
    return [line.split("\0")[:-1] for line in lines]


def test_what_a_page_says_in_python_can_be_done(recorded: Served, token: str):
    source = blocks("reports", "python").replace("http://127.0.0.1:8000", recorded.url)
    with redirect_stdout(StringIO()) as said:
        exec(compile(source.replace("MAJOR", "MINOR"), "docs/reports.md", "exec"), {"token": token})  # noqa: S102
    assert "['DETECTED', 'ACKNOWLEDGED', 'ASSIGNED']" in said.getvalue()
