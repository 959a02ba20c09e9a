"""Whose a message is: a snapshot of organisations, projects, keys and topics, taken anew when it falls short.

What decides, in this order: the stamp of a record that this installation publishes again; the project that
its topic is bound to; then, as `AUGENTIS_INGEST_AUTH` says, the ingest key (`key`), what the message says
of itself (`open`), or nothing (`topic`).
"""

import time
from datetime import timedelta
from uuid import UUID

import asyncpg

from settings.model import IngestAuth
from storage import directory, machine_keys
from storage.directory import Everybody, KeyRow
from storage.quotas import KeyName, Quota
from storage.secrets import user_key
from storage.watermarks import ProjectKey
from streams import stamps
from streams.fold import Headers, Record, Tenant
from streams.key_uses import KeyUses
from streams.stamps import STAMP_HEADER, StampError
from streams.wire import Reason, Refused

KEY_HEADER = "augentis-key"
FRESH = timedelta(seconds=30)
"""A revoked key, an archived project, another binding is noticed after this long at the latest."""


class SnapshotDirectory:
    """Answers from the last snapshot; `refresh` takes a new one."""

    def __init__(self, auth: IngestAuth, secret: str, uses: KeyUses) -> None:
        self._auth, self._secret, self._uses = auth, secret, uses
        self._stamp_key = stamps.key(secret)
        self._all = Everybody()
        self._tenants: dict[tuple[str | None, str | None], Tenant] = {}
        self._of_project: dict[ProjectKey, Tenant] = {}
        self.taken_at = -float("inf")

    async def refresh(self, pool: asyncpg.Pool) -> None:
        """Take a new snapshot; `taken_at` is monotonic time from before the look."""
        at = time.monotonic()
        async with pool.acquire() as connection:
            self._all = await directory.everybody(connection)
        self._tenants, self._of_project = {}, {}
        self.taken_at = at

    def stale(self) -> bool:
        """Say whether the snapshot is older than `FRESH`."""
        return time.monotonic() - self.taken_at > FRESH.total_seconds()

    def tenant(self, record: Record, org_id: str | None, project_id: str | None) -> Tenant:
        """Return whose `record` is, one object for a project.

        Args:
            record: with its topic and headers.
            org_id: the organisation that its body claims, None if it claims none.
            project_id: the project that its body claims, likewise.

        Raises:
            Refused: the organisation or project is unknown, no key or binding or stamp opens it, or the
                body claims another.
        """
        decided = self._decided(record)
        if decided is not None:
            return self._agreed(decided, org_id, project_id)
        if self._auth == "topic":
            raise Refused(Reason.BAD_KEY, f"topic {record.topic} is bound to no project")
        if self._auth == "open":
            return self._claimed(org_id, project_id)
        # Whom a body names is looked up first: the letter says what is unknown, the key whose it is not.
        claimed = self._claimed(org_id, project_id) if org_id is not None and project_id is not None else None
        key_id, row = self._key(record.headers)
        self._uses.saw(key_id)
        if claimed is None:
            return self._agreed((row.org_id, row.project_id), org_id, project_id)
        if claimed.project != (row.org_id, row.project_id):
            raise Refused(Reason.TENANT_MISMATCH, "the ingest key is another project's")
        return claimed

    @property
    def has_quotas(self) -> bool:
        """Say whether any key has a quota."""
        return bool(self._all.quotas)

    def payer(self, record: Record) -> tuple[KeyName, Quota] | None:
        """Return the key whose quota `record` takes from, None if none has to be asked.

        For records that `tenant` has let in: what came without a key, or has paid before, pays nothing.
        """
        if self._auth != "key" or record.topic in self._all.topics:
            return None
        if any(name == STAMP_HEADER for name, _ in record.headers):
            return None
        key_id = machine_keys.parse(_key_text(record.headers))
        quota = self._all.quotas.get(key_id) if key_id else None
        return ((self._all.keys[key_id].org_id, key_id), quota) if key_id and quota else None

    def _decided(self, record: Record) -> ProjectKey | None:
        """Return the project that a stamp or the topic's binding names."""
        if record.headers:
            try:
                stamp = stamps.verify(self._stamp_key, record.topic, record.value or b"", record.headers)
            except StampError as error:
                raise Refused(Reason.BAD_KEY, str(error)) from None
            if stamp is not None:
                return (stamp.org_id, stamp.project_id)
        return self._all.topics.get(record.topic)

    def _agreed(self, project: ProjectKey, org_id: str | None, project_id: str | None) -> Tenant:
        """Return the tenant of `project`, which was decided, unless the body claims another."""
        tenant = self._of_project.get(project)
        if tenant is None:
            tenant = self._of_project[project] = self._known(*project)
        for claim, own in ((org_id, tenant.org_id), (project_id, tenant.project_id)):
            if claim is not None and _uuid(claim) != own:
                raise Refused(Reason.TENANT_MISMATCH, "the message names another project than its sender's")
        return tenant

    def _claimed(self, org_id: str | None, project_id: str | None) -> Tenant:
        tenant = self._tenants.get((org_id, project_id))
        if tenant is None:
            tenant = self._known(_uuid(org_id or ""), _uuid(project_id or ""))
            self._tenants[org_id, project_id] = self._of_project.setdefault(tenant.project, tenant)
            tenant = self._tenants[org_id, project_id]
        return tenant

    def _known(self, org: UUID | None, project: UUID | None) -> Tenant:
        if org is None or org not in self._all.organizations:
            raise Refused(Reason.UNKNOWN_ORG, "there is no such organisation")
        if project is None or (org, project) not in self._all.projects:
            raise Refused(Reason.UNKNOWN_PROJECT, "the organisation has no such project")
        return Tenant(org, project, user_key(self._secret, org.bytes))

    def _key(self, headers: Headers) -> tuple[UUID, KeyRow]:
        text = _key_text(headers)
        key_id = machine_keys.parse(text)
        row = self._all.keys.get(key_id) if key_id else None
        if key_id is None or row is None or not machine_keys.matches(text, row.secret_sha256):
            raise Refused(Reason.BAD_KEY, "the ingest key is missing, unknown or ended, or may not publish")
        return key_id, row


def _key_text(headers: Headers) -> str:
    return next((value.decode("ascii", "replace") for name, value in headers if name == KEY_HEADER), "")


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
