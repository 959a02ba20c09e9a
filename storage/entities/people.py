from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from storage.entities.edits import Expected, change, locked
from storage.tables import User


async def rename(session: AsyncSession, user_id: UUID, expected: Expected, full_name: str) -> User:
    """Give a person another name, and return them; fails as `edits.change` does."""
    return await change(session, User, {"id": user_id}, expected, {"full_name": full_name})


async def erase(session: AsyncSession, user_id: UUID, expected: Expected) -> None:
    """Make who asks nobody, in all organisations (docs/people.md); fails as `edits.change` does.

    The database keeps the last ADMIN (AG002), and refuses a token of one workspace (42501).
    """
    await locked(session, User, {"id": user_id}, expected)
    await session.execute(text("SELECT auth.erase_user()"))
