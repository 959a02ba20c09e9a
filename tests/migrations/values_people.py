"""What organisations, people, workspaces and projects take and refuse, for `test_values.py`."""

from tests.migrations.values import PHASES, ROLES, lengths, words

EMAILS = (
    ["email = 'a@b.c'", "email = 'first.last+tag@sub.example.org'"],
    [
        "email = ''",
        "email = 'a'",
        "email = 'a@b'",
        "email = 'a b@c.d'",
        "email = 'a@b@c.d'",
        "email = '@b.c'",
    ],
)


def erased(**wrong: str) -> str:
    """What is set of somebody who is erased, but for what is wrong."""
    right = {"erased_at": "now()", "auth_provider_id": "NULL", "full_name": "'Erased user'"}
    right |= {"email": "'erased-' || id::text || '@invalid.invalid'"}
    return ", ".join(f"{column} = {value}" for column, value in (right | wrong).items())


CHECKS: dict[str, tuple[list[str], list[str]]] = {
    "ck_organization_name_length": lengths("name", 3, 100),
    "ck_organization_slug_format": (
        ["slug = 'a'", "slug = '9'", "slug = 'acme-corp'", "slug = 'a-1-b'"],
        [f"slug = '{slug}'" for slug in ("", "Acme", "-a", "a-", "a--b", "a_b", "a b", "ä", "a\n")],
    ),
    "ck_organization_subscription_tier": words("subscription_tier", "BASIC PRO ENTERPRISE"),
    "ck_organization_alarms_per_year": (
        [f"alarms_per_year = {value}" for value in ("0.001", "1", "365")],
        [f"alarms_per_year = {value}" for value in ("0", "0.0009", "-1", "365.001", "'NaN'")],
    ),
    "ck_app_user_email_format": EMAILS,
    "ck_app_user_full_name_length": lengths("full_name", 2, 100),
    "ck_app_user_erased": (
        [erased(), erased(erased_at="NULL", email="'a@b.c'", full_name="'Ann'", auth_provider_id="'x'")],
        [erased(email="'a@b.c'"), erased(full_name="'Ann'"), erased(auth_provider_id="'x'")],
    ),
    "ck_organization_tombstone_slug_sha256": (
        ["slug_sha256 = decode(repeat('00', 32), 'hex')"],
        [f"slug_sha256 = decode(repeat('00', {length}), 'hex')" for length in (0, 31, 33)],
    ),
    "ck_app_user_auth_provider": words("auth_provider", "supabase google github"),
    "ck_organization_members_role_in_org": words("role_in_org", ROLES),
    "ck_invitation_email_format": EMAILS,
    "ck_invitation_role_in_org": words("role_in_org", ROLES),
    "ck_invitation_accepted": (
        ["accepted_at = now(), accepted_by = invited_by", "accepted_at = NULL, accepted_by = NULL"],
        ["accepted_at = now(), accepted_by = NULL", "accepted_at = NULL, accepted_by = invited_by"],
    ),
    "ck_invitation_one_end": (
        ["revoked_at = now()", "accepted_at = now(), accepted_by = invited_by"],
        ["revoked_at = now(), accepted_at = now(), accepted_by = invited_by"],
    ),
    "ck_workspace_name_length": lengths("name", 3, 50),
    "ck_project_name_length": lengths("name", 3, 100),
    "ck_project_problem_statement_length": lengths("problem_statement", 10, 5000),
    "ck_project_phase": words("phase", PHASES),
    "ck_project_status": words("status", "IN_PROGRESS PASSED CONDITIONAL FAILED"),
    "ck_project_access_role": words("role", "EDITOR COMMENTER VIEWER"),
    "ck_idempotency_key_key_length": lengths("key", 1, 200),
}
