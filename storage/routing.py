"""Routes, and what is matched against them, as pure values: for the worker that decides what is told."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from routing.matchers import Matchers, Target
from routing.routes import Route
from storage.ledger import Connection

_CHANNELS = """ARRAY(SELECT t.channel_id FROM alert_route_channel AS t
                     JOIN alert_channel AS c ON c.org_id = t.org_id AND c.id = t.channel_id
                     WHERE t.org_id = r.org_id AND t.route_id = r.id AND t.role = '{role}'
                       AND c.removed_at IS NULL AND c.disabled_at IS NULL
                     ORDER BY t.channel_id) AS {role}"""
_FIELDS = (
    *("id", "name", "position", "is_default", "continues", "group_by", "group_wait", "repeat_every"),
    *("cosmetic", "send_resolved", "storm_at", "escalate_after"),
)
_ROUTES = f"""
    SELECT {", ".join(f"r.{name}" for name in _FIELDS)}, r.matchers::text AS matchers,
           {_CHANNELS.format(role="notify")}, {_CHANNELS.format(role="escalate")}
    FROM alert_route AS r WHERE r.org_id = $1 ORDER BY r.position, r.id"""
_TARGETS = """
    SELECT r.id, r.project_id, r.divergence_type, r.classification, r.metric_name, r.cohort, r.feature,
           ARRAY(SELECT t.tag_name FROM tag AS t
                 WHERE t.org_id = r.org_id AND t.artifact_id = r.artifact_id) AS tags
    FROM divergence_report AS r WHERE r.org_id = $1 AND r.id = ANY ($2)"""


async def routes(connection: Connection, org_id: UUID) -> list[Route]:
    """Return the organisation's routes in their order, with the channels that can be told now."""
    return [
        route(dict(row), Matchers.model_validate_json(row["matchers"]), row["notify"], row["escalate"])
        for row in await connection.fetch(_ROUTES, org_id)
    ]


async def targets(connection: Connection, org_id: UUID, report_ids: Collection[UUID]) -> dict[UUID, Target]:
    """Return what is matched of each report that is there, by its id."""
    rows = await connection.fetch(_TARGETS, org_id, list(report_ids))
    return {row["id"]: target(dict(row), row["tags"]) for row in rows}


def route(
    row: Mapping[str, Any], matchers: Matchers, notify: Collection[UUID], escalate: Collection[UUID]
) -> Route:
    """Return the route that `row` holds (columns of `storage.tables.AlertRoute`)."""
    fields = {name: row[name] for name in _FIELDS}
    return Route(**fields, matchers=matchers, notify=tuple(notify), escalate=tuple(escalate))


def target(row: Mapping[str, Any], tags: Collection[str]) -> Target:
    """Return what is matched of the report in `row` (columns of `storage.tables.DivergenceReport`)."""
    return Target(
        row["project_id"],
        row["divergence_type"],
        row["classification"],
        row["metric_name"],
        row["cohort"],
        row["feature"],
        frozenset(tags),
    )
