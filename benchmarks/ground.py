"""What a benchmark stands on: an embedded stack of its own, migrated, with an organisation and a project."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cli.stack import running_stack
from cli.stack.layout import Layout


@dataclass(frozen=True)
class Ground:
    """`env` is for commands of ours, `superuser` the address of a database that may be filled freely."""

    env: dict[str, str]
    org_id: str
    project_id: str
    superuser: str

    @property
    def home(self) -> Path:
        return Path(self.env["AUGENTIS_HOME"])


@contextmanager
def ground(partitions: int, settings: Mapping[str, str] | None = None) -> Iterator[Ground]:
    with tempfile.TemporaryDirectory() as home, running_stack(Path(home), progress=lambda _: None) as stack:
        env = os.environ | stack | {"AUGENTIS_HOME": home, "AUGENTIS_TOPIC_PARTITIONS": str(partitions)}
        env |= settings or {}
        augentis = [sys.executable, "-m", "cli.main"]
        subprocess.run([*augentis, "migrate"], env=env, check=True, stdout=subprocess.DEVNULL)
        init = ["init", "--org", "bench", "--admin", "b@bench.example", "--project", "Bench", "--json"]
        said = subprocess.run([*augentis, *init], env=env, check=True, capture_output=True, text=True)
        ids = json.loads(said.stdout)
        yield Ground(env, ids["org_id"], ids["project_id"], superuser_url(Path(home)))


def superuser_url(home: Path) -> str:
    memory = json.loads((Layout(home).root / "memory.json").read_text())
    secret, port = memory["superuser_password"], memory["postgres_port"]
    return f"postgresql://postgres:{secret}@127.0.0.1:{port}/augentis"
