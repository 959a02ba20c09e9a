"""The services of a demo end together: here with stand-ins that only sleep."""

import asyncio
import os
import signal
import sys

import psutil
import pytest

from cli.demo import processes
from cli.stack.layout import Layout

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
FAIL = [sys.executable, "-c", "import sys; print('no such thing'); sys.exit(3)"]


@pytest.fixture
def layout(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr("cli.stack.state.is_supervised", lambda _: True)
    made = Layout(tmp_path)
    made.create()
    return made


def with_commands(monkeypatch, **commands: list[str]) -> None:
    monkeypatch.setattr(processes, "commands", lambda _: commands)


def sleepers() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "time.sleep" in " ".join(child.cmdline())]


async def until_started(number: int) -> None:
    async with asyncio.timeout(10):
        while len(sleepers()) < number:  # noqa: ASYNC110  # processes tell no event
            await asyncio.sleep(0.02)


async def test_one_that_ends_ends_all_and_its_log_is_told(layout, monkeypatch, capsys):
    with_commands(monkeypatch, worker=SLEEP, api=FAIL)
    assert await processes.keep_together(layout, 1, None) == 1
    said = capsys.readouterr().out
    assert "api ended with code 3" in said
    assert "no such thing" in said
    assert sleepers() == []


async def test_all_end_with_the_stack(layout, monkeypatch):
    with_commands(monkeypatch, worker=SLEEP, api=SLEEP)
    running = asyncio.create_task(processes.keep_together(layout, 1, os.getppid()))
    await until_started(2)
    monkeypatch.setattr("cli.stack.state.is_supervised", lambda _: False)
    assert await running == 0
    assert sleepers() == []


async def test_all_end_on_sigterm(layout, monkeypatch):
    with_commands(monkeypatch, worker=SLEEP)
    running = asyncio.create_task(processes.keep_together(layout, 1, None))
    await until_started(1)
    os.kill(os.getpid(), signal.SIGTERM)
    assert await running == 0
    assert sleepers() == []


async def test_all_end_with_the_demo(layout, monkeypatch):
    with_commands(monkeypatch, worker=SLEEP)
    assert await processes.keep_together(layout, 1, parent=1 << 22) == 0
    assert sleepers() == []
