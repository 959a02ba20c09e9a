"""Every reason has its words and its way out, in the command and in the documents."""

from pathlib import Path

import pytest

from cli.dlq.reasons import CAUSES, REASONS, in_words
from streams.wire import Reason

PAGE = (Path(__file__).parents[2] / "docs/dead-letters.md").read_text()


def test_each_reason_is_explained_and_no_other():
    assert set(REASONS) == set(Reason)


@pytest.mark.parametrize("reason", [*Reason])
def test_the_page_says_what_to_do_about_it(reason: Reason):
    rows = [line for line in PAGE.splitlines() if line.startswith("| `") and f"`{reason}`" in line]
    (row,) = rows or [line for line in PAGE.splitlines() if "`unknown_..." in line]
    assert row.count("|") == 4


@pytest.mark.parametrize("cause", [*CAUSES, *Reason])
def test_why_a_letter_is_not_replayed_is_said_in_words(cause: str):
    assert len(in_words(cause)) > len(cause)
