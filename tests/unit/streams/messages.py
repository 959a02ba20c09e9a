"""Records and people for the pure tests of streams."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from streams.fold import Headers, Tenant
from streams.wire import Reason, Refused

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
    topic: str = "raw_metrics"
    partition: int = 0


class Everybody:
    """Knows one organisation and its two projects."""

    def __init__(self) -> None:
        self._tenants = {str(each): Tenant(ORG, each, KEY) for each in (PROJECT, OTHER)}

    def tenant(self, record: object, org_id: str | None, project_id: str | None) -> Tenant:
        del record
        if org_id != str(ORG):
            raise Refused(Reason.UNKNOWN_ORG, str(org_id))
        if project_id not in self._tenants:
            raise Refused(Reason.UNKNOWN_PROJECT, str(project_id))
        return self._tenants[project_id]


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
