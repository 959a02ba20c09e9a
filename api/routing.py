"""What every route under /v1 has without its author's doing: strict JSON, 304, its errors described."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from fastapi import APIRouter, Depends, Request, Response, params
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from api import etags, problems, rates
from api.accept import json_is_accepted
from api.answers import Answers, answers, merged, usual
from api.bodies import MAX_BYTES, JsonRequest, json_is_sent
from api.idempotency import Replayed, idempotent, kept
from api.problems import ProblemError

_SENDING = {"POST", "PUT", "PATCH"}

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class OpenRoute(APIRoute):
    """A route that may be asked without a token."""

    asks_for_a_token = False

    def __init__(
        self,
        path: str,
        endpoint: Callable[..., Any],
        *,
        methods: set[str] | list[str] | None = None,
        dependencies: Sequence[params.Depends] | None = None,
        responses: Answers | None = None,
        **more: Any,
    ) -> None:
        methods = set(methods or ["GET"])
        rules = [Depends(rule) for rule in self.rules(methods)]
        super().__init__(
            path,
            endpoint,
            methods=methods,
            dependencies=[*rules, *(dependencies or [])],
            responses=responses,
            **{**more, "max_body_size": MAX_BYTES},
        )
        kinds = usual(
            takes_body=self.body_field is not None,
            token=self.asks_for_a_token,
            asks=set(_calls(self.dependant)),
        )
        self.responses = merged(answers(*kinds), self.responses)

    def rules(self, methods: set[str]) -> list[Callable[..., Any]]:
        """Return the dependencies that come before the route's own."""
        sending = [json_is_sent] if methods & _SENDING else []
        return [rates.count_sign_in, json_is_accepted, self._knows_parameters, *sending]

    async def _knows_parameters(self, request: Request) -> None:
        """Refuse a parameter that would be ignored. Lists do so themselves: their filters know which."""
        unknown = next(iter(request.query_params), None)
        if unknown is not None and not self.dependant.query_params:
            raise problems.invalid(f"query.{unknown}", "there is no such parameter")

    def get_route_handler(self) -> Handler:
        """Wrap FastAPI's handler of the route."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            return _not_modified(request, await handler(JsonRequest(request.scope, request.receive)))

        return handle


class Route(OpenRoute):
    """A route that asks for a token. A POST to it may be sent again under its Idempotency-Key."""

    asks_for_a_token = True

    def rules(self, methods: set[str]) -> list[Callable[..., Any]]:
        """Count the caller instead of the address; look for the key of a POST."""
        _, *others = super().rules(methods)
        return [rates.count_caller, *others, *([idempotent] if "POST" in methods else [])]

    def get_route_handler(self) -> Handler:
        """Wrap the handler: who is not recognised is counted, an answer under a key is kept."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await kept(request, await handler(request))
            except Replayed as earlier:
                return earlier.response
            except ProblemError as error:
                if error.kind.status == problems.BAD_TOKEN.status:
                    rates.count_stranger(request)
                raise

        return handle


class RunnersRoute(Route):
    """A route for machines as well: what is sent again is recognised by what it says, not by a header."""

    def rules(self, methods: set[str]) -> list[Callable[..., Any]]:
        """Leave the key of a POST out: answers are kept for people alone."""
        return [rule for rule in super().rules(methods) if rule is not idempotent]


def open_router(prefix: str, tag: str) -> APIRouter:
    """Return a router whose routes may be asked without a token."""
    return _router(prefix, tag, OpenRoute)


def router(prefix: str, tag: str) -> APIRouter:
    """Return a router whose routes ask for a token."""
    return _router(prefix, tag, Route)


def runners_router(prefix: str, tag: str) -> APIRouter:
    """Return a router whose routes ask for a token, a machine's or a person's."""
    return _router(prefix, tag, RunnersRoute)


def _router(prefix: str, tag: str, kind: type[APIRoute]) -> APIRouter:
    return APIRouter(prefix=prefix, tags=[tag], route_class=kind, generate_unique_id_function=operation_id)


def operation_id(route: APIRoute) -> str:
    """Return a route's name in the API's description."""
    return route.name


def _not_modified(request: Request, response: Response) -> Response:
    tag = response.headers.get("etag")
    if request.method == "GET" and tag and etags.is_known(request, tag):
        return Response(status_code=304, headers={"ETag": tag})
    return response


def _calls(dependant: Dependant) -> list[Callable[..., Any] | None]:
    found = [dependant.call]
    for inner in dependant.dependencies:
        found += _calls(inner)
    return found
