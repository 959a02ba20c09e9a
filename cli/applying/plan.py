"""What rests on what, checked before anything is written: every name known, and no circles."""

from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

from cli.applying.file import ArtifactEntry, ProjectEntry
from storage.entities.artifacts import Name

Graph = dict[Name, set[Name]]


def order(place: str, project: ProjectEntry, stored: Mapping[Name, set[Name]]) -> list[ArtifactEntry]:
    """Return the file's artifacts, each behind those it rests on; `stored` is the project's lineage so far.

    Raises:
        CircleError: artifacts rest on each other in a circle.
    """
    graph: Graph = {name: set(names) for name, names in stored.items()}
    names = names_by_key(project, stored)
    entries = {Name(entry.type, entry.key): entry for entry in project.artifacts}
    for name, entry in entries.items():
        if entry.depends_on is not None:
            graph[name] = {names[key] for key in entry.depends_on}
        graph.setdefault(name, set())
    try:
        sequence = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        circle = " -> ".join(name.key for name in error.args[1])
        raise CircleError(f"{place}.artifacts: artifacts rest on each other in a circle: {circle}") from None
    return [entries[name] for name in sequence if name in entries]


class CircleError(Exception):
    """Artifacts rest on each other in a circle."""


def unknown(place: str, project: ProjectEntry, stored: Mapping[Name, set[Name]]) -> Iterator[str]:
    """Yield a line for each name that the file uses wrongly: a type that changed, a key that nobody has."""
    by_key = {name.key: name for name in stored}
    names = names_by_key(project, stored)
    for index, entry in enumerate(project.artifacts):
        here = f"{place}.artifacts[{index}]"
        known = by_key.get(entry.key)
        if known and Name(entry.type, entry.key) not in stored:
            yield f"{here}.type: {entry.key!r} is a {known.type}; a type is fixed once made"
        for position, key in enumerate(entry.depends_on or ()):
            if key not in names:
                yield f"{here}.depends_on[{position}]: no artifact {key!r} in the file or the project"
            elif key == entry.key:
                yield f"{here}.depends_on[{position}]: {key!r} cannot rest on itself"


def names_by_key(project: ProjectEntry, stored: Mapping[Name, set[Name]]) -> dict[str, Name]:
    """Return the names of the project's artifacts, stored or in the file, by the key alone."""
    written = {entry.key: Name(entry.type, entry.key) for entry in project.artifacts}
    return {name.key: name for name in stored} | written
