"""What routes answer instead, for the OpenAPI document: each route its own problems, with an example each."""

from collections.abc import Callable, Iterator
from typing import Any, get_args

from api import etags, problems
from api.caller import Editor, Leaver, Member, Person, Runner
from api.idempotency import idempotent
from api.problems import MEDIA_TYPE, PREFIX, Kind

Answers = dict[int | str, dict[str, Any]]
REF = "#/components/schemas/{model}"
_KINDS = {kind.slug: kind for kind in vars(problems).values() if isinstance(kind, Kind)}
_ANY = (
    problems.NOT_ACCEPTABLE,
    problems.INVALID,
    problems.TOO_MANY_REQUESTS,
    problems.INTERNAL,
    problems.DATABASE_AWAY,
    problems.ISSUER_AWAY,
)
_TOKEN = (problems.NO_TOKEN, problems.BAD_TOKEN, problems.NOT_A_MEMBER, problems.WRONG_WORKSPACE)
_FOR_PERSONS = {get_args(kind)[1].dependency for kind in (Person, Editor, Leaver, Runner)}
_FOR_KEYS = {get_args(kind)[1].dependency for kind in (Member, Runner)}
_BODY = (problems.TOO_LARGE, problems.UNSUPPORTED_MEDIA_TYPE)


def answers(*kinds: Kind) -> Answers:
    """Return the description of these problems, by status: `responses=answers(problems.NOT_FOUND)`."""
    found: Answers = {}
    for kind in kinds:
        found = merged(found, {kind.status: _response([kind.slug])})
    return found


def merged(first: Answers, second: Answers) -> Answers:
    """Return both; problems of one status stand beside one another."""
    both = {**first, **second}
    for status in first.keys() & second.keys():
        both[status] = _response([*_slugs(first[status]), *_slugs(second[status])])
    return dict(sorted(both.items(), key=lambda item: str(item[0])))


def problem_examples() -> dict[str, dict[str, Any]]:
    """Return an example of each kind of problem, by its slug."""
    return {slug: {"summary": kind.title, "value": _example(kind)} for slug, kind in _KINDS.items()}


def usual(*, takes_body: bool, token: bool, asks: set[Callable[..., Any] | None]) -> Iterator[Kind]:
    """Yield what a route answers by what it is, whatever it does; `asks` are its dependencies."""
    yield from _ANY
    yield from _TOKEN if token else ()
    yield from _BODY if takes_body else ()
    if asks & _FOR_PERSONS:
        yield problems.ROLE_TOO_LOW
    if asks & _FOR_KEYS:
        yield problems.SCOPE_MISSING
    if idempotent in asks:
        yield problems.IDEMPOTENCY_CONFLICT
    if etags.wanted in asks:
        yield problems.IF_MATCH_REQUIRED
    if asks & {etags.wanted, etags.wanted_if_any}:
        yield problems.STALE


def _example(kind: Kind) -> dict[str, Any]:
    value: dict[str, Any] = {
        "type": PREFIX + kind.slug,
        "title": kind.title,
        "status": kind.status,
        "instance": "/v1/projects",
        "request_id": "2f1c2a52-61a5-4f0a-9a5f-0c2b7f2f7a10",
    }
    if kind is problems.INVALID:
        value["errors"] = [{"path": "query.limit", "message": "Input should be less than or equal to 200"}]
    return value


def _slugs(response: dict[str, Any]) -> list[str]:
    return list(response["content"][MEDIA_TYPE]["examples"])


def _response(slugs: list[str]) -> dict[str, Any]:
    named = {slug: {"$ref": f"#/components/examples/{slug}"} for slug in slugs}
    return {
        "description": "; ".join(_KINDS[slug].title for slug in named),
        "content": {MEDIA_TYPE: {"schema": {"$ref": REF.format(model="Problem")}, "examples": named}},
    }
