"""Where an export goes: a directory, or one .tar.gz of it. Both are whole when the manifest is in them."""

import hashlib
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple, Protocol

from cli.exits import CommandError

TAR = ".tar.gz"


class Entry(NamedTuple):
    """A file of an export as the manifest tells of it; `rows` is None for what is no table."""

    file: str
    rows: int | None
    bytes: int
    sha256: str


class Writer:
    """Writes lines of one file, and counts and hashes what it writes."""

    def __init__(self, name: str, out: IO[bytes]) -> None:
        self._name, self._out = name, out
        self._hash, self._bytes, self._rows = hashlib.sha256(), 0, 0

    def lines(self, rows: list[str]) -> None:
        """Write rows, a line each."""
        self._rows += len(rows)
        self.raw("".join(f"{row}\n" for row in rows).encode())

    def raw(self, data: bytes) -> None:
        """Write bytes."""
        self._hash.update(data)
        self._bytes += len(data)
        self._out.write(data)

    def entry(self, *, table: bool = True) -> Entry:
        """Return what was written."""
        return Entry(self._name, self._rows if table else None, self._bytes, self._hash.hexdigest())


class Archive(Protocol):
    """Takes one file after the other."""

    @contextmanager
    def file(self, name: str) -> Iterator[Writer]:
        """Yield what writes the file of this name."""


class Directory:
    """Files in a directory that only its owner reads."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def file(self, name: str) -> Iterator[Writer]:
        """Yield what writes the file of this name."""
        with (self._path / name).open("xb") as out:
            yield Writer(name, out)


class Tar:
    """Files in one .tar.gz; each waits beside it until its length is known."""

    def __init__(self, tar: tarfile.TarFile, beside: Path) -> None:
        self._tar, self._beside = tar, beside

    @contextmanager
    def file(self, name: str) -> Iterator[Writer]:
        """Yield what writes the file of this name."""
        with tempfile.TemporaryFile(dir=self._beside) as out:
            yield Writer(name, out)
            member = tarfile.TarInfo(name)
            member.size, member.mode = out.tell(), 0o600
            out.seek(0)
            self._tar.addfile(member, out)


@contextmanager
def opened(out: Path) -> Iterator[Archive]:
    """Yield the archive that `out` names, which must not be there yet.

    Raises:
        CommandError: it is there, or cannot be made.
    """
    try:
        if out.name.endswith(TAR):
            with _tar(out) as tar:
                yield tar
        else:
            out.mkdir(mode=0o700, parents=True, exist_ok=False)
            yield Directory(out)
    except FileExistsError:
        raise CommandError(f"--out: {out} is there already: name one that is not") from None
    except OSError as error:
        raise CommandError(f"--out: {out} cannot be written: {error}") from error


@contextmanager
def _tar(out: Path) -> Iterator[Archive]:
    """Yield a tar that takes its name when it is whole."""
    if out.exists():
        raise FileExistsError
    part = out.with_name(f".{out.name}.part")
    part.unlink(missing_ok=True)
    try:
        part.touch(mode=0o600)
        with tarfile.open(part, "w:gz", compresslevel=6) as tar:
            yield Tar(tar, out.parent)
        part.rename(out)
    finally:
        part.unlink(missing_ok=True)
