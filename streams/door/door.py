"""The HTTP application: `/v1/metrics` (OTLP), `/v1/samples` (the raw message), `/livez`, `/readyz`."""

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from http import HTTPStatus
from uuid import UUID, uuid5

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from settings import Settings
from streams.door import bodies, exports
from streams.door.gate import Gate, Pass
from streams.door.posting import Post
from streams.door.refusals import JSON, PROTOBUF, Form, Refusal
from streams.otlp.judging import rejected
from streams.otlp.mappings import Mappings
from streams.otlp.requests import ORG, PROJECT, Stream
from streams.stamps import BATCH_HEADER
from streams.wire import Reason, Refused, decode

log = logging.getLogger(__name__)

OTLP_TOPIC, RAW_TOPIC = "otlp_metrics", "raw_metrics"
HEALTH = ("/livez", "/readyz")
AT_ONCE = 32
"""Requests whose bodies are held in memory; more wait, and their senders with them."""
WAIT_SECONDS = 5.0
_STATUSES = {
    Reason.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
}
Taking = Callable[[Request, Form, Pass | None], Awaitable[Response]]


class Door:
    """What the routes do."""

    def __init__(self, settings: Settings, gate: Gate, post: Post, mappings: Mappings) -> None:
        self._settings, self._gate, self._post, self._mappings = settings, gate, post, mappings
        self._room = asyncio.Semaphore(AT_ONCE)

    def application(self) -> Starlette:
        """Return the ASGI application. A redirect of a trailing slash would be success to some exporters."""
        routes = [
            Route(path + slash, endpoint, methods=["POST"])
            for path, endpoint in (("/v1/metrics", self.metrics), ("/v1/samples", self.samples))
            for slash in ("", "/")
        ]
        health = [Route(*each) for each in zip(HEALTH, (self.livez, self.readyz), strict=True)]
        app = Starlette(routes=[*routes, *health])
        app.router.redirect_slashes = False
        return app

    async def metrics(self, request: Request) -> Response:
        """Take an OTLP export, in protobuf or JSON."""
        form = {PROTOBUF: Form.PROTOBUF, JSON: Form.JSON}.get(_media_type(request))
        if form is None:
            return _media_types(f"{PROTOBUF} or {JSON}").response(Form.JSON)
        return await self._answered(request, form, self._export)

    async def samples(self, request: Request) -> Response:
        """Take a raw message, version 1."""
        if _media_type(request) != JSON:
            return _media_types(JSON).response(Form.PROBLEM)
        return await self._answered(request, Form.PROBLEM, self._message)

    async def livez(self, request: Request) -> Response:
        """Say that the process answers."""
        del request
        return JSONResponse({"status": "alive"})

    async def readyz(self, request: Request) -> Response:
        """Say whether Kafka and PostgreSQL answer."""
        del request
        kafka, database = await asyncio.gather(self._post.answers(), self._gate.answers())
        away = [name for name, answers in (("Kafka", kafka), ("PostgreSQL", database)) if not answers]
        if away:
            return Refusal.away(f"no answer: {', '.join(away)}").response(Form.PROBLEM)
        return JSONResponse({"status": "ready"})

    async def _answered(self, request: Request, form: Form, taking: Taking) -> Response:
        try:
            passed = await self._gate.enter(request.headers.get("authorization"))
            async with asyncio.timeout(WAIT_SECONDS):
                await self._room.acquire()
            try:
                return await taking(request, form, passed)
            finally:
                self._room.release()
        except Refusal as refusal:
            return refusal.response(form)
        except TimeoutError:
            return Refusal.away("too many requests are under way").response(form)
        except Exception:
            log.exception("a request failed")
            return Refusal.away("it failed here, and was not taken").response(form)

    async def _export(self, request: Request, form: Form, passed: Pass | None) -> Response:
        batch_id = _batch_id(request)
        body = await bodies.read(request)
        streams = exports.read(body, form)
        points = sum(len(stream.points) for stream in streams)
        refused: Counter[Reason] = Counter()
        if passed is not None:
            for claim in _claims(streams):
                self._gate.check_claim(passed, *claim)
            refused = rejected(streams, self._mappings.of(passed.tenant.project))
        if points:
            values = exports.messages(body, form, self._settings.max_message_bytes)
            await self._publish(passed, OTLP_TOPIC, values, points, batch_id)
        return Response(exports.answer(refused, form), media_type=form.value)

    async def _message(self, request: Request, form: Form, passed: Pass | None) -> Response:
        del form
        body = await bodies.read(request)
        try:
            message = decode(body, self._settings.max_samples, self._settings.max_message_bytes)
        except Refused as refused:
            raise Refusal(_STATUSES.get(refused.reason, HTTPStatus.BAD_REQUEST), str(refused)) from None
        if passed is not None:
            self._gate.check_claim(passed, message.org_id, message.project_id)
        await self._publish(passed, RAW_TOPIC, [body], message.sample_count)
        unreadable = {str(reason): indices for reason, indices in (message.unreadable or {}).items()}
        return Response(
            json.dumps({"samples": message.sample_count, "refused": unreadable}),
            HTTPStatus.ACCEPTED,
            media_type=JSON,
        )

    async def _publish(
        self, passed: Pass | None, topic: str, values: list[bytes], samples: int, batch_id: UUID | None = None
    ) -> None:
        ids = [
            batch_id if batch_id is None or not place else uuid5(batch_id, str(place))
            for place in range(len(values))
        ]
        messages = [
            (value, self._gate.headers(passed, topic, value, each))
            for value, each in zip(values, ids, strict=True)
        ]
        await self._gate.paid(passed, samples, lambda: self._post.publish(topic, messages))


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _media_types(taken: str) -> Refusal:
    return Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Content-Type: {taken} is taken")


def _batch_id(request: Request) -> UUID | None:
    """Return the id under which the sender may send again, and be counted once."""
    text = request.headers.get(BATCH_HEADER)
    try:
        return None if text is None else UUID(text)
    except ValueError:
        raise Refusal(HTTPStatus.BAD_REQUEST, f"{BATCH_HEADER}: send a UUID") from None


def _claims(streams: Iterable[Stream]) -> set[tuple[str | None, str | None]]:
    """Return whom the resources name."""
    found = {(stream.resource.get(ORG), stream.resource.get(PROJECT)) for stream in streams}
    return {(_text(org), _text(project)) for org, project in found if org is not None or project is not None}


def _text(value: object) -> str | None:
    return None if value is None else str(value)
