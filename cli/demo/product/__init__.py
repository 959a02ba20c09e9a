"""What the simulated companies assume: the very files that `augentis apply` takes."""

from collections.abc import Iterator
from datetime import datetime
from importlib.resources import files
from typing import Any

import yaml

NAMES = ("meridian", "harbor")


def product_files() -> Iterator[dict[str, Any]]:
    """Yield each company's file as data."""
    for name in NAMES:
        yield yaml.safe_load(files(__name__).joinpath(f"{name}.yaml").read_text())


def effective_from(document: dict[str, Any], start: datetime) -> dict[str, Any]:
    """Return the file with every assumption effective from `start`: the simulated history is to count."""
    return {
        **document,
        "projects": [
            {**project, "artifacts": [_dated(artifact, start) for artifact in project["artifacts"]]}
            for project in document["projects"]
        ],
    }


def _dated(artifact: dict[str, Any], start: datetime) -> dict[str, Any]:
    content = artifact["content"]
    if "assumptions" not in content:
        return artifact
    dated = [{**item, "effective_from": start.isoformat()} for item in content["assumptions"]]
    return {**artifact, "content": {**content, "assumptions": dated}}
