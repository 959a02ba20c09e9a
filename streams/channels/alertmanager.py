"""Prometheus' Alertmanager: POST /api/v2/alerts."""

from base64 import b64encode

from streams.channels.parcel import Parcel
from streams.channels.posting import Request, UnfitError

_PATH = "/api/v2/alerts"


def request(parcel: Parcel) -> Request:
    """Return the request, with the user and password or the token of the channel where it has them.

    Raises:
        UnfitError: the channel has no address.
    """
    base = str(parcel.settings.get("url") or "").rstrip("/")
    if not base:
        raise UnfitError("the channel has no address: give it one")
    headers = {"content-type": "application/json", **_authorization(parcel)}
    return Request(base.removesuffix(_PATH) + _PATH, parcel.body, headers)


def _authorization(parcel: Parcel) -> dict[str, str]:
    secrets = parcel.secrets
    if secrets.get("bearer"):
        return {"authorization": f"Bearer {secrets['bearer']}"}
    if secrets.get("username"):
        pair = f"{secrets['username']}:{secrets.get('password', '')}"
        return {"authorization": f"Basic {b64encode(pair.encode()).decode()}"}
    return {}
