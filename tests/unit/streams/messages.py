"""Records and people for the pure tests of streams."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from streams.fold import Headers, Tenant
from streams.wire import Message, Reason, Refused

ORG = UUID("11111111-1111-4111-8111-111111111111")
PROJECT = UUID("22222222-2222-4222-8222-222222222222")
OTHER = UUID("33333333-3333-4333-8333-333333333333")
KEY = b"k" * 32
NOW = 1_793_530_000.0
LAST_HOUR = 1_793_527_200.0


@dataclass(frozen=True)
class Record:
    offset: int
    value: bytes | None
    timestamp: int = int(NOW * 1000)
    key: bytes | None = None
    headers: Headers = ()


class Everybody:
    """Knows one organisation and its two projects."""

    def __init__(self) -> None:
        self._tenants = {str(each): Tenant(ORG, each, KEY) for each in (PROJECT, OTHER)}

    def tenant(self, message: Message, headers: Headers) -> Tenant:
        del headers
        if message.org_id != str(ORG):
            raise Refused(Reason.UNKNOWN_ORG, message.org_id)
        return self._tenants[message.project_id]


def sample(
    value: Any = 1, timestamp: Any = LAST_HOUR, metric_name: Any = "feature_usage", **more: Any
) -> Any:
    return {"metric_name": metric_name, "value": value, "timestamp": timestamp, **more}


def batch(samples: Sequence[Any], *, org: UUID = ORG, project: UUID = PROJECT, **more: Any) -> bytes:
    return json.dumps(
        {"org_id": str(org), "project_id": str(project), "samples": list(samples), **more}
    ).encode()


def flat(**fields: Any) -> bytes:
    return json.dumps({"org_id": str(ORG), "project_id": str(PROJECT), **fields}).encode()
