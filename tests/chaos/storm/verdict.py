"""What must hold after a storm: each function returns a line for each thing that does not."""

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from tests.chaos.storm.flow import Flow
from tests.reference import differences
from tests.streaming import System

_KEY = "timestamp, metric_name, cohort, feature"
_SAME = f"""org_id, project_id, {_KEY}, metric_value, unit, numerator, denominator, sample_count, user_count,
    latency_sketch, users_sketch, positive_users_sketch, is_final"""
HASH = f"""SELECT md5(string_agg(r::text, E'\\n' ORDER BY project_id, {_KEY}))
           FROM (SELECT {_SAME} FROM telemetry WHERE org_id = ANY ($1)) AS r"""
Where = tuple[int, int]


async def telemetry(system: System, flow: Flow) -> list[str]:
    """Every row equals the reference."""
    return differences(await system.telemetry(flow.project), flow.samples)


async def fingerprint(system: System, flows: Sequence[Flow]) -> str:
    """Return a hash of the rows without ids, revision and times of writing."""
    return str(await system.value(HASH, list({flow.project.org_id for flow in flows})))


def sent_once(log: Sequence[Any], sent: Counter[tuple[int, bytes]]) -> list[str]:
    """The log holds what was sent, and nothing twice: else the storm's own producer is at fault."""
    found = Counter((record.partition, record.value) for record in log)
    return [f"the log and the producer differ about {len(found - sent) + len(sent - found)} messages"] * (
        found != sent
    )


async def noted(system: System, letters: Sequence[Any], began: dict[int, int]) -> list[str]:
    """The table `dead_letter` knows the letters in Kafka, and no other."""
    rows = await system.fetch(
        "SELECT id::text, partition, record_offset FROM dead_letter WHERE topic = 'raw_metrics'"
    )
    known = {row["id"] for row in rows if row["record_offset"] >= began[row["partition"]]}
    told = {dict(letter.headers)["augentis-letter"].decode() for letter in letters}
    return [f"{len(known - told)} letters are not in Kafka, {len(told - known)} not known"] * (known != told)


def dead_letters(log: Sequence[Any], letters: Sequence[Any], flows: Sequence[Flow]) -> list[str]:
    """Exactly the bad ones: whole messages each time that they came, parts of one copy of theirs."""
    bad = {message: reasons for flow in flows for message, reasons in flow.bad.items()}
    copies: dict[bytes, set[Where]] = defaultdict(set)
    for record in log:
        if record.value in bad:
            copies[record.value].add((record.partition, record.offset))
    told: dict[bytes, dict[Where, dict[str, tuple[int, ...]]]] = defaultdict(lambda: defaultdict(dict))
    for letter in letters:
        headers = {name: value.decode() for name, value in letter.headers}
        where = (int(headers["augentis-partition"]), int(headers["augentis-offset"]))
        told[letter.value][where][headers["augentis-reason"]] = tuple(json.loads(headers["augentis-indices"]))
    surplus = [f"a dead letter for a good message: {told[message]}" for message in told.keys() - bad.keys()]
    return surplus + [
        f"{len(copies[message])} copies of what is {reasons} have the dead letters {dict(told[message])}"
        for message, reasons in bad.items()
        if not _right(reasons, copies[message], told[message])
    ]


def _right(reasons: Any, copies: set[Where], told: dict[Where, Any]) -> bool:
    whole = all(indices == () for indices in reasons.values())
    which = set(told) == copies if whole else len(told) == 1 and set(told) <= copies
    return which and all(each == reasons for each in told.values())
