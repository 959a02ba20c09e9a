"""Dead letters: the original bytes, where they came from and why, on their way to `<topic>.dlq`."""

import json
import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence

from cryptography.fernet import Fernet

from storage.ledger import Place
from storage.outbox import OPERATOR, Letter
from streams.fold import Refusal

log = logging.getLogger(__name__)


def letters(place: Place, refusals: Iterable[Refusal], seal: Fernet) -> list[Letter]:
    """Return a letter for each record and reason, its bytes sealed: they hold raw user ids."""
    merged: dict[tuple[int, str], list[Refusal]] = defaultdict(list)
    for refusal in refusals:
        merged[refusal.record.offset, refusal.reason].append(refusal)
    return [_letter(place, group, seal) for group in merged.values()]


def report(place: Place, refusals: Sequence[Refusal]) -> None:
    """Log what was refused: reason, coordinates and organisation, never a payload."""
    by_reason: dict[str, list[Refusal]] = defaultdict(list)
    for refusal in refusals:
        by_reason[refusal.reason].append(refusal)
    for reason, group in by_reason.items():
        first = group[0]
        log.warning(
            "refused: %s, %d samples or messages, first %s[%d]@%d, organisation %s; kept in %s.dlq",
            reason,
            sum(len(refusal.indices) or 1 for refusal in group),
            place.topic,
            place.partition,
            first.record.offset,
            first.tenant.org_id if first.tenant else "unknown",
            place.topic,
        )


def _letter(place: Place, group: Sequence[Refusal], seal: Fernet) -> Letter:
    first = group[0]
    indices = sorted({index for refusal in group for index in refusal.indices})
    headers = {
        "augentis-reason": str(first.reason),
        "augentis-topic": place.topic,
        "augentis-partition": str(place.partition),
        "augentis-offset": str(first.record.offset),
        "augentis-timestamp": str(first.record.timestamp),
        "augentis-indices": json.dumps(indices),
    }
    if first.tenant:
        headers |= {
            "augentis-org": str(first.tenant.org_id),
            "augentis-project": str(first.tenant.project_id),
        }
    return Letter(
        org_id=first.tenant.org_id if first.tenant else OPERATOR,
        topic=f"{place.topic}.dlq",
        key=first.record.key,
        value=seal.encrypt(first.record.value or b""),
        headers=headers,
        sealed=True,
    )
