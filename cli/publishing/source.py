"""Bytes in, lines out: a file of any size or a stream without end, in bounded memory."""

import hashlib
import os
import select
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from cli.exits import CommandError

CHUNK = 1 << 18
QUIET_SECONDS = 1.0
"""A stream that says nothing this long is told of, so that what waits for a full batch can be sent."""

Read = Callable[[], bytes]


class Source(NamedTuple):
    """Where lines come from; `digest` and `size` (bytes) are of a file's content, None of a stream."""

    read: Read
    fd: int
    digest: bytes | None
    size: int | None
    name: str


def open_source(path: str, on_quiet: Callable[[], None]) -> Source:
    """Open a file, or standard input for `-`; pipes under a path are streams too.

    Raises:
        CommandError: it cannot be opened or read.
    """
    if path == "-":
        fd = os.dup(sys.stdin.fileno())
        return Source(_reads_of_stream(fd, on_quiet), fd, None, None, "standard input")
    try:
        fd = os.open(path, os.O_RDONLY)
        if stat.S_ISREG(os.fstat(fd).st_mode):
            return _file(fd, path)
        os.read(fd, 0)  # a directory opens, but says here what it is
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}") from error
    return Source(_reads_of_stream(fd, on_quiet), fd, None, None, Path(path).name)


def _file(fd: int, path: str) -> Source:
    """Read it once for its digest, then as far again: what is appended meanwhile belongs to another run."""
    with os.fdopen(os.dup(fd), "rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
        size = file.tell()
    os.lseek(fd, 0, os.SEEK_SET)
    left = size

    def read() -> bytes:
        nonlocal left
        chunk = os.read(fd, min(CHUNK, left))
        left -= len(chunk)
        return chunk

    return Source(read, fd, digest, size, Path(path).name)


def _reads_of_stream(fd: int, on_quiet: Callable[[], None]) -> Read:
    def read() -> bytes:
        if not select.select([fd], [], [], QUIET_SECONDS)[0]:
            on_quiet()
        return os.read(fd, CHUNK)

    return read


def lines(source: Source, limit: int) -> Iterator[bytes]:
    """Yield lines without their newline; of one longer than `limit` bytes the first `limit` + 1.

    Raises:
        CommandError: reading fails on the way.
    """
    rest = b""
    while chunk := _next_chunk(source):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line[: limit + 1] for line in whole)
        rest = rest[: limit + 1]
    if rest:
        yield rest


def _next_chunk(source: Source) -> bytes:
    try:
        return source.read()
    except OSError as error:
        raise CommandError(f"{source.name} cannot be read further: {error.strerror}") from error
