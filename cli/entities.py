"""`python -m cli.entities`: docs/entities.md, the tables as diagrams, drawn from the models.

Mermaid's erDiagram (https://mermaid.js.org/syntax/entityRelationshipDiagram.html). Libraries that draw one
from SQLAlchemy (paracelsus, eralchemy) make a line of each column of a foreign key and take each column of a
key for unique; all our keys lead with org_id, so that both would tell of relations that are not there.
"""

import re
import sys
from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import Column, ForeignKeyConstraint, Index, PrimaryKeyConstraint, Table, UniqueConstraint
from sqlalchemy.dialects import postgresql

from storage.tables import Base

ORG = "org_id"
PEOPLE = "app_user"
MACHINERY = "storage.tables.machinery"
_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
SHORT_TYPES = {
    "timestamp with time zone": "timestamptz",
    "time without time zone": "time",
    "double precision": "float8",
}
HEAD = """\
# Entities

Drawn from the models in `storage/tables` by `make docs`; a test holds the two together.

A line is a foreign key, labelled with its columns; at its ends `o{` is any number, `o|` at most one, `||`
one, `|o` one or none. org_id leads every key, and every foreign key but those to app_user, so that no row can
refer to one of another organisation: labels leave it out. The first diagram leaves out who made what
(created_by and the like), the others the bare org_id. Which constraint and which test hold what:
[specification.md](specification.md).
"""


def rooms() -> dict[str, list[Table]]:
    """Return the tables by the module of their models, those that others refer to first."""
    module = {mapper.local_table: mapper.class_.__module__ for mapper in Base.registry.mappers}
    found: dict[str, list[Table]] = {}
    for table in Base.metadata.sorted_tables:
        found.setdefault(module[table], []).append(table)
    return found


def page() -> str:
    """Return docs/entities.md."""
    grouped = rooms()
    machinery = grouped.pop(MACHINERY)
    entities = [table for tables in grouped.values() for table in tables]
    parts = [HEAD, "## All entities, without their columns\n", diagram(entities, columns=False)]
    for room, tables in [*grouped.items(), (MACHINERY, machinery)]:
        parts += [f"## {_title(room)}\n", diagram(tables, columns=True), *_notes(tables)]
    return "\n".join(parts)


def diagram(tables: Sequence[Table], *, columns: bool) -> str:
    """Return a Mermaid diagram: boxes with their columns, or boxes alone."""
    lines = ["```mermaid", "erDiagram"]
    for table in tables:
        lines += _box(table) if columns else [f"    {table.name}"]
    shown = _is_of_a_column if columns else _is_of_structure
    lines += [relation(key) for table in tables for key in _keys(table) if shown(key)]
    return "\n".join([*lines, "```", ""])


def relation(key: ForeignKeyConstraint) -> str:
    """Return the line of a foreign key."""
    label = ", ".join(column.name for column in key.columns if column.name != ORG) or ORG
    parent = "|o" if any(column.nullable for column in key.columns) else "||"
    child = "o|" if _is_unique(key) else "o{"
    return f'    {key.referred_table.name} {parent}--{child} {key.parent.name} : "{label}"'


def _is_of_a_column(key: ForeignKeyConstraint) -> bool:
    return key.column_keys != [ORG]


def _is_of_structure(key: ForeignKeyConstraint) -> bool:
    return key.referred_table.name != PEOPLE or all(column.primary_key for column in key.columns)


def _box(table: Table) -> list[str]:
    return [f"    {table.name} {{", *(f"        {_column(column)}" for column in table.columns), "    }"]


def _column(column: Column[object]) -> str:
    keys = [name for name, holds in (("PK", column.primary_key), ("FK", column.foreign_keys)) if holds]
    notes = [name for name, holds in (("nullable", column.nullable), ("generated", column.computed)) if holds]
    parts = [_type(column), column.name, ", ".join(keys), f'"{", ".join(notes)}"' if notes else ""]
    return " ".join(part for part in parts if part)


def _type(column: Column[object]) -> str:
    name = re.sub(r"\(.*\)", "", column.type.compile(_DIALECT).lower())
    return SHORT_TYPES.get(name, name)


def _keys(table: Table) -> list[ForeignKeyConstraint]:
    return sorted(table.foreign_key_constraints, key=lambda key: [column.name for column in key.columns])


def _is_unique(key: ForeignKeyConstraint) -> bool:
    """Whether at most one row has these columns: they contain a whole key of their table."""
    held = {column.name for column in key.columns}
    return any(
        held >= {column.name for column in unique.columns}
        for unique in key.parent.constraints
        if isinstance(unique, PrimaryKeyConstraint | UniqueConstraint)
    )


def _notes(tables: Iterable[Table]) -> list[str]:
    """Return what a box cannot say: the keys beside the primary ones."""
    notes = [f"- {table.name}: {unique}" for table in tables for unique in sorted(_uniques(table))]
    return ["Unique beside the primary keys:\n", *notes, ""] if notes else []


def _uniques(table: Table) -> Iterator[str]:
    for constraint in table.constraints:
        if isinstance(constraint, UniqueConstraint):
            yield ", ".join(column.name for column in constraint.columns)
    for index in table.indexes:
        if index.unique:
            parts = [part.name if isinstance(part, Column) else str(part) for part in index.expressions]
            yield ", ".join(parts) + _condition(index)


def _condition(index: Index) -> str:
    where = index.dialect_options["postgresql"]["where"]
    return "" if where is None else f", where {where}"


def _title(room: str) -> str:
    said = sys.modules[room].__doc__ or room
    return said.splitlines()[0].rstrip(".")


if __name__ == "__main__":
    print(page(), end="")
