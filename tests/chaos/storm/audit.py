"""Which offsets were applied: a trigger on the ledger tells each move, inside the transaction that makes it.

What a worker believed to hold comes from the worker itself (`hooked`): where the fence is off, the row alone
would tell of an unbroken chain whatever was applied.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.chaos.storm.hooked import HELD
from tests.streaming import System

_STANDS = "consumer, topic, partition, next_offset"
_INSTALL = f"""
CREATE SCHEMA chaos;
CREATE TABLE chaos.start AS SELECT {_STANDS} FROM partition_ledger;
CREATE TABLE chaos.move (
    id bigserial, consumer text, topic text, partition int, held bigint, moved_to bigint);
CREATE FUNCTION chaos.tell() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
    INSERT INTO chaos.move (consumer, topic, partition, held, moved_to)
    VALUES (NEW.consumer, NEW.topic, NEW.partition, current_setting('{HELD}')::bigint, NEW.next_offset);
    RETURN NULL;
END $$;
CREATE TRIGGER chaos_tell AFTER UPDATE OF next_offset ON partition_ledger
    FOR EACH ROW EXECUTE FUNCTION chaos.tell();
"""
_REMOVE = "DROP TRIGGER chaos_tell ON partition_ledger; DROP SCHEMA chaos CASCADE;"


@dataclass(frozen=True)
class Audit:
    system: System

    async def moves(self) -> int:
        found: int = await self.system.value("SELECT count(*) FROM chaos.move")
        return found

    async def breaks(self) -> list[str]:
        """Return where the ranges that were applied have a gap or an overlap, or end before the ledger."""
        starts = await self.system.fetch(f"SELECT {_STANDS} FROM chaos.start")
        stood = {tuple(row)[:3]: row["next_offset"] for row in starts}
        found = []
        for move in await self.system.fetch("SELECT * FROM chaos.move ORDER BY id"):
            place = (move["consumer"], move["topic"], move["partition"])
            at = stood.get(place, 0)
            if move["held"] != at or move["moved_to"] <= at:
                kind = "gap" if move["held"] > at else "overlap"
                span = f"[{move['held']}, {move['moved_to']})"
                found.append(f"{kind}: {place[1]}[{place[2]}] stood at {at}, applied was {span}")
            stood[place] = move["moved_to"]
        return found + [
            f"end: {row['topic']}[{row['partition']}] is at {row['next_offset']}, not where the moves end"
            for row in await self.system.fetch(f"SELECT {_STANDS} FROM partition_ledger")
            if stood.get(tuple(row)[:3], 0) != row["next_offset"]
        ]


@asynccontextmanager
async def audited(system: System) -> AsyncIterator[Audit]:
    async with system.superuser() as connection:
        await connection.execute(_INSTALL)
    try:
        yield Audit(system)
    finally:
        async with system.superuser() as connection:
            await connection.execute(_REMOVE)
