"""A team's webhook as a process of its own: it verifies, records, and at random does not answer as it should.

A line of JSON for each request whose body came whole, written before it is answered.
`python -m tests.chaos.alerts.inbox RECORD --secret whsec_... --trouble 0.2 --seed 1` listens on loopback and
prints its port.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any, NamedTuple, TextIO

from standardwebhooks import Webhook, WebhookVerificationError

TOO_LATE = 4.0
"""Seconds that a silent answer takes: more than chaos gives a delivery (`run.TIMEOUT`)."""
TROUBLE = ("500", "429", "slow", "silent", "reset")


class Received(NamedTuple):
    """A request: `at` is this machine's monotonic clock, `answer` a status or what came instead of one."""

    at: float
    path: str
    id: str
    sha: str
    answer: str
    kind: str
    subject: str
    classification: str | None

    @property
    def accepted(self) -> bool:
        return self.answer in {"204", "slow"}


def received(record: Path) -> list[Received]:
    """Read what a process recorded, but for a line that it is writing."""
    lines = record.read_text().splitlines(keepends=True)
    return [Received(*json.loads(line)) for line in lines if line.endswith("\n")]


class Inbox:
    """Answers requests on connections that are kept."""

    def __init__(self, out: TextIO, secret: str, trouble: float, seed: int) -> None:
        self._out, self._webhook, self._trouble = out, Webhook(secret), trouble
        self._random = Random(seed)

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._request(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        path = head[0].split(" ")[1]
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in head[1:] if line)}
        body = await reader.readexactly(int(headers["content-length"]))
        answer = self._answer(headers, body)
        self._note(path, headers, body, answer)
        return await _ANSWERS.get(answer, _status)(writer, answer)

    def _answer(self, headers: dict[str, str], body: bytes) -> str:
        try:
            self._webhook.verify(body, headers)
        except WebhookVerificationError:
            return "401"
        return self._random.choice(TROUBLE) if self._random.random() < self._trouble else "204"

    def _note(self, path: str, headers: dict[str, str], body: bytes, answer: str) -> None:
        event = json.loads(body)
        data: dict[str, Any] = event.get("data") or {}
        line = Received(
            time.monotonic(),
            path,
            headers.get("webhook-id", ""),
            sha256(body).hexdigest(),
            answer,
            str(event.get("type")),
            str(data.get("id")),
            data.get("classification"),
        )
        self._out.write(json.dumps(line) + "\n")
        self._out.flush()


async def _status(writer: asyncio.StreamWriter, answer: str) -> bool:
    more = "retry-after: 1\r\n" if answer == "429" else ""
    writer.write(f"HTTP/1.1 {answer} As Written\r\n{more}content-length: 0\r\n\r\n".encode())
    await writer.drain()
    return True


async def _slow(writer: asyncio.StreamWriter, _: str) -> bool:
    await asyncio.sleep(TOO_LATE / 10)
    return await _status(writer, "204")


async def _silent(_: asyncio.StreamWriter, __: str) -> bool:
    await asyncio.sleep(TOO_LATE)
    return False


async def _reset(writer: asyncio.StreamWriter, _: str) -> bool:
    writer.transport.abort()
    return False


_ANSWERS: dict[str, Callable[[asyncio.StreamWriter, str], Awaitable[bool]]] = {
    "slow": _slow,
    "silent": _silent,
    "reset": _reset,
}


async def main(record: Path, secret: str, trouble: float, seed: int) -> None:
    with record.open("a") as out:
        server = await asyncio.start_server(
            Inbox(out, secret, trouble, seed).connection, "127.0.0.1", 0, backlog=1000
        )
        sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
        sys.stdout.flush()
        async with server:
            await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("record", type=Path)
    parser.add_argument("--secret", required=True)
    parser.add_argument("--trouble", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    asyncio.run(main(given.record, given.secret, given.trouble, given.seed))
