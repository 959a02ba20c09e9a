"""How what is due stands, and what each channel was told of it: all that a decision rests on (ADR 0030)."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from routing.matchers import Target
from routing.severity import Severity, severity
from routing.standing import GATHERS, LATELY, NOTICE, Channel, Lately, Pair, Rest, Subject, Thread, Told
from storage import routing
from storage.alerting import TOLD, Due
from storage.ledger import Connection


class Receiver(NamedTuple):
    """A channel, and what may be shown of its settings."""

    channel: Channel
    settings: str


async def receivers(connection: Connection, org_id: UUID) -> dict[UUID, Receiver]:
    """Return the organisation's channels that are not removed."""
    rows = await connection.fetch(
        """SELECT id, kind, disabled_at IS NULL AS live, settings FROM alert_channel
           WHERE org_id = $1 AND removed_at IS NULL ORDER BY id""",
        org_id,
    )
    return {
        row["id"]: Receiver(Channel(row["id"], row["kind"], row["live"]), row["settings"]) for row in rows
    }


async def subjects(
    connection: Connection, org_id: UUID, due: Sequence[Due], loudness: Callable[[str], Severity]
) -> list[Subject]:
    """Return how what is due stands, as far as it is there; `loudness` says how loud a kind of notice is."""
    reports = [each.id for each in due if each.kind == "report"]
    notices = [each.id for each in due if each.kind == NOTICE]
    found = await _reports(connection, org_id, reports) if reports else []
    return found + (await _notices(connection, org_id, notices, loudness) if notices else [])


async def _reports(connection: Connection, org_id: UUID, ids: list[UUID]) -> list[Subject]:
    targets = await routing.targets(connection, org_id, ids)
    rows = await connection.fetch(
        """SELECT r.id, r.project_id, r.classification, r.state, r.shadow OR r.historical AS is_silent,
                  r.incident_id, r.acknowledged_at, r.snoozed_until, c.recommendation,
                  coalesce((SELECT max(e.at) FROM report_event AS e
                            WHERE e.org_id = r.org_id AND e.report_id = r.id
                              AND e.kind IN ('DETECTED', 'REOPENED')), r.created_at) AS since
           FROM divergence_report AS r
           JOIN cascade_analysis AS c ON c.org_id = r.org_id AND c.divergence_id = r.id
           WHERE r.org_id = $1 AND r.id = ANY ($2)""",
        org_id,
        ids,
    )
    return [_report(row, targets[row["id"]]) for row in rows]


def _report(row: Any, target: Target) -> Subject:
    return Subject(
        *("report", row["id"], row["project_id"], target),
        severity(row["classification"], row["recommendation"]),
        row["classification"],
        row["state"] in ("OPEN", "ACKNOWLEDGED"),
        row["since"],
        row["incident_id"],
        row["is_silent"],
        row["acknowledged_at"] is not None,
        row["snoozed_until"],
    )


async def _notices(
    connection: Connection, org_id: UUID, ids: list[UUID], loudness: Callable[[str], Severity]
) -> list[Subject]:
    rows = await connection.fetch(
        """SELECT id, project_id, kind, nullif(cohort, '') AS cohort, opened_at, ended_at FROM alert_notice
           WHERE org_id = $1 AND id = ANY ($2)""",
        org_id,
        ids,
    )
    return [
        Subject(
            *("notice", row["id"], row["project_id"]),
            Target(row["project_id"], cohort=row["cohort"], notice=row["kind"]),
            loudness(row["kind"]),
            None,
            is_open=row["ended_at"] is None,
            since=row["opened_at"],
        )
        for row in rows
    ]


async def told(connection: Connection, org_id: UUID, about: Sequence[Subject]) -> dict[Pair, Told]:
    """Return what each channel was told of these."""
    rows = await connection.fetch(
        f"SELECT {', '.join(TOLD)} FROM alert_told WHERE org_id = $1 AND subject_id = ANY ($2)",
        org_id,
        [subject.id for subject in about],
    )
    found = [_known(row) for row in rows]
    return {(each.channel_id, each.subject_id): each for each in found}


def _known(row: Any) -> Told:
    values = dict(row)
    thread = Thread(values.pop("thread_id"), values.pop("thread_kind"))
    return Told(thread=thread, **values)


async def threads(connection: Connection, org_id: UUID, known: Collection[Told]) -> dict[Pair, Rest]:
    """Return what was told of others in the threads of these."""
    pairs = sorted({(each.channel_id, each.thread.id) for each in known})
    rows = await connection.fetch(
        """SELECT k.channel_id, k.thread_id, t.*, EXISTS (
                      SELECT FROM alert_delivery AS d
                      WHERE d.org_id = $1 AND d.channel_id = k.channel_id AND d.thread_id = k.thread_id
                        AND d.status = 'PENDING') AS waits
           FROM unnest($2::uuid[], $3::uuid[]) AS k (channel_id, thread_id), LATERAL (
               SELECT count(*) FILTER (WHERE o.state = 'TOLD') AS told,
                      count(*) FILTER (WHERE o.state = 'TOLD' AND NOT o.acknowledged_told) AS unacknowledged,
                      max(greatest(o.told_at, o.reminded_at)) AS last,
                      max(greatest(o.told_at, o.reminded_at, o.refreshed_at)) AS refreshed
               FROM alert_told AS o
               WHERE o.org_id = $1 AND o.channel_id = k.channel_id AND o.thread_id = k.thread_id
                 AND o.state <> 'DIGEST' AND o.subject_id <> ALL ($4)) AS t""",
        org_id,
        [channel for channel, _ in pairs],
        [thread for _, thread in pairs],
        list({each.subject_id for each in known}),
    )
    return {(row[0], row[1]): Rest(*row[2:]) for row in rows}


async def joined(connection: Connection, org_id: UUID, about: Sequence[Subject]) -> dict[Pair, Thread]:
    """Return in which thread a channel was told of each incident of these first."""
    rows = await connection.fetch(
        """SELECT DISTINCT ON (t.channel_id, r.incident_id) t.channel_id, r.incident_id, t.thread_id
           FROM divergence_report AS r
           JOIN alert_told AS t ON t.org_id = r.org_id AND t.subject_id = r.id
           WHERE r.org_id = $1 AND r.incident_id = ANY ($2) AND t.thread_kind = 'incident'
             AND t.state IN ('TOLD', 'ENDED')
           ORDER BY t.channel_id, r.incident_id, t.first_told_at, t.thread_id""",
        org_id,
        list({subject.incident_id for subject in about if subject.incident_id}),
    )
    return {(row[0], row[1]): Thread(row[2], "incident") for row in rows}


async def lately(connection: Connection, org_id: UUID, at: datetime) -> dict[UUID, Lately]:
    """Return what each channel was told in the last minute, and when its last storm was."""
    rows = await connection.fetch(
        """SELECT channel_id,
                  count(DISTINCT thread_id) FILTER (WHERE thread_kind <> 'storm' AND first_told_at > $3),
                  max(first_told_at) FILTER (WHERE thread_kind = 'storm')
           FROM alert_told
           WHERE org_id = $1 AND first_told_at > $2 AND state <> 'DIGEST' AND subject_kind = 'report'
           GROUP BY channel_id""",
        org_id,
        at - GATHERS,
        at - LATELY,
    )
    return {row[0]: Lately(row[1], row[2]) for row in rows}


async def members(connection: Connection, org_id: UUID, thread: Pair) -> dict[UUID, bool]:
    """Return the reports of a thread at a channel, and which of them last as far as it knows."""
    rows = await connection.fetch(
        """SELECT subject_id, state = 'TOLD' FROM alert_told
           WHERE org_id = $1 AND channel_id = $2 AND thread_id = $3 AND subject_kind = 'report'
             AND state <> 'DIGEST'""",
        org_id,
        *thread,
    )
    return {row[0]: row[1] for row in rows}
