"""What rests on a broken assumption: the artifacts built on its artifact, near or far (DataModel.md, 10.)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

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
    """An artifact in a lineage: `label` is how it is called beside a feature, '' = by its type ("PRD")."""

    artifact_id: str
    type: str
    label: str = ""
    features: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()


@dataclass(frozen=True)
class Lineage:
    """The artifacts of a project by id, and the edges (artifact, what it depends on), in any order."""

    nodes: Mapping[str, Node]
    depends_on: Iterable[tuple[str, str]]


@dataclass(frozen=True)
class Cascade:
    """What is affected, nearest first, and what to do: days to redo it (2..7) and to redesign it (14..21)."""

    affected_features: list[str]
    affected_code_modules: list[str]
    reexecution_scope_days: int
    full_redesign_days: int
    recommendation: Recommendation


def analyse(lineage: Lineage, artifact_id: str, tier_delta: int) -> Cascade:
    """Return what rests on the artifact whose assumption failed, that artifact included.

    Both lists are free of repetitions and in a fixed order: by distance from the artifact, then by name. Days
    grow by one for every two affected features or modules, from 2 to 7 and from 14 to 21.

    Raises:
        KeyError: the artifact is not in the lineage.
    """
    features: dict[str, None] = {}
    modules: dict[str, None] = {}
    for layer in _layers(lineage, artifact_id):
        features |= dict.fromkeys(sorted(name for node in layer for name in _feature_labels(node)))
        modules |= dict.fromkeys(sorted(name for node in layer for name in node.modules))
    scope = len(features) + len(modules)
    return Cascade(
        affected_features=list(features),
        affected_code_modules=list(modules),
        reexecution_scope_days=_days(REEXECUTION_DAYS, scope),
        full_redesign_days=_days(REDESIGN_DAYS, scope),
        recommendation=recommend(tier_delta, len(modules)),
    )


def _layers(lineage: Lineage, start: str) -> Iterable[list[Node]]:
    dependents: dict[str, list[str]] = {}
    for artifact, base in lineage.depends_on:
        dependents.setdefault(base, []).append(artifact)
    layer, seen = [lineage.nodes[start]], {start}
    while layer:
        yield layer
        near = {other for node in layer for other in dependents.get(node.artifact_id, ())} - seen
        seen |= near
        layer = [lineage.nodes[other] for other in near if other in lineage.nodes]


def _feature_labels(node: Node) -> Iterable[str]:
    label = node.label or _TYPE_LABELS.get(node.type, node.type.replace("_", " ").capitalize())
    for feature in node.features:
        # A bare code ("F12") says little; a name with words in it was chosen by the team.
        yield feature if " " in feature else f"{feature} {label}"


def _days(limits: tuple[int, int], scope: int) -> int:
    least, most = limits
    return min(most, least + scope // _THINGS_A_DAY)
