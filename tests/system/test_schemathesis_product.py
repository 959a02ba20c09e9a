"""What of the API is about a product keeps its word: a file of its own, so that two callers ask at once."""

from pathlib import Path

import pytest

from tests.system.caller import Served, keeps_its_word

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

PRODUCT = "^/v1/(projects|artifacts|assumptions|evidence|executions|gates?|gate-decisions|keys)(/|$)"


def test_an_administrator_gets_what_the_document_promises(served: Served, tmp_path: Path):
    keeps_its_word(served, tmp_path, "--include-path-regex", PRODUCT)
