from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import cast

from client.records import AlarmBudget, Invitation, MachineKey, MadeMachineKey, Me, Member, Organization
from client.requests import Id, Requests


class People(Requests):
    """The organisation, its members, who is invited, and its machines' keys."""

    def me(self) -> Me:
        """Who asks, for which organisation, and as what."""
        return cast("Me", self._get("/me"))

    def change_me(self, full_name: str) -> Me:
        """Change one's own name, whatever it is now."""
        return cast("Me", self._patch("/me", None, {"full_name": full_name}))

    def erase_me(self) -> None:
        """Erase oneself, in all organisations and for ever."""
        self._delete("/me", None)

    def organization(self) -> Organization:
        """The organisation of the token."""
        return cast("Organization", self._get("/organization"))

    def change_organization(self, organization: Organization, **changes: str | float) -> Organization:
        """Change `name`, `timezone` or `alarms_per_year`."""
        return cast("Organization", self._patch("/organization", organization["version"], changes))

    def alarm_budget(self) -> AlarmBudget:
        """How many false alarms a year the organisation takes, who shares them, and what it was told."""
        return cast("AlarmBudget", self._get("/organization/alarm-budget"))

    def members(
        self,
        *,
        role_in_org: str | None = None,
        include_removed: bool = False,
        since: datetime | None = None,
        sort: str | None = None,
    ) -> Iterator[Member]:
        """Who belongs to the organisation, newest first; `since` is about `created_at`."""
        rows = self._list(
            "/members", role_in_org=role_in_org, include_removed=include_removed, since=since, sort=sort
        )
        return cast("Iterator[Member]", rows)

    def member(self, user_id: Id) -> Member:
        """One membership, also one that has ended."""
        return cast("Member", self._get(f"/members/{user_id}"))

    def change_member(self, member: Member, role_in_org: str) -> Member:
        """Give a member another role: ADMIN, MEMBER or VIEWER."""
        path = f"/members/{member['user_id']}"
        return cast("Member", self._patch(path, member["version"], {"role_in_org": role_in_org}))

    def remove_member(self, member: Member) -> None:
        """End a membership; it ends with the next request."""
        self._delete(f"/members/{member['user_id']}", member["version"])

    def invitations(
        self, *, status: str | None = None, since: datetime | None = None, sort: str | None = None
    ) -> Iterator[Invitation]:
        """Who was asked to join, newest first; `status`: PENDING, ACCEPTED, REVOKED or EXPIRED."""
        rows = self._list("/invitations", status=status, since=since, sort=sort)
        return cast("Iterator[Invitation]", rows)

    def invitation(self, invitation_id: Id) -> Invitation:
        """One invitation."""
        return cast("Invitation", self._get(f"/invitations/{invitation_id}"))

    def invite(self, email: str, role_in_org: str, *, idempotency_key: str | None = None) -> Invitation:
        """Ask somebody to join, for 7 days; nobody but the caller tells them."""
        body = {"email": email, "role_in_org": role_in_org}
        return cast("Invitation", self._post("/invitations", body, idempotency_key))

    def revoke_invitation(self, invitation_id: Id) -> None:
        """Take an invitation back."""
        self._delete(f"/invitations/{invitation_id}", None)

    def keys(
        self,
        *,
        project_id: Id | None = None,
        include_revoked: bool = False,
        since: datetime | None = None,
        sort: str | None = None,
    ) -> Iterator[MachineKey]:
        """Machine keys without their text, newest first."""
        rows = self._list(
            "/keys", project_id=project_id, include_revoked=include_revoked, since=since, sort=sort
        )
        return cast("Iterator[MachineKey]", rows)

    def key(self, key_id: Id) -> MachineKey:
        """One machine key."""
        return cast("MachineKey", self._get(f"/keys/{key_id}"))

    def create_key(
        self,
        project_id: Id,
        name: str,
        scopes: Iterable[str],
        *,
        expires_at: datetime | None = None,
        quota: str | None = None,
        idempotency_key: str | None = None,
    ) -> MadeMachineKey:
        """Make a key for `publish`, `read` or both; its text is shown this once.

        `quota` bounds the samples that it may publish, as in `1000000/hour`.
        """
        body = {
            "project_id": project_id,
            "name": name,
            "scopes": list(scopes),
            "expires_at": expires_at,
            "quota": quota,
        }
        return cast("MadeMachineKey", self._post("/keys", body, idempotency_key))

    def rename_key(self, key: MachineKey, name: str) -> MachineKey:
        """Give a key another name."""
        return cast("MachineKey", self._patch(f"/keys/{key['id']}", key["version"], {"name": name}))

    def revoke_key(self, key: MachineKey) -> None:
        """End a key."""
        self._delete(f"/keys/{key['id']}", key["version"])
