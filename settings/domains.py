"""Domains of mail addresses, as an operator lists them."""

import re
from typing import Annotated

from pydantic import AfterValidator

_DOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+")


def _listed(text: str) -> str:
    for domain in domains(text) or {text}:
        if not _DOMAIN.fullmatch(domain):
            raise ValueError(f"{domain!r} is no domain: write them as in acme.example,ops.acme.example")
    return text


def domains(text: str | None) -> frozenset[str]:
    """Return the domains that a list has, in small letters; empty where there is no list."""
    return frozenset(each.strip().lower() for each in (text or "").split(",") if each.strip())


EmailDomains = Annotated[str, AfterValidator(_listed)]
