"""The application: routes, errors, request ids. `create_app` binds it to a database and an issuer."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from api import failures
from api.middleware import Envelope
from api.openapi import document
from api.rates import Rates
from api.routes import (
    access,
    agents,
    artifacts,
    assumptions,
    audit,
    backtest,
    cascade,
    channels,
    costs,
    deliveries,
    evidence,
    exclusions,
    executions,
    gates,
    handling,
    health,
    holidays,
    incidents,
    invitations,
    keys,
    letters,
    lineage,
    mapping,
    me,
    members,
    notices,
    organization,
    projects,
    reports,
    routes,
    running,
    series,
    sessions,
    silences,
    telemetry,
    wellknown,
    windows,
    workspaces,
)
from api.services import services
from settings import Settings

_ROUTES = (
    *(workspaces, projects, access, artifacts, lineage, cascade, assumptions, backtest, evidence, gates),
    *(mapping, telemetry, series),
    *(agents, executions, running),
    *(reports, handling, incidents, notices, exclusions, holidays),
    *(channels, routes, deliveries),
    *(silences, windows),
    *(costs, me, organization, members, invitations, keys, letters, audit, sessions, health, wellknown),
)


def create_app(settings: Settings) -> FastAPI:
    """Return the API on the database and issuer of the settings; nothing is connected before a request.

    Raises:
        SettingsError: a setting is missing or not fit.
    """
    app = application()
    app.state.services = services(settings)
    app.state.rates = Rates(settings.rate_limit, time.monotonic)
    return app


def application() -> FastAPI:
    """Return the API as it stands, without anything behind it: enough to describe it."""
    app = FastAPI(
        title="Augentis divergence",
        version="1",
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
        # A redirect to a path with or without its last slash would name the host that the caller claims.
        redirect_slashes=False,
        # As they are: what is included is made anew for each application, at its first request.
        routes=[route for module in _ROUTES for route in module.router.routes],
    )
    failures.install(app)
    app.add_middleware(Envelope)
    app.openapi = lambda: document(app)  # type: ignore[method-assign]  # FastAPI's documented way
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    await app.state.services.close()
