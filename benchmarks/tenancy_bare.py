"""The least that answers a list page over HTTP: an ASGI function, an asyncpg pool, json.dumps.

No token, no row-level security, no model, no error of its own. `/telemetry/ORG/PROJECT`, `/reports/ORG`.
"""

import json
import os
from typing import Any
from uuid import UUID

import asyncpg
import uvicorn

QUERIES: dict[str, str] = json.loads(os.environ.get("BARE_QUERIES", "{}"))
LIMIT = 50
_pool: list[asyncpg.Pool] = []


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
        return
    _, kind, *ids = scope["path"].split("/")
    async with _pool[0].acquire() as connection:
        rows = await connection.fetch(QUERIES[kind], *map(UUID, ids), LIMIT + 1)
    body = json.dumps({"items": [dict(row) for row in rows[:LIMIT]]}, default=str).encode()
    head = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": body})


async def _lifespan(receive: Any, send: Any) -> None:
    await receive()
    _pool.append(await asyncpg.create_pool(os.environ["BARE_DATABASE"], min_size=1, max_size=5))
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await _pool[0].close()
    await send({"type": "lifespan.shutdown.complete"})


if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ["BARE_PORT"]), log_config=None, access_log=False)
