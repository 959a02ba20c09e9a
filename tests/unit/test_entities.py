"""docs/entities.md is what the models say, and says it rightly where keys have several columns."""

from pathlib import Path

from sqlalchemy import ForeignKeyConstraint, Table

from cli import entities
from storage.tables import Base

DOCUMENT = Path(__file__).parents[2] / "docs" / "entities.md"


def key(table: str, *columns: str) -> ForeignKeyConstraint:
    constraints = Base.metadata.tables[table].foreign_key_constraints
    return next(found for found in constraints if found.column_keys == list(columns))


def test_the_document_is_current():
    """When this fails: `make docs`."""
    assert entities.page() == DOCUMENT.read_text(encoding="utf-8")


def test_every_table_is_drawn_with_every_column():
    drawn = entities.page()
    for table in Base.metadata.tables.values():
        box = drawn.partition(f"    {table.name} {{\n")[2].partition("    }\n")[0]
        assert [line.split()[1] for line in box.splitlines()] == [column.name for column in table.columns]


def test_machinery_stands_apart():
    overview = entities.page().partition("```mermaid")[2].partition("```")[0]
    assert " outbox" not in overview
    assert " organization\n" in overview


def test_a_key_of_two_columns_is_one_relation_of_many():
    assert entities.relation(key("project_access", "org_id", "project_id")) == (
        '    project ||--o{ project_access : "project_id"'
    )


def test_a_column_that_is_the_whole_key_beside_org_id_refers_once():
    assert entities.relation(key("cascade_analysis", "org_id", "divergence_id")) == (
        '    divergence_report ||--o| cascade_analysis : "divergence_id"'
    )


def test_what_may_be_null_may_refer_to_none():
    assert " |o--o{ " in entities.relation(key("project", "last_updated_by"))


def test_types_are_one_word_each():
    """Mermaid takes the second word of a line for the column's name."""
    tables: list[Table] = list(Base.metadata.tables.values())
    types = [entities._type(column) for table in tables for column in table.columns]
    assert {"uuid", "timestamptz", "time", "float8", "numeric"} <= set(types)
    assert not [name for name in types if set(name) & set(" ,()")]
