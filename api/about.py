"""What a request says of itself beside who sends it: why, from which address, with what program."""

from typing import Annotated
from urllib.parse import unquote_to_bytes

from fastapi import Depends, Header, Request

from api import problems
from storage.tenancy import About

HEADER = "Augentis-Rationale"
LONGEST_RATIONALE = 1000
_LONGEST_AGENT = 500


def _rationale(sent: str | None) -> str | None:
    """Return what a header says; its bytes are UTF-8, percent-encoded or as they are.

    Raises:
        ProblemError: it is not, or too long.
    """
    if sent is None:
        return None
    try:
        said = unquote_to_bytes(sent.encode("latin-1")).decode().strip()
    except UnicodeDecodeError:
        raise problems.invalid(f"header.{HEADER}", "send UTF-8, percent-encoded") from None
    if "\0" in said or len(said) > LONGEST_RATIONALE:
        raise problems.invalid(f"header.{HEADER}", f"send at most {LONGEST_RATIONALE} characters, none NUL")
    return said or None


def client(request: Request) -> About:
    """Return from where and with what a request was sent, as far as the server saw it."""
    # What is no UTF-8 is told as it came, a character a byte; NUL is in no header.
    agent = request.headers.get("user-agent", "")[:_LONGEST_AGENT]
    return About(None, request.client.host if request.client else None, agent or None)


async def _about(
    request: Request,
    rationale: Annotated[
        str | None,
        Header(
            alias=HEADER,
            description="why: it stands in the audit log beside the change; at most 1000 characters of UTF-8,"
            " percent-encoded where they are not ASCII",
            examples=["PRD meets all VCD indicators"],
        ),
    ] = None,
) -> About:
    seen = client(request)
    return About(_rationale(rationale), seen.ip, seen.agent)


Told = Annotated[About, Depends(_about)]
