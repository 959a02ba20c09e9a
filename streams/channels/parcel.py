"""One thing to send to one channel, and what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

Verdict = Literal["accepted", "retry", "refused", "gone"]


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is sent and where to. `kind` is the channel's, `message` the delivery's (detected, storm, test).

    `id` is the same however often it is sent; `body` is sent as it is, but for what is a secret. `secrets`
    are the channel's (storage/channel_secrets.py), and appear in nothing that is said or shown.
    """

    id: UUID
    org_slug: str
    kind: str
    channel_id: UUID
    settings: Mapping[str, Any]
    secrets: Mapping[str, Any] = field(repr=False)
    message: str
    body: bytes = field(repr=False)
    headers: Mapping[str, str]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of it. `said` is for people and logs: without bodies, secrets or paths of addresses.

    accepted: the receiver has it. retry: it may be well later, not before `retry_after` where that is said.
    refused: as it is it will hardly ever be taken. gone: the receiver wants nothing any more.
    """

    verdict: Verdict
    said: str
    retry_after: timedelta | None = None
