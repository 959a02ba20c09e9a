from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from storage.entities.edits import Expected, change
from storage.tables import User


async def rename(session: AsyncSession, user_id: UUID, expected: Expected, full_name: str) -> User:
    """Give a person another name, and return them; fails as `edits.change` does."""
    return await change(session, User, {"id": user_id}, expected, {"full_name": full_name})
