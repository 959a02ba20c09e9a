"""The two simulated companies, made with the commands that anybody would use."""

import io
import json
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml

from cli.demo.product import effective_from, product_files
from cli.exits import CommandError, Exit
from cli.main import run
from cli.publishing.messages import Tenant


@dataclass(frozen=True)
class Company:
    """An organisation after `init` and `apply`; `projects` by name, `artifacts` (project, key) by id."""

    slug: str
    org_id: UUID
    admin: str
    token: str
    projects: Mapping[str, UUID]
    artifacts: Mapping[str, tuple[str, str]]

    def tenant(self, project: str) -> Tenant:
        """Return whose samples those of `project` are."""
        return Tenant(self.org_id, self.projects[project])


def augentis(*arguments: str) -> str:
    """Run `augentis ARGUMENTS` in this process, which saves its start, and return its standard output.

    Raises:
        CommandError: it ended with another code than 0; it has said why on stderr.
    """
    output = io.StringIO()
    with redirect_stdout(output):
        code = run(list(arguments))
    if code == Exit.INTERRUPTED:
        raise KeyboardInterrupt
    if code:
        raise CommandError(f"`augentis {' '.join(arguments)}` ended with code {code}")
    return output.getvalue()


def found_companies(home: Path, start: datetime) -> list[Company]:
    """Make both companies, their assumptions effective from `start`."""
    return [_found(home, effective_from(document, start)) for document in product_files()]


def _found(home: Path, document: dict[str, Any]) -> Company:
    slug = document["org"]
    admin = f"ada@{slug}.example"
    first = document["projects"][0]["name"]
    augentis("init", "--org", slug, "--admin", admin, "--project", first, "--json")
    file = home / f"{slug}.yaml"
    file.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))
    applied = json.loads(augentis("apply", str(file), "--json"))
    return Company(
        slug,
        UUID(applied["org_id"]),
        admin,
        augentis("token", "--user", admin, "--org", slug).strip(),
        {project["name"]: UUID(project["id"]) for project in applied["projects"]},
        {
            artifact["id"]: (project["name"], artifact["key"])
            for project in applied["projects"]
            for artifact in project["artifacts"]
        },
    )
