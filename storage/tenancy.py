"""The one place that opens a session for a person: claims first, or no session."""

import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from storage.errors import NoClaims
from storage.secrets import claims_signature

LIFE_SECONDS = 60
# One statement for all three: each would be a way to the database and back, in every request.
_SET = text(
    "SELECT set_config('request.jwt.claims', :claims, true),"
    " set_config('request.jwt.signature', :signature, true),"
    " set_config('transaction_read_only', :read_only, true)"
)


@dataclass(frozen=True)
class Claims:
    """Who asks, for which organisation, and within which workspace (None: all of it)."""

    user_id: UUID
    org_id: UUID
    workspace_id: UUID | None = None

    def text(self, expires_at: float) -> str:
        """Return the claims as the database reads them; `expires_at` is epoch seconds."""
        claims = {"sub": str(self.user_id), "org_id": str(self.org_id)}
        if self.workspace_id:
            claims["workspace_id"] = str(self.workspace_id)
        return _text(claims, expires_at)


@dataclass(frozen=True)
class Farewell(Claims):
    """A person who asks to be erased: claims of that request alone, so that no other does it (ADR 0022)."""

    def text(self, expires_at: float) -> str:
        """Return the claims as the database reads them; `expires_at` is epoch seconds."""
        return json.dumps({**json.loads(super().text(expires_at)), "erases": str(self.user_id)})


@dataclass(frozen=True)
class KeyClaims:
    """A machine that asks with its key. What the key is good for, the database knows."""

    key_id: UUID
    org_id: UUID

    def text(self, expires_at: float) -> str:
        """Return the claims as the database reads them; `expires_at` is epoch seconds."""
        return _text({"key_id": str(self.key_id), "org_id": str(self.org_id)}, expires_at)


@dataclass(frozen=True)
class Identity:
    """Somebody whom an OpenID provider has identified, e-mail verified; not yet anybody of ours."""

    provider: str
    subject: str
    email: str
    full_name: str

    def text(self, expires_at: float) -> str:
        """Return the claims as the database reads them; `expires_at` is epoch seconds."""
        return _text({"identity": asdict(self)}, expires_at)


@dataclass(frozen=True)
class Operation:
    """An operator's command that works on one organisation, and sees no other (ADR 0022).

    With `user_id` it erases that person, unless they belong somewhere.
    """

    org_id: UUID
    user_id: UUID | None = None

    def text(self, expires_at: float) -> str:
        """Return the claims as the database reads them; `expires_at` is epoch seconds."""
        erases = {"erases": str(self.user_id)} if self.user_id else {}
        return _text({"operates": str(self.org_id), **erases}, expires_at)


@dataclass(frozen=True)
class Erasure:
    """An operator's command that makes one person nobody."""

    user_id: UUID

    def text(self, expires_at: float) -> str:
        """Return the claims as the database reads them; `expires_at` is epoch seconds."""
        return _text({"erases": str(self.user_id)}, expires_at)


AnyClaims = Claims | KeyClaims | Identity | Operation | Erasure


def _text(claims: Mapping[str, object], expires_at: float) -> str:
    return json.dumps({**claims, "db_exp": expires_at})


@dataclass(frozen=True)
class About:
    """What the audit log tells of a change beside who made it: why, from which address, with what program."""

    rationale: str | None = None
    ip: str | None = None
    agent: str | None = None

    def added(self, claims: str) -> str:
        """Return the claims' text with what is known of this, so that one signature is for both."""
        known = {name: value for name, value in asdict(self).items() if value is not None}
        return json.dumps({**json.loads(claims), "client": known}) if known else claims


UNSAID = About()


def explained(secret: str, about: About, now: float) -> tuple[str, str]:
    """Return claims that name nobody and say why, with their signature: for an operator's own login."""
    said = about.added(_text({}, now + LIFE_SECONDS))
    return said, claims_signature(secret, said)


@dataclass(frozen=True)
class TenantSessions:
    """Opens sessions that see one tenant: the engine is the API's role, the claims are signed."""

    engine: AsyncEngine
    secret: str
    clock: Callable[[], float] = time.time

    @asynccontextmanager
    async def open(
        self, claims: AnyClaims | None, *, read_only: bool = False, about: About = UNSAID
    ) -> AsyncIterator[AsyncSession]:
        """Yield a session in one transaction, committed at the end unless an exception leaves the block.

        Raises:
            NoClaims: there is nobody to ask for.
        """
        if claims is None:
            raise NoClaims("a session needs claims")
        signed = about.added(claims.text(self.clock() + LIFE_SECONDS))
        async with AsyncSession(self.engine, expire_on_commit=False) as session, session.begin():
            await session.execute(
                _SET,
                {
                    "claims": signed,
                    "signature": claims_signature(self.secret, signed),
                    "read_only": "on" if read_only else "off",
                },
            )
            yield session
