"""The issuer of development tokens: a key pair in AUGENTIS_HOME, used while no real issuer is configured."""

import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from joserfc.jwk import ECKey

from api.auth import minting
from settings import Settings
from storage.tenancy import Claims

ISSUER = "urn:augentis:development"


def development_key(home: Path) -> ECKey:
    """Return the key pair of this machine, made at first use; whoever asks at once gets the same one.

    Raises:
        OSError: the folder cannot be written, or the file not read.
    """
    path = home / "dev-issuer" / "key.json"
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_once(path, _new_key())
    return ECKey.import_key(json.loads(path.read_text()))


def mint(
    settings: Settings,
    *,
    user_id: UUID,
    org_id: UUID,
    workspace_id: UUID | None,
    described: Mapping[str, str],
    issued_at: int,
    life_seconds: int,
) -> str:
    """Return a signed token; `described` are the claims for people (email, role), never trusted."""
    return minting.mint(
        development_key(settings.home),
        Claims(user_id, org_id, workspace_id),
        issuer=ISSUER,
        audience=settings.jwt_audience,
        described=described,
        issued_at=issued_at,
        life_seconds=life_seconds,
    )


def _new_key() -> str:
    key = ECKey.generate_key("P-256", private=True, auto_kid=True)
    return json.dumps(key.as_dict(private=True))


def _write_once(path: Path, text: str) -> None:
    """Make the file whole, or leave the one that another process made first."""
    handle, temporary = tempfile.mkstemp(dir=path.parent)  # mkstemp makes it 0600
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
        with suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        Path(temporary).unlink()
