"""What a file changed, for people or for programs."""

import json
import sys
from dataclasses import asdict
from uuid import UUID

from cli.applying.file import ApplyFile
from cli.applying.run import AppliedProject


def report(org_id: UUID, applied: list[AppliedProject], *, as_json: bool) -> None:
    """Print a line an object, or one JSON document."""
    if as_json:
        document = {"org_id": org_id, "projects": [asdict(project) for project in applied]}
        print(json.dumps(document, default=str))
        return
    for project in applied:
        print(f"{project.change} project {project.name}")
        for artifact in project.artifacts:
            print(f"{artifact.change} artifact {artifact.key} version {artifact.version}")
            if artifact.approved:
                print(f"approved artifact {artifact.key} version {artifact.version}")


def warn(file: ApplyFile, applied: list[AppliedProject]) -> None:
    """Say of which projects the file's phase was not taken."""
    for entry, project in zip(file.projects, applied, strict=True):
        if entry.phase not in (None, project.phase):
            print(
                f"project {project.name} is in {project.phase}, where its gates have led it: the file's phase"
                f" {entry.phase} was not taken (docs/gates.md)",
                file=sys.stderr,
            )
