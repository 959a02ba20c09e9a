from pathlib import Path

import pytest

from cli.publishing.memory import Memory, memory_path


def test_the_first_messages_without_a_gap_are_remembered(tmp_path: Path):
    path = memory_path(tmp_path, ["digest", None, 500])
    memory = Memory(path, resumed=False)
    for number in (0, 1, 3, 4, 7):
        memory.acknowledged(number)
    memory.note()
    assert memory.messages == 2
    assert Memory(path, resumed=True).messages == 2
    memory.acknowledged(2)
    memory.note()
    assert Memory(path, resumed=True).messages == 5


def test_a_run_that_does_not_resume_begins_at_the_beginning(tmp_path: Path):
    path = memory_path(tmp_path, ["digest"])
    memory = Memory(path, resumed=False)
    memory.acknowledged(0)
    memory.note()
    assert Memory(path, resumed=False).messages == 0


def test_it_is_written_once_a_second(tmp_path: Path):
    now = [0.0]
    path = memory_path(tmp_path, ["digest"])
    memory = Memory(path, resumed=False, clock=lambda: now[0])
    memory.acknowledged(0)
    memory.acknowledged(1)
    assert Memory(path, resumed=True).messages == 1
    now[0] = 1.0
    memory.acknowledged(2)
    assert Memory(path, resumed=True).messages == 3


def test_other_content_or_options_are_another_publication(tmp_path: Path):
    paths = {memory_path(tmp_path, parts) for parts in (["a", 500], ["a", 501], ["b", 500], ["a", None])}
    assert len(paths) == 4


@pytest.mark.parametrize("content", ["", "{", "[]", '{"messages": null}'])
def test_a_note_that_cannot_be_read_is_none(tmp_path: Path, content: str):
    path = tmp_path / "note.json"
    path.write_text(content)
    assert Memory(path, resumed=True).messages == 0


def test_a_folder_that_cannot_be_written_to_costs_no_publication(tmp_path: Path):
    (tmp_path / "publications").write_text("a file, where a folder should be")
    memory = Memory(memory_path(tmp_path, ["digest"]), resumed=False)
    memory.acknowledged(0)
    assert memory.messages == 1
