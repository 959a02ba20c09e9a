"""docs/specification.md has a row for every rule that is built, and what its rows name is there.

The rules are those of DataModel.md (`specification.txt`, one a line: section, kind, text), compared with
the document itself where it stands beside the project.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy import Table

from storage.tables import Base

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "specification.md"
DATA_MODEL = ROOT.parent / "shared" / "spec" / "DataModel.md"
RULES = Path(__file__).with_name("specification.txt")
BUILT = {*map(str, range(1, 16)), "Multi-Tenant Isolation Strategy"}


class Row(NamedTuple):
    """A row of the document's tables."""

    section: str
    rule: str
    held_by: list[str]
    tests: list[str]


class Rule(NamedTuple):
    """A line of the specification that says what must hold."""

    section: str
    kind: str
    text: str


@cache
def rows() -> list[Row]:
    found = []
    section = ""
    for line in DOCUMENT.read_text(encoding="utf-8").splitlines():
        section = line[3:].strip() if line.startswith("## ") else section
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == 3 and not set(cells[0]) <= set("- ") and cells[0] != "rule":
            found.append(Row(section, cells[0], _quoted(cells[1]), _quoted(cells[2])))
    return found


def _quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def parsed(text: str) -> Iterator[Rule]:
    """Yield the rules of DataModel.md: bullets of its lists, policies, claims, the decision logic."""
    for title, body in _split(r"^##+ (.+)$", text):
        section = title.split(".")[0] if title[0].isdigit() else title
        if section not in BUILT:
            continue
        for kind, lines in _split(r"^\*\*(.+?)\*\*", body):
            yield from (Rule(section, kind, text) for text in re.findall(r"^- (.+)$", lines, re.MULTILINE))
            for under, pattern, name in _OTHERS:
                found = re.findall(pattern, lines, re.MULTILINE) if under in kind else []
                yield from (Rule(section, name, " ".join(groups).strip()) for groups in found)


# Under which heading, how it is written, what we call it.
_OTHERS = (
    ("", r"CREATE POLICY (\w+) (ON \w+)", "policy"),
    ("Claims", r'^()  "(\w+)": "', "claim"),
    ("Tier Elevation", r"^(E\d →) (E\d: .+)$", "elevation"),
    ("Decision Logic", r"^(IF .+:|ELIF .+:|ELSE:)\n +recommendation = (\w+)", "recommendation"),
)


def _split(heading: str, text: str) -> Iterator[tuple[str, str]]:
    """Yield each heading of `text` with what stands under it."""
    parts = re.split(heading, text, flags=re.MULTILINE)
    yield from zip(parts[1::2], parts[2::2], strict=True)


def plain(text: str) -> str:
    """Return a rule's words: Markdown's marks and the table's escapes are left out."""
    return re.sub(r"\s+", " ", text.replace("`", "").replace("\\|", "|").replace("**", "")).strip()


def frozen() -> list[Rule]:
    lines = RULES.read_text(encoding="utf-8").splitlines()
    return [Rule(*line.split("\t")) for line in lines]


def test_the_rules_are_those_of_the_specification():
    """Where DataModel.md is not at hand, the list of its rules stands for it."""
    found = list(parsed(DATA_MODEL.read_text(encoding="utf-8"))) if DATA_MODEL.exists() else frozen()
    assert found == frozen()
    assert len(found) > 100


def test_every_rule_has_a_row():
    said: dict[str, list[str]] = {}
    for row in rows():
        said.setdefault(row.section.split(".")[0], []).append(plain(row.rule))
    missing = [
        rule for rule in frozen() if not any(plain(rule.text) in row for row in said.get(rule.section, []))
    ]
    assert missing == []


def test_every_row_names_what_holds_it_and_a_test():
    assert len(rows()) > 100
    assert [row.rule for row in rows() if not row.held_by or not row.tests] == []


@pytest.mark.parametrize("name", sorted({name for row in rows() for name in row.held_by}))
def test_what_holds_a_rule_is_there(name: str):
    if ":" in name:
        path, _, thing = name.partition(":")
        assert _defines(ROOT / path, thing)
    else:
        assert name in _of_the_schema()


@pytest.mark.parametrize("name", sorted({name for row in rows() for name in row.tests}))
def test_a_test_that_is_named_is_there(name: str):
    path, _, test = name.partition("::")
    function, _, parameter = test.partition("[")
    assert function.startswith("test_")
    assert _defines(ROOT / path, function)
    assert any(parameter.rstrip("]") in text for text in _texts(ROOT / path))


@cache
def _of_the_schema() -> set[str]:
    """Return the names of constraints, indexes, tables and columns (`table.column`)."""
    tables: list[Table] = list(Base.metadata.tables.values())
    keys = {str(key.name) for table in tables for key in table.constraints}
    keys |= {str(index.name) for table in tables for index in table.indexes}
    return (
        keys
        | {f"{table.name}.{column.name}" for table in tables for column in table.columns}
        | {*Base.metadata.tables}
    )


def _defines(path: Path, thing: str) -> bool:
    """Tell whether a file defines a function, class or name (`Class.member`); of SQL, whether it makes it."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".sql":
        return (
            re.search(rf"CREATE (OR REPLACE )?(FUNCTION|TRIGGER) (\w+\.)?{re.escape(thing)}\b", text)
            is not None
        )
    if path.suffix != ".py":
        return thing in text
    return thing in _names(ast.parse(text))


def _texts(path: Path) -> Iterator[str]:
    """Yield the text of a test's file, and of the modules beside it from which it takes what it tries."""
    text = path.read_text(encoding="utf-8")
    yield text
    beside = ".".join(path.parent.relative_to(ROOT).parts)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module:
            named = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            files = [path.parent / f"{name.removeprefix(beside + '.')}.py" for name in named]
            yield from (file.read_text(encoding="utf-8") for file in files if file.exists())


def _names(node: ast.AST, prefix: str = "") -> set[str]:
    found = set()
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found |= {prefix + child.name} | _names(child, f"{prefix}{child.name}.")
        elif isinstance(child, ast.Assign | ast.AnnAssign):
            targets = child.targets if isinstance(child, ast.Assign) else [child.target]
            found |= {prefix + target.id for target in targets if isinstance(target, ast.Name)}
    return found
