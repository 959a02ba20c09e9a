"""ETags against lost updates (RFC 9110, 8.8.3 and 13.1): strong, the version of the row in quotes.

What is shown beside the row, and changes without it, stands behind the version: `"3.7"`. It tells what is
known from what is new; an edit is about the row, and is measured by its version alone.
"""

import re
from typing import Annotated

from fastapi import Depends, Header, Request, Response
from pydantic import WithJsonSchema

from api import problems
from api.problems import ProblemError
from storage.entities.edits import Expected

_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
_TAGS = re.compile(rf"[ \t]*{_TAG.pattern}(?:[ \t]*,[ \t]*{_TAG.pattern})*[ \t]*")
_VERSION = re.compile(r"([1-9][0-9]{0,8})(?:\.[0-9]+)*")
# As RFC 9110 has it, for those who read the description.
_ONE = r'(W/)?"[!#-~\u0080-\u00ff]*"'
_DESCRIBED = WithJsonSchema(
    {"type": "string", "pattern": rf"^(\*|{_ONE}([ \t]*,[ \t]*{_ONE})*)$", "examples": ['"3"']}
)


def etag(version: int, *beside: int) -> str:
    """Return the ETag of a version, and of what is shown beside it."""
    return f'"{".".join(map(str, (version, *beside)))}"'


def mark(response: Response, version: int, *beside: int) -> None:
    """Send the ETag of the version, and of what is shown beside it, with the response."""
    response.headers["ETag"] = etag(version, *beside)


def created(response: Response, location: str, version: int | None = None) -> None:
    """Say where what was made is to be found, and its ETag if it has one."""
    response.headers["Location"] = location
    if version is not None:
        mark(response, version)


def is_known(request: Request, tag: str) -> bool:
    """Tell whether the caller has what `tag` names: then 304 says all."""
    known = ", ".join(request.headers.getlist("if-none-match"))
    if known.strip() == "*":
        return True
    return any(f'"{opaque}"' == tag for _, opaque in _TAG.findall(known))


async def wanted(
    request: Request,
    sent: Annotated[
        str | None,
        Header(
            alias="If-Match",
            description="the ETag of the version that is meant (several: with commas), or `*` for any",
        ),
        _DESCRIBED,
    ] = None,
) -> Expected:
    """Return the versions that If-Match names; None: any.

    Raises:
        ProblemError: there is no If-Match, or it holds no ETags.
    """
    if sent is None:
        raise ProblemError(problems.IF_MATCH_REQUIRED, "send If-Match with the ETag that you have read")
    return _expected(", ".join(request.headers.getlist("if-match")))


async def wanted_if_any(
    request: Request,
    sent: Annotated[
        str | None,
        Header(alias="If-Match", description="the ETag of the version that is meant; left out: any"),
        _DESCRIBED,
    ] = None,
) -> Expected:
    """Return the same where If-Match may be left out, which says any."""
    return None if sent is None else await wanted(request, sent)


def _expected(sent: str) -> Expected:
    if sent.strip() == "*":
        return None
    if not _TAGS.fullmatch(sent):
        raise problems.invalid("header.If-Match", "send the ETag as it came, in quotes")
    # A weak ETag matches nothing here (RFC 9110, 13.1.1), nor does one that no version of ours has.
    strong = [_VERSION.fullmatch(opaque) for weak, opaque in _TAG.findall(sent) if not weak]
    return frozenset(int(found[1]) for found in strong if found)


IfMatch = Annotated[Expected, Depends(wanted)]
"""The versions that the caller means; a request without If-Match is refused (428)."""

IfMatchIfAny = Annotated[Expected, Depends(wanted_if_any)]
"""The same where If-Match may be left out."""
