"""Where things are found: addresses below AUGENTIS_PUBLIC_URL, or the API's paths where it is not set."""

from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

NO_HOST = "augentis.invalid"


@dataclass(frozen=True, slots=True)
class Places:
    """`base` is the address that the API is reached at from outside, None where nobody said."""

    base: str | None = None

    @property
    def host(self) -> str:
        """The host that messages are named after; a name that can never be one where none is known."""
        return (urlsplit(self.base or "").hostname) or NO_HOST

    def address(self, path: str) -> str | None:
        """Return the address of a path of the API, None where the base is not known."""
        return None if self.base is None else self.base.rstrip("/") + path


def report(report_id: UUID) -> str:
    """Return the API's path of a report."""
    return f"/v1/divergence-reports/{report_id}"


def acknowledge(report_id: UUID) -> str:
    """Return where a report is acknowledged: its own page, since following a link changes nothing."""
    return f"{report(report_id)}#acknowledge"


def artifact(artifact_id: UUID) -> str:
    """Return the API's path of a version of an artifact."""
    return f"/v1/artifacts/{artifact_id}"


OPEN_REPORTS = "/v1/divergence-reports?status=OPEN"
