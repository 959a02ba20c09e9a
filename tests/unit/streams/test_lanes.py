import asyncio

from faust.types import TP

from streams.chunks import Chunk
from streams.lanes import AT_ONCE, Lanes


def chunk(partition: int, start: int) -> Chunk:
    return Chunk(TP("raw_metrics", partition), start, start + 1, [], 1, 0.0)


async def test_a_partition_keeps_its_order_while_another_goes_on():
    gate, done, at_work, most = asyncio.Event(), [], 0, 0

    async def take(item: Chunk) -> None:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        if item.tp.partition == 0:
            await gate.wait()
        await asyncio.sleep(0)
        at_work -= 1
        done.append((item.tp.partition, item.start))

    lanes = Lanes(take)
    for item in (chunk(0, 0), chunk(1, 0), chunk(1, 1), chunk(2, 0)):
        await lanes.put(item)
    await asyncio.sleep(0.05)
    assert sorted(done) == [(1, 0), (1, 1), (2, 0)]
    waiting = asyncio.create_task(lanes.put(chunk(0, 1)))
    gate.set()
    await waiting
    await asyncio.sleep(0.05)
    assert [start for partition, start in done if partition == 0] == [0, 1]
    assert most <= AT_ONCE


async def test_a_slow_partition_is_waited_for_instead_of_buffered():
    never = asyncio.Event()

    async def take(_item: Chunk) -> None:
        await never.wait()

    lanes = Lanes(take)
    await lanes.put(chunk(0, 0))
    await asyncio.sleep(0.01)
    await lanes.put(chunk(0, 1))
    full = asyncio.create_task(lanes.put(chunk(0, 2)))
    await asyncio.sleep(0.05)
    assert not full.done()
    full.cancel()
