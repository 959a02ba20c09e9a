import re

import pytest

from storage import machine_keys


def test_a_key_is_made_found_and_matched():
    key_id, text, sha256 = machine_keys.make()
    assert re.fullmatch(r"agk_[0-9a-f]{32}_[A-Za-z0-9_-]{43}", text)
    assert len(sha256) == 32
    assert machine_keys.parse(text) == key_id
    assert machine_keys.matches(text, sha256)


def test_no_two_keys_are_alike():
    made = [machine_keys.make() for _ in range(100)]
    assert len({key_id for key_id, _, _ in made}) == len({text for _, text, _ in made}) == 100


def test_another_secret_or_id_does_not_match():
    _, text, sha256 = machine_keys.make()
    other = machine_keys.make()[1]
    assert not machine_keys.matches(other, sha256)
    assert not machine_keys.matches(other[:36] + text[36:], sha256)
    assert not machine_keys.matches(text[:-1] + ("A" if text[-1] != "A" else "B"), sha256)
    assert not machine_keys.matches("\ud800", sha256)


@pytest.mark.parametrize(
    "change",
    [str.upper, lambda text: text + "\n", lambda text: text[:-1], lambda text: text + "x", lambda _: ""],
)
def test_what_is_no_key_names_none(change):
    _, text, _ = machine_keys.make()
    assert machine_keys.parse(change(text)) is None
