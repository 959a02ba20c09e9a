"""Raw message version 1 as a publisher sees it, and the light check of one line.

Light means: is it JSON, are the fields there, are they of the right type, whose is it. The ranges of values,
timestamps and names are checked once, by the worker.
"""

from typing import NamedTuple
from uuid import UUID

import msgspec


class Tenant(NamedTuple):
    """Whose data it is: the publisher believes the line, the worker does not."""

    org_id: UUID
    project_id: UUID


class Defaults(NamedTuple):
    """`--org` and `--project`: for lines that name none themselves."""

    org_id: UUID | None = None
    project_id: UUID | None = None


class RefusedLineError(Exception):
    """A line that cannot be published: `reason` of the closed list, and the detail in words."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Sample(msgspec.Struct, omit_defaults=True, gc=False):
    """One sample; units and meanings in docs/wire-format.md."""

    metric_name: str
    value: int | float
    timestamp: str | int | float
    of: int | float | None = None
    unit: str | None = None
    cohort: str | None = None
    feature: str | None = None
    user_id: str | None = None


class _Envelope(msgspec.Struct, gc=False):
    org_id: UUID | None = None
    project_id: UUID | None = None
    batch_id: UUID | None = None
    samples: list[msgspec.Raw] | None = None


class Batch(msgspec.Struct, gc=False):
    """A message: samples of one project, already encoded, under an id by which a repetition is known."""

    batch_id: UUID
    org_id: UUID
    project_id: UUID
    samples: list[msgspec.Raw]


class Flat(NamedTuple):
    """A line that is one sample, to be batched with its neighbours."""

    tenant: Tenant
    sample: bytes


class Whole(NamedTuple):
    """A line that is a message of its own; without a `batch_id` one is derived."""

    tenant: Tenant
    batch_id: UUID | None
    samples: list[msgspec.Raw]


_envelope = msgspec.json.Decoder(_Envelope)
_sample = msgspec.json.Decoder(Sample)
encode = msgspec.json.Encoder().encode


def parse_line(line: bytes, defaults: Defaults) -> Flat | Whole:
    """Return what a line of JSON publishes.

    Raises:
        RefusedLineError: `not_json` or `bad_schema`.
    """
    try:
        envelope = _envelope.decode(line)
        if envelope.samples is None:
            sample = encode(_sample.decode(line))
    except msgspec.ValidationError as error:
        raise RefusedLineError(reason_of(str(error)), str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RefusedLineError("not_json", str(error)) from None
    tenant = tenant_of(envelope.org_id, envelope.project_id, defaults)
    if envelope.samples is not None:
        return Whole(tenant, envelope.batch_id, _not_empty(envelope.samples))
    if envelope.batch_id is not None:
        return Whole(tenant, envelope.batch_id, [msgspec.Raw(sample)])
    return Flat(tenant, sample)


def tenant_of(org_id: UUID | None, project_id: UUID | None, defaults: Defaults) -> Tenant:
    """Return whose line it is: what it says itself, else the defaults.

    Raises:
        RefusedLineError: neither says it.
    """
    org_id = org_id or defaults.org_id
    project_id = project_id or defaults.project_id
    if org_id is None or project_id is None:
        missing = "org_id (or give --org)" if org_id is None else "project_id (or give --project)"
        raise RefusedLineError("bad_schema", f"no {missing}")
    return Tenant(org_id, project_id)


def reason_of(error: str) -> str:
    """Return the reason that the worker would give; msgspec's message ends in the path, `$.value`."""
    field = error.rpartition("$.")[2].rstrip("`")
    return {
        "value": "bad_value",
        "of": "bad_value",
        "timestamp": "bad_timestamp",
        "unit": "bad_unit",
    }.get(field, "bad_schema")


def _not_empty(samples: list[msgspec.Raw]) -> list[msgspec.Raw]:
    if not samples:
        raise RefusedLineError("bad_schema", "samples is empty")
    return samples
