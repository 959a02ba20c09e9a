"""Stamps: whose a record is that this installation publishes again, said without an ingest key.

A dead letter or a parked record keeps no ingest key, so what is replayed from it carries a stamp in its
place: header `augentis-stamp`, text `v1,<organisation>,<project>,<hex HMAC-SHA256>`. The signature covers
the tenant, the topic, the record's bytes and the headers below; so a stamp fits one record of one topic,
and who can read a topic can do no more with it than publish that record again, under its own batch id.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from storage.secrets import derive

STAMP_HEADER = "augentis-stamp"
BATCH_HEADER = "augentis-batch-id"
"""A batch id, where the record's bytes have no room for one (OTLP)."""
PARKED_HEADER = "augentis-parked"
"""`1` on a record that was parked over its quota and goes in whatever the quota says."""
_VERSION = "v1"
_PARKED = b"1"

Headers = Sequence[tuple[str, bytes]]


class StampError(Exception):
    """A stamp that this installation did not make, or not for this record."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """Whose a record is; `parked` ones pass over the quota."""

    org_id: UUID
    project_id: UUID
    parked: bool = False


def key(secret: str) -> bytes:
    """Return the key that stamps are signed with, from AUGENTIS_SECRET_KEY."""
    return derive(secret, "stamps")


def batch_of(headers: Headers) -> UUID | None:
    """Return the batch id that a record's headers have, None if they have none that can be read."""
    for name, content in headers:
        if name == BATCH_HEADER:
            try:
                return UUID(content.decode("ascii", "replace"))
            except ValueError:
                return None
    return None


def sign(
    signing_key: bytes, topic: str, value: bytes, stamp: Stamp, batch_id: UUID | None = None
) -> list[tuple[str, bytes]]:
    """Return the headers that make a record of `topic` the stamp's tenant's, without an ingest key."""
    headers = [(PARKED_HEADER, _PARKED)] if stamp.parked else []
    if batch_id is not None:
        headers.append((BATCH_HEADER, str(batch_id).encode()))
    signature = _signature(signing_key, topic, value, stamp, headers)
    text = f"{_VERSION},{stamp.org_id},{stamp.project_id},{signature}"
    return [(STAMP_HEADER, text.encode()), *headers]


def verify(signing_key: bytes, topic: str, value: bytes, headers: Headers) -> Stamp | None:
    """Return what a record's stamp says, None if it carries none.

    Raises:
        StampError: it is no stamp of ours for this record.
    """
    texts = [content for name, content in headers if name == STAMP_HEADER]
    if not texts:
        return None
    version, stamp, signature = _read(texts, headers)
    expected = _signature(signing_key, topic, value, stamp, headers)
    if version != _VERSION or not hmac.compare_digest(signature.encode(), expected.encode()):
        raise StampError("the stamp was not made here, or not for this record")
    return stamp


def _read(texts: Sequence[bytes], headers: Headers) -> tuple[str, Stamp, str]:
    try:
        (text,) = texts
        version, org, project, signature = text.decode("ascii").split(",")
        stamp = Stamp(UUID(org), UUID(project), (PARKED_HEADER, _PARKED) in headers)
    except ValueError:
        raise StampError("the stamp cannot be read") from None
    return version, stamp, signature


def _signature(signing_key: bytes, topic: str, value: bytes, stamp: Stamp, headers: Headers) -> str:
    batches = [content for name, content in headers if name == BATCH_HEADER]
    parts = (
        _VERSION.encode(),
        stamp.org_id.bytes,
        stamp.project_id.bytes,
        topic.encode(),
        b"parked" if stamp.parked else b"",
        *batches,
        value,
    )
    # Each part's own digest has one length: no two records say the same in other places.
    signed = b"".join(hashlib.sha256(part).digest() for part in parts)
    return hmac.new(signing_key, signed, hashlib.sha256).hexdigest()
