"""Quotas of ingest keys: so many samples in each second, minute, hour or day of the database's clock.

The periods are those of the clock, in UTC: `1000000/hour` allows a million samples from 10:00 to 11:00.
Who spends holds the key's row until the transaction ends, so two partitions never spend the same samples;
who finds the period spent looks without a lock, so a flood over its quota makes nobody wait.

The receiver spends at its door and stamps what it publishes as paid (`streams.stamps`, `parked=True`);
ingest spends for records that come with a key of their own, and parks what does not fit.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from storage.ledger import Connection

KeyName = tuple[UUID, UUID]
"""Organisation and key."""
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
QUOTA = r"^([1-9][0-9]{0,11})/(second|minute|hour|day)$"
"""What a quota looks like."""


@dataclass(frozen=True, slots=True)
class Quota:
    """So many `samples` in each period of `seconds`."""

    samples: int
    seconds: int


def parse(text: str) -> Quota:
    """Return the quota written as `1000000/hour` (per second, minute, hour or day).

    Raises:
        ValueError: the text is no such quota.
    """
    match = re.fullmatch(QUOTA, text)
    if match is None:
        raise ValueError(
            f"{text!r} is no quota: write samples a second, minute, hour or day, such as 1000000/hour"
        )
    return Quota(int(match[1]), _SECONDS[match[2]])


async def spend(connection: Connection, key: KeyName, quota: Quota, samples: int) -> float:
    """Take `samples` from a key's quota; return 0, or the seconds to wait if they do not fit now.

    Infinity if they never fit: one message of more samples than the quota's whole period.

    Args:
        connection: inside a transaction; what was taken is taken once it commits.
        key: the organisation and the id of a key that was checked.
        quota: the key's.
        samples: of one message.
    """
    return (await spend_each(connection, {key: (quota, [samples])}))[key][0]


async def spend_each(
    connection: Connection, wanted: Mapping[KeyName, tuple[Quota, Sequence[int]]]
) -> dict[KeyName, list[float]]:
    """Do as `spend` for the messages of several keys, each with its samples, in their order.

    One that does not fit leaves room for a smaller one behind it.
    """
    waits, room = {}, {}
    for key, usage in (await _look(connection, wanted)).items():
        waits[key], taken = _judge(*wanted[key], usage)
        if taken:
            room[key] = wanted[key]
    taken_of = {}
    for key, usage in (await _lock(connection, room)).items():
        waits[key], taken_of[key] = _judge(*wanted[key], usage)
    await _take(connection, taken_of)
    return waits


@dataclass(frozen=True, slots=True)
class _Usage:
    """What a key has used of its period, and the seconds until the next one."""

    used: int
    ends_in: float


def _judge(quota: Quota, messages: Sequence[int], usage: _Usage) -> tuple[list[float], int]:
    """Return the wait of each message, and how many samples are taken."""
    waits, taken = [], 0
    for samples in messages:
        if samples > quota.samples:
            waits.append(math.inf)
        elif usage.used + taken + samples > quota.samples:
            waits.append(usage.ends_in)
        else:
            taken += samples
            waits.append(0.0)
    return waits, taken


_WANTED = """(SELECT k.*, to_timestamp(floor(extract(epoch FROM clock_timestamp()) / k.seconds) * k.seconds)
                     AS period
              FROM unnest($1::uuid[], $2::uuid[], $3::int[]) AS k (org_id, key_id, seconds))"""
_ENDS_IN = "extract(epoch FROM u.period_start - clock_timestamp())::float8"


async def _look(
    connection: Connection, wanted: Mapping[KeyName, tuple[Quota, Sequence[int]]]
) -> dict[KeyName, _Usage]:
    rows = await connection.fetch(
        f"""SELECT w.org_id, w.key_id, coalesce(u.used, 0) AS used,
                   extract(epoch FROM coalesce(u.period_start, w.period) - clock_timestamp())::float8
                   + w.seconds AS ends_in
            FROM {_WANTED} AS w
            LEFT JOIN key_usage AS u ON u.org_id = w.org_id AND u.key_id = w.key_id
                                    AND u.period_start >= w.period""",
        *_columns(wanted),
    )
    return _usages(rows)


async def _lock(
    connection: Connection, wanted: Mapping[KeyName, tuple[Quota, Sequence[int]]]
) -> dict[KeyName, _Usage]:
    """Lock the keys' rows in one order everywhere, begin their period, and return what stands there."""
    if not wanted:
        return {}
    rows = await connection.fetch(
        f"""INSERT INTO key_usage AS u (org_id, key_id, period_start, used)
            SELECT org_id, key_id, period, 0 FROM {_WANTED} AS w ORDER BY org_id, key_id
            ON CONFLICT (org_id, key_id) DO UPDATE SET
                period_start = greatest(u.period_start, EXCLUDED.period_start),
                used = CASE WHEN u.period_start >= EXCLUDED.period_start THEN u.used ELSE 0 END
            RETURNING u.org_id, u.key_id, u.used, {_ENDS_IN} AS ends_in""",
        *_columns(wanted),
    )
    return {
        key: _Usage(usage.used, usage.ends_in + wanted[key][0].seconds)
        for key, usage in _usages(rows).items()
    }


async def _take(connection: Connection, taken: Mapping[KeyName, int]) -> None:
    spent = {key: samples for key, samples in taken.items() if samples}
    if spent:
        await connection.execute(
            """UPDATE key_usage AS u SET used = u.used + t.samples
               FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS t (org_id, key_id, samples)
               WHERE u.org_id = t.org_id AND u.key_id = t.key_id""",
            [org for org, _ in spent],
            [key for _, key in spent],
            list(spent.values()),
        )


def _columns(
    wanted: Mapping[KeyName, tuple[Quota, Sequence[int]]],
) -> tuple[list[UUID], list[UUID], list[int]]:
    keys = sorted(wanted)
    return [org for org, _ in keys], [key for _, key in keys], [wanted[each][0].seconds for each in keys]


def _usages(rows: Sequence[Any]) -> dict[KeyName, _Usage]:
    return {(row["org_id"], row["key_id"]): _Usage(row["used"], row["ends_in"]) for row in rows}


async def of_keys(connection: Connection, keys: Iterable[KeyName]) -> dict[KeyName, Quota]:
    """Return the quotas of those of `keys` that have one, revoked keys too: what they sent still counts."""
    rows = await connection.fetch(
        "SELECT org_id, id, quota FROM machine_key WHERE id = ANY ($1::uuid[]) AND quota IS NOT NULL",
        [key_id for _, key_id in keys],
    )
    return {(row["org_id"], row["id"]): parse(row["quota"]) for row in rows}
