from types import TracebackType
from typing import Self

from client.agents import Agents
from client.artifacts import Artifacts
from client.audit import Audit
from client.calm import Calm
from client.channels import Channels
from client.costs import Costs
from client.deliveries import Deliveries
from client.evidence import EvidencePieces
from client.exclusions import Exclusions
from client.findings import Findings
from client.gates import Gates
from client.handling import Handling
from client.letters import Letters
from client.notices import Notices
from client.people import People
from client.products import Products
from client.routes import Routes


class Client(
    Findings,
    Handling,
    Artifacts,
    EvidencePieces,
    Products,
    People,
    Letters,
    Notices,
    Deliveries,
    Routes,
    Calm,
    Channels,
    Exclusions,
    Agents,
    Costs,
    Gates,
    Audit,
):
    """Asks the API at `url` with a token or key. Lists are read page by page, as far as they are iterated.

    >>> with Client("http://127.0.0.1:8000", token) as augentis:  # doctest: +SKIP
    ...     for report in augentis.divergence_reports(classification="MAJOR"):
    ...         print(report["summary"])

    What makes something takes an `idempotency_key`: sent again under it, the request is done once. Methods
    raise ApiError when the API refuses, and httpx.HTTPError when it is not reached.
    """

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
