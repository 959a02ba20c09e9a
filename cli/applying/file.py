"""The file's form: which fields there are, and what may stand in them."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints, ValidationError

from cli.applying.document import read_yaml
from cli.applying.mistakes import FileMistakesError, path_of
from detectors.assumptions import ContentError, Name, read_content
from detectors.calendars import Calendar
from detectors.tiers import EvidenceTier
from storage.tables.product import ARTIFACT_TYPES, PHASES


def _one_of(*values: str) -> BeforeValidator:
    def check(value: Any) -> Any:
        if value not in values:
            raise ValueError(f"{value!r} is none of {', '.join(values)}")
        return value

    return BeforeValidator(check)


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ArtifactEntry(_Entry):
    """An artifact; what is None stays as it is, or gets its default when the artifact is new."""

    key: Name
    type: Annotated[str, _one_of(*ARTIFACT_TYPES)]
    evidence_tier: Annotated[str, _one_of(*EvidenceTier)] | None = None
    approve: bool = False
    depends_on: list[Name] | None = None
    content: dict[str, Any] | None = None


class ProjectEntry(_Entry):
    """A project; what is None stays as it is, or gets its default when the project is new."""

    name: Annotated[str, StringConstraints(min_length=3, max_length=100)]
    description: str | None = None
    problem_statement: Annotated[str, StringConstraints(min_length=10, max_length=5000)] | None = None
    phase: Annotated[str, _one_of(*PHASES)] | None = None
    holidays: Calendar | None = None
    artifacts: list[ArtifactEntry] = []


class ApplyFile(_Entry):
    """The whole file."""

    org: str
    projects: list[ProjectEntry]


def read_file(path: Path) -> ApplyFile:
    """Return the file's content, checked as far as it can be without a database.

    Raises:
        FileMistakesError: a line for each mistake, with its place.
    """
    try:
        file = ApplyFile.model_validate(read_yaml(path))
    except ValidationError as error:
        raise FileMistakesError(_readable(fault) for fault in error.errors()) from None
    mistakes = [*_repeated("projects", [project.name for project in file.projects], "name")]
    for index, project in enumerate(file.projects):
        mistakes.extend(_project_mistakes(f"projects[{index}]", project))
    if mistakes:
        raise FileMistakesError(mistakes)
    return file


def _project_mistakes(place: str, project: ProjectEntry) -> Iterator[str]:
    yield from _repeated(f"{place}.artifacts", [artifact.key for artifact in project.artifacts], "key")
    for index, artifact in enumerate(project.artifacts):
        try:
            read_content(artifact.content or {})
        except ContentError as error:
            for line in str(error).splitlines():
                inner = line if line.startswith("content: ") else f"content.{line}"
                yield f"{place}.artifacts[{index}].{inner}"


def _repeated(place: str, names: list[str], field: str) -> Iterator[str]:
    for name, times in Counter(names).items():
        if times > 1:
            yield f"{place}[{names.index(name, names.index(name) + 1)}].{field}: {name!r} is given twice"


def _readable(fault: Any) -> str:
    message = str(fault["msg"]).removeprefix("Value error, ")
    if fault["type"] == "extra_forbidden":
        message = "unknown field (docs/apply.md has every field)"
    elif fault["type"] == "missing":
        message = "is required"
    place = path_of(fault["loc"])
    return f"{place}: {message}" if place else message
