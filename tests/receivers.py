"""An HTTP receiver on loopback that writes down what it gets, checks signatures, and misbehaves as told.

All that it knows is in one SQLite file, so that any process may ask for it and tell it what to do:

    with Receiver(folder) as receiver:
        receiver.trust("/team", secret)              # 401 without a valid signature of one of these
        receiver.script("/team", "500", "429:2")     # its next answers there, then 204 again
        receiver.always("/dead", "500")
        ... receiver.url("/team") ...
        receiver.accepted("/team")                   # also: Box(folder).accepted("/team"), elsewhere

Steps: a status (`500`), a status with Retry-After (`429:2`, `503:Tue, 24 Nov 2026 10:00:00 GMT`), `301` that
leads to /elsewhere, `slow:SECONDS` before 204, `reset` (the connection, no answer), `endless` (200, and a
body without end), `drip` (the same, slowly).
`python -m tests.receivers FOLDER` serves in a process of its own until it is ended.
"""

import contextlib
import json
import socket
import sqlite3
import ssl
import struct
import sys
import threading
import time
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from standardwebhooks import Webhook, WebhookVerificationError

LARGEST = 1 << 23
_SCHEMA = """
CREATE TABLE IF NOT EXISTS received (number INTEGER PRIMARY KEY, at REAL, method TEXT, path TEXT,
    headers TEXT, body BLOB, verified INTEGER, answered TEXT);
CREATE TABLE IF NOT EXISTS trusted (path TEXT, secret TEXT);
CREATE TABLE IF NOT EXISTS step (number INTEGER PRIMARY KEY, path TEXT, what TEXT, stays INTEGER);
CREATE TABLE IF NOT EXISTS place (port INTEGER, tls INTEGER);
CREATE INDEX IF NOT EXISTS received_path ON received (path);
"""


class Received(NamedTuple):
    """One request; `verified` is None where its path trusts nobody's signature."""

    at: float
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    verified: bool | None
    answered: str

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Box:
    """What a receiver has been sent, and what it is to do: from any process."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(folder / "received.db", timeout=30, check_same_thread=False)
        self._db.isolation_level = None
        self._lock = threading.Lock()
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.executescript(_SCHEMA)

    def ask(self, sql: str, *values: Any) -> list[Any]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        [(port, tls)] = self.ask("SELECT port, tls FROM place")
        return f"{'https' if tls else 'http'}://{host}:{port}{path}"

    def trust(self, path: str, *secrets: str) -> None:
        """Take there what one of these secrets has signed, and nothing else; none: whatever comes."""
        self.ask("DELETE FROM trusted WHERE path = ?", path)
        for secret in secrets:
            self.ask("INSERT INTO trusted VALUES (?, ?)", path, secret)

    def script(self, path: str, *steps: str) -> None:
        """Answer the next requests there like this, one after the other."""
        for step in steps:
            self.ask("INSERT INTO step (path, what, stays) VALUES (?, ?, 0)", path, step)

    def always(self, path: str, step: str | None) -> None:
        """Answer all requests there like this, where no script is left; None: as usual."""
        self.ask("DELETE FROM step WHERE path = ? AND stays", path)
        if step is not None:
            self.ask("INSERT INTO step (path, what, stays) VALUES (?, ?, 1)", path, step)

    def received(self, path: str | None = None) -> list[Received]:
        """Return all that came, oldest first, whatever was answered."""
        rows = self.ask(
            "SELECT at, method, path, headers, body, verified, answered FROM received "
            "WHERE path = coalesce(?, path) ORDER BY number",
            path,
        )
        return [
            Received(at, method, to, json.loads(headers), body, None if ok is None else bool(ok), answered)
            for at, method, to, headers, body, ok, answered in rows
        ]

    def accepted(self, path: str | None = None) -> list[Received]:
        """Return what came and was answered with 2xx."""
        return [each for each in self.received(path) if each.answered.startswith("2")]

    def close(self) -> None:
        self._db.close()

    def next_step(self, path: str) -> str:
        with self._lock:
            sql = "SELECT number, what, stays FROM step WHERE path = ? ORDER BY stays, number LIMIT 1"
            row = self._db.execute(sql, (path,)).fetchone()
            if row is None:
                return "204"
            if not row[2]:
                self._db.execute("DELETE FROM step WHERE number = ?", (row[0],))
            return str(row[1])

    def is_signed(self, path: str, headers: dict[str, str], body: bytes) -> bool | None:
        """Say whether a secret that is trusted there has signed it, None where none is."""
        secrets = [secret for (secret,) in self.ask("SELECT secret FROM trusted WHERE path = ?", path)]
        return any(_verifies(secret, headers, body) for secret in secrets) if secrets else None

    def note(self, *values: Any) -> None:
        self.ask(
            "INSERT INTO received (at, method, path, headers, body, verified, answered) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            *values,
        )


class Receiver(Box):
    """Serves on loopback while it is entered, over TLS with the key and certificate in `pem`."""

    def __init__(self, folder: Path, pem: Path | None = None, port: int = 0) -> None:
        super().__init__(folder)
        self._server = _Server(self, port)
        if pem is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(pem)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.ask("DELETE FROM place")
        self.ask("INSERT INTO place VALUES (?, ?)", self._server.server_address[1], int(pem is not None))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def serve_forever(self) -> None:
        self._server.serve_forever(0.5)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self.close()


class _Server(ThreadingHTTPServer):
    request_queue_size = 200
    daemon_threads = True
    block_on_close = False

    def __init__(self, box: Box, port: int) -> None:
        self.box, self.ended = box, threading.Event()
        super().__init__(("127.0.0.1", port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: whoever ends a connection is among what is tried."""


def _verifies(secret: str, headers: dict[str, str], body: bytes) -> bool:
    try:
        Webhook(secret).verify(body, headers)
    except WebhookVerificationError:
        return False
    return True


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    server: _Server

    def do_POST(self) -> None:
        box = self.server.box
        body = self.rfile.read(min(int(self.headers.get("content-length") or 0), LARGEST))
        headers = {name.lower(): value for name, value in self.headers.items()}
        signed = box.is_signed(self.path, headers, body)
        step = "401" if signed is False else box.next_step(self.path)
        taken = {"endless": "200", "drip": "200", "slow": "204"}.get(step.partition(":")[0], step)
        box.note(time.time(), self.command, self.path, json.dumps(headers), body, signed, taken)
        with contextlib.suppress(OSError):
            self._answer(*step.partition(":")[::2])

    def _answer(self, what: str, more: str) -> None:
        if what == "reset":
            self._reset()
        elif what in ("endless", "drip"):
            self._flood(0.001 if what == "endless" else 0.1)
        elif what == "slow":
            self.server.ended.wait(float(more))
            self._status(204)
        elif what.startswith("3"):
            self._status(int(what), location=self.server.box.url("/elsewhere"))
        else:
            self._status(int(what), **({"retry-after": more} if more else {}))

    def _status(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", "0")
        self.end_headers()

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def _flood(self, pause: float) -> None:
        self.send_response(200)
        self.end_headers()
        self.close_connection = True
        while not self.server.ended.wait(pause):
            self.wfile.write(b"x" * (1024 if pause < 0.01 else 1))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's name
        """Say nothing: what came is in the file."""


def main(arguments: Sequence[str]) -> None:
    """Serve in this process; the address is in the folder's file before anything is printed."""
    receiver = Receiver(Path(arguments[0]))
    sys.stdout.write(f"{receiver.url()}\n")
    sys.stdout.flush()
    receiver.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
