"""Secrets of alert channels as the database keeps them: sealed, a line each, the newest first.

What is in them: of a webhook `secrets`, one or two in the form `whsec_...`; of Slack and Teams `url`; of
PagerDuty `routing_key`; of Alertmanager `username` and `password`, or `bearer`, or nothing.
"""

import base64
import json
from collections.abc import Mapping
from secrets import token_bytes
from typing import Any

from cryptography.fernet import InvalidToken

from storage.secrets import channel_seal

LINE = b"\n"
"""Stands between two secrets that are live; the database puts it there (`guard_alert_channel`)."""


class SealedError(ValueError):
    """What is sealed does not open: it was sealed under another AUGENTIS_SECRET_KEY, or not by us."""


def generated() -> str:
    """Return a new secret of a webhook."""
    return "whsec_" + base64.b64encode(token_bytes(32)).decode()


def seal(secret: str, secrets: Mapping[str, Any]) -> bytes:
    """Return one line of what the database keeps; `secret` is the installation's."""
    return channel_seal(secret).encrypt(json.dumps(dict(secrets)).encode())


def opened(secret: str, sealed: bytes | None) -> dict[str, Any]:
    """Return the secrets of a channel; of several that are live, `secrets` lists the newest first.

    Raises:
        SealedError: they do not open.
    """
    if sealed is None:
        return {}
    newest, *older = [_line(secret, line) for line in sealed.split(LINE)]
    if older:
        newest["secrets"] = [each for line in (newest, *older) for each in line.get("secrets", ())]
    return newest


def _line(secret: str, line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(channel_seal(secret).decrypt(line))
    except InvalidToken as error:
        raise SealedError("the channel's secrets do not open: give it new ones") from error
    return dict(found)
