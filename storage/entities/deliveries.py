"""What people may do with deliveries; who may what is the database's to judge."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_REPLAY = text("SELECT public.replay_delivery(:delivery)")
_TEST = text("SELECT public.test_channel(:channel)")


async def replay(session: AsyncSession, delivery_id: UUID) -> bool:
    """Let a delivery that was given up wait again, and tell whether it is there.

    Raises:
        DBAPIError: its channel takes nothing (AG041), or it was not given up (AG042).
    """
    return bool((await session.scalars(_REPLAY, {"delivery": delivery_id})).one())


async def test(session: AsyncSession, channel_id: UUID) -> UUID | None:
    """Put a test of a channel, and return its id: of the one that waits already, if one does.

    None: there is no such channel.

    Raises:
        DBAPIError: the channel is disabled (AG041).
    """
    found: UUID | None = (await session.scalars(_TEST, {"channel": channel_id})).one()
    return found
