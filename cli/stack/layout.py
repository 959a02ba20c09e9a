"""Where the embedded stack of one `AUGENTIS_HOME` keeps its things, and what it remembers across runs."""

import base64
import contextlib
import json
import os
import secrets
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from settings import embedded_env_file

SYSTEM = Path("/var/lib/augentis")


@dataclass(frozen=True)
class Layout:
    """The paths below `home / "stack"`."""

    home: Path

    @property
    def root(self) -> Path:
        """Everything of the stack, except PostgreSQL's data where root starts it (`cli.stack.account`)."""
        return self.home / "stack"

    @property
    def lock(self) -> Path:
        """Locked by the supervisor as long as it lives: the truth on whether the stack runs."""
        return self.root / "lock"

    @property
    def state(self) -> Path:
        """What the supervisor says of its children (`cli.stack.state`)."""
        return self.root / "state.json"

    @property
    def env(self) -> Path:
        """Addresses and secrets, there while the stack runs; `settings` reads it."""
        return embedded_env_file(self.home)

    @property
    def kafka(self) -> Path:
        """The broker's configuration and its log segments."""
        return self.root / "kafka"

    def log(self, name: str) -> Path:
        """Return the log file of `kafka`, `postgres` or `supervisor`."""
        return self.root / "log" / f"{name}.log"

    def create(self) -> None:
        """Make the folders, ours alone (0700); those that exist are left as they are."""
        if self.home == SYSTEM:
            make_system_folder()
        self.home.mkdir(parents=True, exist_ok=True)
        for folder in (self.root, self.kafka, self.root / "log"):
            folder.mkdir(mode=0o700, exist_ok=True)


def make_system_folder() -> None:
    """Make the folder of root's stacks if it is not there, so that PostgreSQL's account can pass through."""
    if not SYSTEM.exists():
        SYSTEM.mkdir(parents=True)
        SYSTEM.chmod(0o755)


def _password() -> str:
    return secrets.token_urlsafe(24)


@dataclass
class Memory:
    """Ports, passwords and secrets of a stack, kept as long as its data."""

    kafka_port: int = 0
    controller_port: int = 0
    postgres_port: int = 0
    cluster_id: str = field(
        default_factory=lambda: base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
    )
    superuser_password: str = field(default_factory=_password)
    owner_password: str = field(default_factory=_password)
    api_password: str = field(default_factory=_password)
    worker_password: str = field(default_factory=_password)
    secret_key: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    webhook_secret: str = field(
        default_factory=lambda: "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    )

    @property
    def bootstrap_servers(self) -> str:
        """The broker's address."""
        return f"127.0.0.1:{self.kafka_port}"

    def database_url(self, user: str, password: str) -> str:
        """Return the address of the database for a user, in libpq's form."""
        return f"postgresql://{user}:{password}@127.0.0.1:{self.postgres_port}/augentis"

    @property
    def owner_url(self) -> str:
        """The address of the database for its owner."""
        return self.database_url("augentis_owner", self.owner_password)


def remember(layout: Layout) -> Memory:
    """Return what the stack remembers, its ports moved where another process has taken them meanwhile."""
    path = layout.root / "memory.json"
    memory = Memory(**json.loads(path.read_text())) if path.exists() else Memory()
    with _free_ports(memory.kafka_port, memory.controller_port, memory.postgres_port) as ports:
        memory.kafka_port, memory.controller_port, memory.postgres_port = ports
    write_private(path, json.dumps(asdict(memory), indent=1))
    return memory


def write_private(path: Path, text: str) -> None:
    """Replace the file by `text` in one step, readable by its owner alone."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    Path(name).replace(path)


@contextlib.contextmanager
def _free_ports(*wanted: int) -> Iterator[list[int]]:
    # All are held until all are known, so that no two of them are the same.
    with contextlib.ExitStack() as held:
        yield [held.enter_context(_listen(port)).getsockname()[1] for port in wanted]


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of the last run linger
    try:
        listener.bind(("127.0.0.1", port))
    except OSError:
        listener.bind(("127.0.0.1", 0))
    return listener
