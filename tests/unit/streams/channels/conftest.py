import base64
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

import pytest

from settings import Settings
from streams.channels.parcel import Parcel
from streams.channels.senders import Senders
from tests.receivers import Receiver

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
OLDER = "whsec_" + base64.b64encode(b"o" * 32).decode()
OTHER = "whsec_" + base64.b64encode(b"t" * 32).decode()
ID = UUID("7b1cf0f2-2f0e-5d3a-9d21-000000000001")
LOOPBACK = "127.0.0.1,localhost"


class Making(Protocol):
    def __call__(self, **settings: Any) -> Senders: ...


def parcel(kind: str, settings: dict[str, Any], secrets: dict[str, Any], **more: Any) -> Parcel:
    given: dict[str, Any] = {
        "id": ID,
        "org_slug": "acme",
        "kind": kind,
        "channel_id": UUID(int=5),
        "settings": settings,
        "secrets": secrets,
        "message": "detected",
        "body": b'{"summary":"60 \xe2\x80\xa6"}',
        "headers": {"content-type": "application/json"},
        "created_at": datetime(2026, 11, 24, tzinfo=UTC),
    }
    return Parcel(**(given | more))


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    with Receiver(tmp_path / "receiver") as serving:
        yield serving


@pytest.fixture
async def senders(home: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Making]:
    """Make what sends, with settings of the test's own; loopback is allowed unless they say otherwise."""
    monkeypatch.setenv("AUGENTIS_HOME", str(home))
    made: list[Senders] = []

    def make(**settings: Any) -> Senders:
        given = {"AUGENTIS_WEBHOOK_ALLOW": LOOPBACK, "AUGENTIS_DELIVERY_TIMEOUT": "5s"} | settings
        made.append(Senders(Settings(**given), given.pop("producer", None)))
        return made[-1]

    yield make
    for each in made:
        await each.close()
