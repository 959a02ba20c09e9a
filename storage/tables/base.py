from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, DateTime, ForeignKeyConstraint, MetaData, Text, Uuid, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, mapped_column

Instant = Annotated[datetime, mapped_column(DateTime(timezone=True))]
CreatedAt = Annotated[datetime, mapped_column(DateTime(timezone=True), server_default=func.now())]
Id = Annotated[UUID, mapped_column(Uuid(), default=uuid4)]
OrgKey = Annotated[UUID, mapped_column(Uuid(), primary_key=True)]
IdKey = Annotated[UUID, mapped_column(Uuid(), primary_key=True, default=uuid4)]
Version = Annotated[int, mapped_column(server_default=text("1"), default=1)]


class Base(DeclarativeBase):
    """Every table. Values of a closed list are text with a CHECK: enum `=` is not leakproof (design.md)."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012  # SQLAlchemy's own declaration
        str: Text(),
        datetime: DateTime(timezone=True),
        UUID: Uuid(),
        dict[str, Any]: JSONB(),
        list[str]: JSONB(),
    }


def one_of(column: str, values: Iterable[str] | type[StrEnum]) -> CheckConstraint:
    """Return the CHECK that `column` holds one of `values`."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def length(column: str, least: int, most: int) -> CheckConstraint:
    """Return the CHECK that the text in `column` has `least` to `most` characters."""
    return CheckConstraint(f"char_length({column}) BETWEEN {least} AND {most}", name=f"{column}_length")


def within_org(column: str, table: str, *, ondelete: str | None = None) -> ForeignKeyConstraint:
    """Return the foreign key from (org_id, column) to a table of the same organisation.

    A key on the id alone would let one tenant attach rows to another's.
    """
    return ForeignKeyConstraint(["org_id", column], [f"{table}.org_id", f"{table}.id"], ondelete=ondelete)


def within_project(column: str, table: str) -> ForeignKeyConstraint:
    """Return the foreign key from (org_id, project_id, column) to a table of the same project.

    Rights are per project: a row that names one project must not hang on another's.
    """
    return ForeignKeyConstraint(
        ["org_id", "project_id", column], [f"{table}.org_id", f"{table}.project_id", f"{table}.id"]
    )
