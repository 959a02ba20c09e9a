"""The two simulated companies, made with the commands that anybody would use."""

import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml

from cli.demo.product import effective_from, product_files
from cli.exits import CommandError
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


async def augentis(environment: Mapping[str, str], *arguments: str) -> str:
    """Run `augentis ARGUMENTS` and return its standard output.

    Raises:
        CommandError: it failed; with its exit code and what it said.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli.main", *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=dict(environment),
    )
    try:
        output, errors = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        said = errors.decode(errors="replace").strip()
        raise CommandError(f"augentis {' '.join(arguments)} ended with code {process.returncode}: {said}")
    return output.decode()


async def found_companies(environment: Mapping[str, str], home: Path, start: datetime) -> list[Company]:
    """Make both companies, their assumptions effective from `start`."""
    documents = [effective_from(document, start) for document in product_files()]
    return list(await asyncio.gather(*(_found(environment, home, document) for document in documents)))


async def _found(environment: Mapping[str, str], home: Path, document: dict[str, Any]) -> Company:
    slug = document["org"]
    admin = f"ada@{slug}.example"
    first = document["projects"][0]["name"]
    await augentis(environment, "init", "--org", slug, "--admin", admin, "--project", first, "--json")
    file = home / f"{slug}.yaml"
    file.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))
    applied = json.loads(await augentis(environment, "apply", str(file), "--json"))
    token = await augentis(environment, "token", "--user", admin, "--org", slug)
    return Company(
        slug,
        UUID(applied["org_id"]),
        admin,
        token.strip(),
        {project["name"]: UUID(project["id"]) for project in applied["projects"]},
        {
            artifact["id"]: (project["name"], artifact["key"])
            for project in applied["projects"]
            for artifact in project["artifacts"]
        },
    )
