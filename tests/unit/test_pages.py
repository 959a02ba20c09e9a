"""The pages name what is there, and leave out nothing of what they list."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from api import problems
from settings import Settings

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "ARCHITECTURE.md", *(ROOT / "docs").rglob("*.md")])
WORDS = {page: page.read_text() for page in PAGES}
MAP = WORDS[ROOT / "ARCHITECTURE.md"]
API = WORDS[ROOT / "docs" / "api.md"]
OPTIONS = {"AUGENTIS_INGEST_KEY"}
"""Variables of one command's option alone."""


def anchors(page: Path) -> set[str]:
    """Return what headings are reached by, as GitHub and editors make it."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def dead(page: Path) -> Iterator[str]:
    for target in re.findall(r"\]\(([^)\s]+)\)", WORDS[page]):
        path, _, anchor = target.partition("#")
        to = page.parent / path if path else page
        if re.match(r"[a-z]+:", target):
            continue
        if not to.exists() or (anchor and anchor not in anchors(to)):
            yield target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path):
    assert list(dead(page)) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_are_there(page: Path):
    named = {
        name for name in re.findall(r"`([\w-]+/[\w./-]+)`", WORDS[page]) if name.split("/")[0] in rooms()
    }
    assert {name for name in named if not any((ROOT / at).exists() for at in (name, f"{name}.py"))} == set()


def test_settings_are_said_somewhere_and_no_other_is():
    known = {(field.alias or name).upper() for name, field in Settings.model_fields.items()}
    said = set(re.findall(r"\b(?:AUGENTIS|KAFKA|DATABASE)_[A-Z_]*[A-Z]\b", "\n".join(WORDS.values())))
    assert known - said == set()
    assert said - known - OPTIONS == set()


def test_every_route_and_every_error_is_in_the_list_of_the_api():
    paths = json.loads((ROOT / "docs" / "openapi.json").read_text())["paths"]
    lasts = {re.findall(r"[\w.-]+(?=/|$)", re.sub(r"/\{\w+\}", "", path))[-1] for path in paths}
    assert {last for last in lasts if not re.search(rf"\b{re.escape(last)}\b", API)} == set()
    kinds = [kind for kind in vars(problems).values() if isinstance(kind, problems.Kind)]
    assert len(kinds) > 20
    assert {kind.slug for kind in kinds if f"`{kind.slug}`" not in API} == set()


def rooms() -> set[str]:
    """Return the folders here that hold files of ours."""
    kept = (ROOT / ".gitignore").read_text().split()
    here = (path for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith("."))
    return {path.name for path in here if f"{path.name}/" not in kept and _files(path)}


def _files(room: Path) -> bool:
    return any(path.is_file() and "__pycache__" not in path.parts for path in room.rglob("*"))


def test_the_map_has_every_room_and_no_other():
    rows = dict(re.findall(r"^\| ((?:`\w+/`(?:, )?)+) \| (.*) \| [^|]* \|$", MAP, re.MULTILINE))
    named = {name for names in rows for name in re.findall(r"`(\w+)/`", names)}
    assert named == rooms()
    for names, what in rows.items():
        [room, *others] = re.findall(r"`(\w+)/`", names)
        there = {path.stem for path in (ROOT / room).rglob("*")} | {"augentis"}
        assert others or set(re.findall(r"`([a-z_]+)/?`", what)) <= there, room
