"""What rests on a broken assumption: the artifacts built on its artifact, near or far (DataModel.md, 10.).

docs/cascade.md says what counts as resting on what, and why the days are what they are.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from detectors.divergence import Recommendation, recommend

REEXECUTION_DAYS = (2, 7)
REDESIGN_DAYS = (14, 21)
_THINGS_A_DAY = 2
"""Each further pair of affected features or modules adds a day."""

_TYPE_LABELS = {
    "PRD": "PRD",
    "GTM": "GTM",
    "WIREFRAME": "Wireframes",
    "API_SPEC": "API spec",
    "DB_SCHEMA": "DB schema",
    "CODE_BACKEND": "Backend",
    "CODE_FRONTEND": "Frontend",
}


@dataclass(frozen=True)
class Node:
    """An artifact in a lineage: `label` is how it is called beside a feature, '' = by its type ("PRD").

    `version_id` is the version whose word counts, where the lineage is one of documents.
    """

    artifact_id: str
    type: str
    label: str = ""
    features: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    version_id: UUID | None = None


@dataclass(frozen=True)
class Lineage:
    """The artifacts of a project by id, and the edges (artifact, what it depends on), in any order."""

    nodes: Mapping[str, Node]
    depends_on: Iterable[tuple[str, str]]


@dataclass(frozen=True)
class Affected:
    """An artifact that is affected, and the ids on the shortest way to it: the broken one first, it last."""

    node: Node
    path: tuple[str, ...]


@dataclass(frozen=True)
class Cascade:
    """What is affected, nearest first, and what to do: days to redo it (2..7) and to redesign it (14..21)."""

    affected_features: list[str]
    affected_code_modules: list[str]
    reexecution_scope_days: int
    full_redesign_days: int
    recommendation: Recommendation
    affected: list[Affected]


def analyse(lineage: Lineage, artifact_id: str, tier_delta: int) -> Cascade:
    """Return what rests on the artifact whose assumption failed, that artifact included.

    Both lists are free of repetitions and in a fixed order: by distance from the artifact, then by name. Days
    grow by one for every two affected features or modules, from 2 to 7 and from 14 to 21; another dependent,
    feature or module lowers neither them nor the recommendation.

    Raises:
        KeyError: the artifact is not in the lineage.
    """
    features: dict[str, None] = {}
    modules: dict[str, None] = {}
    affected: list[Affected] = []
    for layer in _layers(lineage, artifact_id):
        features |= dict.fromkeys(sorted(name for each in layer for name in _feature_labels(each.node)))
        modules |= dict.fromkeys(sorted(name for each in layer for name in each.node.modules))
        affected += layer
    scope = len(features) + len(modules)
    return Cascade(
        affected_features=list(features),
        affected_code_modules=list(modules),
        reexecution_scope_days=_days(REEXECUTION_DAYS, scope),
        full_redesign_days=_days(REDESIGN_DAYS, scope),
        recommendation=recommend(tier_delta, len(modules)),
        affected=affected,
    )


def names(content: Any, field: str) -> tuple[str, ...]:
    """Return the names that a content lists in `field`.

    What is no text in a list says nothing: a draft may hold anything, and is in the lineage all the same.
    """
    listed = content.get(field) if isinstance(content, Mapping) else None
    return tuple(name for name in listed if isinstance(name, str)) if isinstance(listed, list) else ()


def _layers(lineage: Lineage, start: str) -> Iterable[list[Affected]]:
    dependents: dict[str, list[str]] = {}
    for artifact, base in lineage.depends_on:
        dependents.setdefault(base, []).append(artifact)
    layer, seen = [Affected(lineage.nodes[start], (start,))], {start}
    while layer:
        yield layer
        ways: dict[str, tuple[str, ...]] = {}
        for each in layer:
            for other in dependents.get(each.node.artifact_id, ()):
                ways.setdefault(other, (*each.path, other))
        near = sorted((ways.keys() & lineage.nodes.keys()) - seen)
        seen |= ways.keys()
        layer = [Affected(lineage.nodes[other], ways[other]) for other in near]


def _feature_labels(node: Node) -> Iterable[str]:
    label = node.label or _TYPE_LABELS.get(node.type, node.type.replace("_", " ").capitalize())
    for feature in node.features:
        # A bare code ("F12") says little; a name with words in it was chosen by the team.
        yield feature if " " in feature else f"{feature} {label}"


def _days(limits: tuple[int, int], scope: int) -> int:
    least, most = limits
    return min(most, least + scope // _THINGS_A_DAY)
