"""Who may send: a bearer ingest key, checked against the worker's own snapshot; and how much of it.

What a key opens is published under a stamp of its project (`streams.stamps`): the key itself never reaches
the topic, and the record is its project's whatever `AUGENTIS_INGEST_AUTH` says of records without one.
"""

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from uuid import UUID

import asyncpg

from settings.model import IngestAuth
from storage import quotas
from storage.quotas import KeyName, Quota
from streams import stamps
from streams.directory import KEY_HEADER, SnapshotDirectory
from streams.door.refusals import Refusal
from streams.fold import Headers, Tenant
from streams.key_uses import KeyUses
from streams.outage import PASSING
from streams.stamps import Stamp
from streams.wire import Reason, Refused

log = logging.getLogger(__name__)

LOOK_AGAIN_SECONDS = 1.0
"""However many unknown keys come, the database is asked this often."""
ANSWER_SECONDS = 3.0
_BEARER = "bearer "


@dataclass(frozen=True, slots=True)
class _Asking:
    """A request, as the directory looks at a record."""

    headers: Headers
    topic: str = ""
    value: bytes = b""
    key: bytes | None = None
    offset: int = 0
    timestamp: int = 0


@dataclass(frozen=True, slots=True)
class Pass:
    """Whose a request is, and which key pays for it, None: nobody has to."""

    tenant: Tenant
    payer: tuple[KeyName, Quota] | None
    asking: _Asking


class Gate:
    """Checks keys and quotas."""

    def __init__(self, pool: asyncpg.Pool, auth: IngestAuth, secret: str) -> None:
        self._pool, self._auth = pool, auth
        self._uses = KeyUses()
        self._directory = SnapshotDirectory("key", secret, self._uses)
        self._stamp_key = stamps.key(secret)
        self._looking = asyncio.Lock()

    async def enter(self, authorization: str | None) -> Pass | None:
        """Return whose a request is; None where no key was sent and `open` asks for none.

        Raises:
            Refusal: 401, 403 if the project is archived, 503 where the database would have to be asked.
        """
        if authorization is None and self._auth == "open":
            return None
        asking = _Asking([(KEY_HEADER, _bearer(authorization).encode("ascii", "replace"))])
        asked_at = time.monotonic()
        if self._directory.stale():
            with contextlib.suppress(*PASSING):
                await self._look(asked_at)
        try:
            return self._passed(asking)
        except Refused:
            # Made since the last look, perhaps: refused now, what it sent would be lost.
            await self._look_for(asked_at)
        try:
            return self._passed(asking)
        except Refused as refused:
            raise _refusal(refused) from None

    def check_claim(self, passed: Pass, org_id: str | None, project_id: str | None) -> None:
        """See that a body names no other project than the key's.

        Raises:
            Refusal: 403.
        """
        try:
            self._directory.tenant(passed.asking, org_id, project_id)
        except Refused as refused:
            raise _refusal(refused) from None

    def headers(
        self, passed: Pass | None, topic: str, value: bytes, batch_id: UUID | None = None
    ) -> list[tuple[str, bytes]]:
        """Return the headers that make a record of `topic` the sender's, paid for."""
        if passed is None:
            return [] if batch_id is None else [(stamps.BATCH_HEADER, str(batch_id).encode())]
        stamp = Stamp(*passed.tenant.project, parked=True)
        return stamps.sign(self._stamp_key, topic, value, stamp, batch_id)

    async def paid(self, passed: Pass | None, samples: int, publish: Callable[[], Awaitable[None]]) -> None:
        """Publish what fits into the key's quota; what Kafka does not acknowledge is not charged.

        Raises:
            Refusal: 429 with the seconds until it fits, 413 if it never will; as `publish` does.
        """
        if passed is None or passed.payer is None:
            await publish()
            return
        published = False
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                _fits(await quotas.spend(connection, *passed.payer, samples))
                await publish()
                published = True
        except PASSING as error:
            log.warning("PostgreSQL: charging a quota failed: %r", error)
            if not published:
                raise Refusal.away("the quota cannot be looked up: send it again") from None

    async def keep_fresh(self) -> None:
        """Look anew if it is time to, and note which keys were used; an outage is waited out."""
        try:
            if self._directory.stale():
                await self._look(time.monotonic())
            await self._uses.note(self._pool)
        except PASSING as error:
            log.warning("PostgreSQL: reading keys failed: %r", error)

    async def answers(self) -> bool:
        """Say whether the database answers."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS), self._pool.acquire() as connection:
                await connection.execute("SELECT 1")
        except PASSING:
            return False
        return True

    def _passed(self, asking: _Asking) -> Pass:
        tenant = self._directory.tenant(asking, None, None)
        return Pass(tenant, self._directory.payer(asking), asking)

    async def _look_for(self, asked_at: float) -> None:
        try:
            await self._look(asked_at)
        except PASSING as error:
            log.warning("PostgreSQL: reading keys failed: %r", error)
            raise Refusal.away("the key cannot be looked up: send it again") from None

    async def _look(self, asked_at: float) -> None:
        """Take a snapshot that is younger than `asked_at`, once for all who wait for one."""
        async with self._looking:
            if self._directory.taken_at < asked_at:
                await asyncio.sleep(self._directory.taken_at + LOOK_AGAIN_SECONDS - time.monotonic())
                await self._directory.refresh(self._pool)


def _bearer(authorization: str | None) -> str:
    if authorization is None or authorization[: len(_BEARER)].lower() != _BEARER:
        raise Refusal(HTTPStatus.UNAUTHORIZED, "send an ingest key: Authorization: Bearer agk_...")
    return authorization[len(_BEARER) :].strip()


def _refusal(refused: Refused) -> Refusal:
    if refused.reason is Reason.BAD_KEY:
        return Refusal(HTTPStatus.UNAUTHORIZED, str(refused))
    return Refusal(HTTPStatus.FORBIDDEN, str(refused))


def _fits(wait: float) -> None:
    if math.isinf(wait):
        raise Refusal(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "over_quota: more than the key's quota ever allows"
        )
    if wait:
        raise Refusal(HTTPStatus.TOO_MANY_REQUESTS, "over_quota: the key has used its quota", wait)
