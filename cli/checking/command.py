"""`augentis check-sample`: what raw messages would become, or why they would be refused."""

import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import asyncpg
import typer

import settings
from cli.checking.judging import Believes, Judged, Refusal, Sent, admitted, folded
from cli.checking.messages import messages
from cli.dlq.reasons import REASONS
from cli.exits import Exit
from cli.publishing.messages import Defaults
from cli.publishing.source import open_source
from metrics.cell import Cell
from metrics.names import UNITS
from settings import Settings
from storage import database, watermarks
from storage.partials import SeriesHour
from streams.directory import KEY_HEADER, SnapshotDirectory
from streams.fold import Directory, Limits
from streams.key_uses import KeyUses


async def check_sample(
    file: Annotated[str, typer.Argument(help="Raw messages, one a line, or one document; - reads stdin.")],
    *,
    org: Annotated[UUID | None, typer.Option(help="org_id of messages that name none.")] = None,
    project: Annotated[UUID | None, typer.Option(help="project_id of messages that name none.")] = None,
    key: Annotated[
        str | None,
        typer.Option(
            envvar="AUGENTIS_INGEST_KEY", help="Ingest key to judge; without one none is asked for."
        ),
    ] = None,
    backfill: Annotated[bool, typer.Option("--backfill", help="As history: however old.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Ask no database whose messages are.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Say what each message would become, or why it would be refused, with the worker's own code.

    Where a database is set, organisations, projects and the key are looked up in it. Nothing is sent, nothing
    written.
    """
    configured = settings.load()
    source = open_source(file, lambda: None)
    try:
        async with _checker(configured, key, backfill=backfill, offline=offline) as checker:
            found = messages(source, Defaults(org, project), configured.max_message_bytes)
            judged = [(number, await checker.judge(message)) for number, message in found]
    finally:
        os.close(source.fd)
    refused = sum(bool(each.refusals) for _, each in judged)
    if json_:
        head = {"messages": len(judged), "refused": refused, "tenants_checked": checker.tenants_checked}
        print(json.dumps(head | {"checked": [_plain(number, each) for number, each in judged]}))
    else:
        for number, each in judged:
            _print(number, each)
        told = "" if checker.tenants_checked else "; whose they are was not checked"
        print(f"{_many(len(judged), 'message')}, {refused} with something refused{told}")
    raise typer.Exit(Exit.NO if refused else Exit.DONE)


class _Checker:
    def __init__(
        self,
        configured: Settings,
        directory: Directory,
        pool: asyncpg.Pool | None,
        key: str | None,
        topic: str,
    ) -> None:
        lateness = None if topic == "backfill_metrics" else configured.lateness.total_seconds()
        retention = configured.retention.total_seconds() if configured.retention else None
        self._limits = Limits(
            configured.max_samples,
            configured.max_message_bytes,
            lateness,
            configured.future_tolerance.total_seconds(),
            retention,
        )
        self._directory, self._pool, self._topic = directory, pool, topic
        self._headers = [(KEY_HEADER, key.encode())] if key else []
        self.tenants_checked = pool is not None

    async def judge(self, message: bytes) -> Judged:
        now = time.time()
        sent = Sent(message, self._topic, self._headers, int(now * 1000))
        arrival = admitted(sent, self._directory, self._limits)
        if isinstance(arrival, Judged):
            return arrival
        project = arrival.tenant.project
        mark = await watermarks.newest(self._pool, project, self._topic) if self._pool else None
        return folded(arrival, {project: mark} if mark else {}, self._limits, now)


@asynccontextmanager
async def _checker(
    configured: Settings, key: str | None, *, backfill: bool, offline: bool
) -> AsyncIterator[_Checker]:
    topic = "backfill_metrics" if backfill else "raw_metrics"
    if offline or configured.database_url_worker is None:
        yield _Checker(configured, Believes(), None, key, topic)
        return
    url = configured.need("database_url_worker")
    # Without a key at hand it is whose the message says it is that can be checked.
    auth = configured.ingest_auth if key else "open"
    directory = SnapshotDirectory(auth, configured.need("secret_key"), KeyUses())
    with database.told_apart(url):
        pool = await database.worker_pool(url, name="augentis-check-sample", size=1)
    try:
        await directory.refresh(pool)
        yield _Checker(configured, directory, pool, key, topic)
    finally:
        await pool.close()


def _plain(number: int, judged: Judged) -> dict[str, Any]:
    tenant = judged.tenant
    return {
        "line": number,
        "org_id": str(tenant.org_id) if tenant else None,
        "project_id": str(tenant.project_id) if tenant else None,
        "batch_id": str(judged.batch_id) if judged.batch_id else None,
        "counted": [_counted(where, cell) for where, cell in sorted(judged.cells.items())],
        "refused": [
            {"reason": str(each.reason), "indices": list(each.indices), "means": _means(each)}
            for each in judged.refusals
        ],
    }


def _counted(where: SeriesHour, cell: Cell) -> dict[str, Any]:
    """Return what a message adds to an hour, and what the hour would say if it were all there is."""
    measure = cell.measure(where.metric)
    return {
        "hour": f"{datetime.fromtimestamp(where.hour, UTC):%Y-%m-%dT%H:%M:%SZ}",
        "metric_name": str(where.metric),
        "cohort": where.cohort,
        "feature": where.feature,
        "samples": cell.samples,
        "users": cell.users.count(),
        "numerator": _number(measure.numerator) if measure else None,
        "denominator": _number(measure.denominator) if measure else None,
        "metric_value": _number(measure.value) if measure else None,
        "unit": UNITS[where.metric],
    }


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _means(refusal: Refusal) -> str:
    means = REASONS[refusal.reason].means
    return f"{means} ({refusal.detail})" if refusal.detail else means


def _print(number: int, judged: Judged) -> None:
    for where, cell in sorted(judged.cells.items()):
        each = _counted(where, cell)
        named = " ".join(each[name] for name in ("metric_name", "cohort", "feature") if each[name])
        of = f" ({each['numerator']:g} of {each['denominator']:g})" if each["denominator"] else ""
        users = f", {_many(each['users'], 'user')}" if each["users"] else ""
        value = "" if each["metric_value"] is None else f": {each['metric_value']:g} {each['unit']}{of}"
        print(f"line {number}: {each['hour']} {named}{value} from {_many(each['samples'], 'sample')}{users}")
    for refusal in judged.refusals:
        which = f"samples {', '.join(map(str, refusal.indices))}" if refusal.indices else "all of it"
        print(f"line {number}: refused, {which}: {refusal.reason}: {_means(refusal)}")
