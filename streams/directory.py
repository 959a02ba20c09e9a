"""Whose a message is: a snapshot of organisations, projects and keys, taken anew when it falls short."""

import time
from datetime import timedelta
from uuid import UUID

import asyncpg

from settings.model import IngestAuth
from storage import directory, machine_keys
from storage.directory import Everybody
from storage.secrets import user_key
from streams.fold import Headers, Tenant
from streams.key_uses import KeyUses
from streams.wire import Message, Reason, Refused

KEY_HEADER = "augentis-key"
FRESH = timedelta(seconds=30)
"""A revoked key or an archived project is noticed after this long at the latest."""


class SnapshotDirectory:
    """Answers from the last snapshot; `refresh` takes a new one."""

    def __init__(self, auth: IngestAuth, secret: str, uses: KeyUses) -> None:
        self._auth, self._secret, self._uses = auth, secret, uses
        self._all = Everybody()
        self._tenants: dict[tuple[str, str], Tenant] = {}
        self.taken_at = -float("inf")

    async def refresh(self, pool: asyncpg.Pool) -> None:
        """Take a new snapshot; `taken_at` is monotonic time from before the look."""
        at = time.monotonic()
        async with pool.acquire() as connection:
            self._all = await directory.everybody(connection)
        self._tenants = {}
        self.taken_at = at

    def stale(self) -> bool:
        """Say whether the snapshot is older than `FRESH`."""
        return time.monotonic() - self.taken_at > FRESH.total_seconds()

    def tenant(self, message: Message, headers: Headers) -> Tenant:
        """Return whose `message` is.

        Raises:
            Refused: the organisation or project is unknown, or the ingest key does not open it.
        """
        tenant = self._tenants.get((message.org_id, message.project_id))
        if tenant is None:
            tenant = self._find(message)
            self._tenants[message.org_id, message.project_id] = tenant
        if self._auth == "key":
            self._check_key(tenant, headers)
        return tenant

    def _find(self, message: Message) -> Tenant:
        org = _uuid(message.org_id)
        if org is None or org not in self._all.organizations:
            raise Refused(Reason.UNKNOWN_ORG, f"there is no organisation {message.org_id[:40]!r}")
        project = _uuid(message.project_id)
        if project is None or (org, project) not in self._all.projects:
            raise Refused(Reason.UNKNOWN_PROJECT, f"it has no project {message.project_id[:40]!r}")
        return Tenant(org, project, user_key(self._secret, org.bytes))

    def _check_key(self, tenant: Tenant, headers: Headers) -> None:
        text = next((value.decode("ascii", "replace") for name, value in headers if name == KEY_HEADER), "")
        key_id = machine_keys.parse(text)
        row = self._all.keys.get(key_id) if key_id else None
        if key_id is None or row is None or not machine_keys.matches(text, row.secret_sha256):
            raise Refused(Reason.BAD_KEY, "the ingest key is missing, unknown or ended, or may not publish")
        self._uses.saw(key_id)
        if (row.org_id, row.project_id) != tenant.project:
            raise Refused(Reason.TENANT_MISMATCH, "the ingest key is another project's")


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
