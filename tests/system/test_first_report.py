"""The guide docs/first-report.md, by the letter: its commands run, and end with the report it promises."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "first-report.md"
SECONDS = 150


def script(port: int) -> str:
    blocks = re.findall(r"^```sh\n(.*?)^```$", GUIDE.read_text(), re.DOTALL | re.MULTILINE)
    assert len(blocks) > 5
    return "\n".join(blocks).replace("8000", str(port))


def free_port() -> int:
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        return int(chosen.getsockname()[1])


def environment(home: Path) -> dict[str, str]:
    """A reader's shell: nothing of ours is set, and `augentis` is on the path."""
    ours = ("AUGENTIS_", "DATABASE_", "KAFKA_", "TEST_DATABASE_")
    theirs = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**theirs, "PATH": path, "AUGENTIS_HOME": str(home)}


def shown(said: str) -> dict[str, Any]:
    """Return the report that the last curl shows; what runs in the background may go on in its line."""
    line = next(line for line in said.splitlines() if '"cascade_analysis":' in line)
    found: dict[str, Any] = json.JSONDecoder().raw_decode(line, line.index('{"id"'))[0]
    return found


@pytest.mark.timeout(SECONDS + 60)
def test_the_guide_leads_to_a_report(tmp_path: Path):
    home = tmp_path / "home"
    output = tmp_path / "output"
    with output.open("w") as out:
        reader = subprocess.Popen(
            ["sh", "-eu", "-c", script(free_port())],
            cwd=tmp_path,
            env=environment(home),
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = reader.wait(SECONDS)
        finally:
            # What the guide leaves running in the background is of the reader's session.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(reader.pid, signal.SIGTERM)
            subprocess.run(["augentis", "stack", "down"], env=environment(home), check=True)
    said = output.read_text()
    assert code == 0, said[-3000:]
    report = shown(said)
    assert report["divergence_type"] == "FEATURE_ADOPTION_MISS"
    assert report["assumed_number"] == 60
    assert 40 < report["actual_number"] < 44
    assert report["status"] == "OPEN"
    assert report["cascade_analysis"]["affected_code_modules"] == [
        "address_form",
        "basket_summary",
        "checkout_page",
    ]
