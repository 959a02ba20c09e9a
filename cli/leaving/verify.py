"""`augentis org verify`: an export's files against its manifest."""

import hashlib
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from cli.exits import CommandError
from cli.leaving.archive import TAR, Entry
from cli.leaving.export import FORM, MANIFEST

_BLOCK = 1 << 20


def verify(path: Path) -> tuple[dict[str, Any], list[str]]:
    """Return the manifest of the export at `path`, and what of its files is not as that says.

    Raises:
        CommandError: there is no export at `path`, or none that was finished.
    """
    try:
        found, manifest = _read(path)
    except (OSError, tarfile.TarError, EOFError, ValueError) as error:
        raise CommandError(f"{path} is no finished export: {error}") from None
    if manifest.get("form") != FORM:
        raise CommandError(f"{path} is no export of the form {FORM}")
    return manifest, list(_differences(found, manifest))


def _read(path: Path) -> tuple[dict[str, Entry], dict[str, Any]]:
    found: dict[str, Entry] = {}
    manifest: dict[str, Any] | None = None
    for name, file in _files(path):
        if name == MANIFEST:
            manifest = json.load(file)
        else:
            found[name] = _entry(name, file)
    if manifest is None:
        raise ValueError(f"it has no {MANIFEST}")
    return found, manifest


def _files(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    if path.name.endswith(TAR):
        with tarfile.open(path, "r:gz") as tar:
            for member in tar:
                file = tar.extractfile(member)
                if file is not None:
                    yield member.name, file
    else:
        for each in sorted(path.iterdir()):
            with each.open("rb") as file:
                yield each.name, file


def _entry(name: str, file: IO[bytes]) -> Entry:
    digest, size, rows = hashlib.sha256(), 0, 0
    while block := file.read(_BLOCK):
        digest.update(block)
        size += len(block)
        rows += block.count(b"\n")
    return Entry(name, rows if name.endswith(".jsonl") else None, size, digest.hexdigest())


def _differences(found: dict[str, Entry], manifest: dict[str, Any]) -> Iterator[str]:
    told = {each["file"]: Entry(**each) for each in manifest["files"]}
    for name in sorted(told.keys() | found.keys()):
        if name not in found:
            yield f"{name} is missing"
        elif name not in told:
            yield f"{name} is not in the manifest"
        elif found[name] != told[name]:
            was, now = told[name], found[name]
            yield f"{name} differs: {now.rows} rows and SHA-256 {now.sha256}, not {was.rows} and {was.sha256}"
