import os
import time
import tracemalloc

import pytest

from cli.exits import CommandError
from cli.publishing import source
from cli.publishing.source import Source, lines, open_source


def never():
    raise AssertionError("a file is not quiet")


def of_chunks(*chunks: bytes) -> Source:
    waiting = iter([*chunks, b""])
    return Source(lambda: next(waiting), -1, None, None, "test")


@pytest.mark.parametrize("chunks", [(b"ab\ncd\n\nef",), (b"a", b"b\nc", b"d\n", b"\ne", b"f")])
def test_lines_do_not_depend_on_how_the_bytes_come(chunks):
    assert list(lines(of_chunks(*chunks), 100)) == [b"ab", b"cd", b"", b"ef"]


def test_a_line_without_end_is_cut_just_beyond_the_limit():
    assert list(lines(of_chunks(*[b"x" * 50] * 40, b"\nab"), 100)) == [b"x" * 101, b"ab"]


def test_a_line_without_end_is_never_held_whole():
    tracemalloc.start()
    assert len(list(lines(of_chunks(*[b"x" * 10_000] * 500), 100))) == 1
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 500_000


def test_a_files_digest_is_of_its_content_not_its_name(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"same")
    (tmp_path / "c").write_bytes(b"other")
    one, two, three = (open_source(str(tmp_path / name), never) for name in "abc")
    assert one.digest == two.digest != three.digest
    assert one.size == 4


def test_what_is_appended_while_reading_belongs_to_another_run(tmp_path):
    path = tmp_path / "log"
    path.write_bytes(b"a\nb\n")
    opened = open_source(str(path), never)
    with path.open("ab") as log:
        log.write(b"c\n")
    assert list(lines(opened, 100)) == [b"a", b"b"]


def test_a_pipe_is_a_stream_and_says_when_it_is_quiet(tmp_path, monkeypatch):
    monkeypatch.setattr(source, "QUIET_SECONDS", 0.05)
    path = tmp_path / "pipe"
    os.mkfifo(path)
    write = os.open(path, os.O_RDWR)
    quiet = []

    def on_quiet():
        quiet.append(time.monotonic())
        os.write(write, b"b\n")

    opened = open_source(str(path), on_quiet)
    assert opened.digest is None
    os.write(write, b"a\n")
    found = lines(opened, 100)
    assert [next(found), next(found)] == [b"a", b"b"]
    assert len(quiet) == 1
    os.close(write)


@pytest.mark.parametrize("name", ["missing", "."])
def test_what_cannot_be_read_is_said(tmp_path, name):
    with pytest.raises(CommandError, match="cannot be read"):
        open_source(str(tmp_path / name), never)
