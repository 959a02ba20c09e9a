"""A real Alertmanager groups our alerts by our labels, is told again after a restart, and of their end."""

import json
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from settings import Settings
from streams.alerting import pulse, telling
from streams.alerting.content import Kind
from streams.alerting.message import Message
from streams.alerting.render import rendered
from streams.channels.parcel import Outcome
from streams.channels.senders import Senders
from tests.golden.samples import CHANNEL, CONTENTS, PLACES, REPORT
from tests.receivers import Receiver
from tests.unit.streams.channels.conftest import parcel

pytestmark = pytest.mark.system

PROGRAM = "prometheus-alertmanager"
CONFIG = """
route:
  receiver: team
  group_by: [org, report_id]
  group_wait: 100ms
  group_interval: 200ms
  repeat_interval: 1h
receivers:
  - name: team
    webhook_configs:
      - url: {url}
        send_resolved: true
"""
EVIL = '<script>alert(1)</script> <!channel> {{ define "x" }} *bold*'


class Alertmanager:
    """The Debian package's program, in a folder and at a port of its own."""

    def __init__(self, folder: Path, told: str) -> None:
        with socket.socket() as chosen:
            chosen.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{chosen.getsockname()[1]}"
        self._folder = folder
        (folder / "config.yml").write_text(CONFIG.format(url=told))

    @contextmanager
    def running(self) -> Iterator[None]:
        options = (
            f"--config.file={self._folder / 'config.yml'}",
            f"--storage.path={self._folder / 'data'}",
            f"--web.listen-address={self.url.removeprefix('http://')}",
            "--cluster.listen-address=",
            "--log.level=warn",
        )
        with (self._folder / "log").open("ab") as log:
            process = subprocess.Popen([PROGRAM, *options], stdout=log, stderr=log)
        try:
            eventually(lambda: bool(self.ask("/-/ready")))
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)

    def ask(self, path: str) -> bytes:
        return httpx.get(self.url + path, timeout=5).raise_for_status().content

    def alerts(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.ask("/api/v2/alerts"))
        return found


def eventually(true: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not _holds(true):
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.05)


def _holds(true: Callable[[], bool]) -> bool:
    try:
        return true()
    except httpx.HTTPError:
        return False


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    with Receiver(tmp_path / "receiver") as serving:
        yield serving


@pytest.fixture
def alertmanager(tmp_path: Path, receiver: Receiver) -> Alertmanager:
    return Alertmanager(tmp_path, receiver.url("/team"))


async def send(manager: Alertmanager, message: Message, allow: str | None = "127.0.0.1") -> Outcome:
    senders = Senders(Settings().model_copy(update={"webhook_allow": allow}), None)
    body = rendered("alertmanager", message, {}, None, None, PLACES).body
    try:
        return await senders.send(parcel("alertmanager", {"url": manager.url}, {}, body=body))
    finally:
        await senders.close()


def told(kind: Kind, **more: Any) -> Message:
    return replace(telling.message(replace(CONTENTS[kind], **more)), at=datetime.now(UTC))


async def test_an_alert_is_grouped_told_again_after_a_restart_and_ended(
    alertmanager: Alertmanager, receiver: Receiver
):
    detected = told(Kind.DETECTED)
    with alertmanager.running():
        refused = await send(alertmanager, detected, allow=None)
        assert (refused.verdict, alertmanager.alerts()) == ("refused", [])
        assert await send(alertmanager, detected) == Outcome("accepted", "status 200")
        [alert] = alertmanager.alerts()
        assert alert["labels"] == dict(detected.subject.labels)
        assert alert["annotations"]["summary"] == detected.title
        eventually(lambda: len(receiver.received("/team")) == 1)
        first = receiver.received("/team")[0].json
        assert (first["status"], first["groupLabels"]) == (
            "firing",
            {"org": "acme", "report_id": str(REPORT)},
        )
    with alertmanager.running():
        assert alertmanager.alerts() == [], (
            "what was told is in its memory alone: that is why it is told again"
        )
        assert (await send(alertmanager, told(Kind.DETECTED))).verdict == "accepted"
        assert [each["labels"] for each in alertmanager.alerts()] == [dict(detected.subject.labels)]
        # Worse than it was is the same alert.
        assert (await send(alertmanager, told(Kind.RECLASSIFIED))).verdict == "accepted"
        assert len(alertmanager.alerts()) == 1
        assert (await send(alertmanager, told(Kind.RESOLVED))).verdict == "accepted"
        eventually(lambda: alertmanager.alerts() == [])
        eventually(lambda: receiver.received("/team")[-1].json["status"] == "resolved")
        ended = receiver.received("/team")[-1].json
        assert (ended["groupLabels"], len(ended["alerts"])) == (first["groupLabels"], 1)


async def test_a_heartbeat_fires_until_it_stays_away_and_a_test_is_an_alert(
    alertmanager: Alertmanager, receiver: Receiver
):
    with alertmanager.running():
        beat = pulse.heartbeat(CHANNEL, timedelta(seconds=1), datetime.now(UTC))
        assert (await send(alertmanager, beat)).verdict == "accepted"
        assert (
            await send(alertmanager, pulse.test(CHANNEL, REPORT, datetime.now(UTC)))
        ).verdict == "accepted"
        names = {alert["labels"]["alertname"] for alert in alertmanager.alerts()}
        assert names == {"AugentisHeartbeat", "AugentisTest"}
        eventually(lambda: len(alertmanager.alerts()) == 1)
        assert alertmanager.alerts()[0]["labels"]["alertname"] == "AugentisTest"
    assert receiver.received("/team")


async def test_what_people_wrote_is_text_to_whom_alertmanager_tells_it(
    alertmanager: Alertmanager, receiver: Receiver
):
    with alertmanager.running():
        named = told(Kind.DETECTED, project=EVIL, owner=EVIL, org="acme")
        assert (await send(alertmanager, named)).verdict == "accepted"
        eventually(lambda: bool(receiver.received("/team")))
    [alert] = receiver.received("/team")[0].json["alerts"]
    said = {**alert["labels"], **alert["annotations"]}
    assert not any("<" in text or ">" in text for text in said.values())
    assert "script" in said["owner"]
