"""How much a caller may ask: by person or key, and by address where nobody is recognised.

Counted in this process: with several, each allows as much.
Headers as in draft-ietf-httpapi-ratelimit-headers-10.
"""

import ipaddress
import math
from collections.abc import Callable
from dataclasses import dataclass

from fastapi import Request
from limits import RateLimitItem, parse
from limits.strategies import FixedWindowRateLimiter

from api import problems
from api.asking import Asker
from api.problems import ProblemError
from api.windows import Windows
from storage.entities.keys import KeyLogin

STRANGERS = "120/minute"
SIGN_INS = "20/minute"
_SCOPE = "augentis.spent"


@dataclass(frozen=True)
class Spent:
    """One request counted; `reset` is in seconds from now."""

    policy: str
    allowed: bool
    quota: int
    window: int
    remaining: int
    reset: int

    def headers(self) -> dict[str, str]:
        """Return what its response says of it."""
        return {
            "RateLimit-Policy": f'"{self.policy}";q={self.quota};w={self.window}',
            "RateLimit": f'"{self.policy}";r={self.remaining};t={self.reset}',
        }


class Rates:
    """The counts of one process. `callers` is how many requests a caller may send, as in `1200/minute`."""

    def __init__(self, callers: str, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._limiter = FixedWindowRateLimiter(Windows(clock))
        self._policies: dict[str, RateLimitItem] = {
            "caller": parse(callers),
            "address": parse(STRANGERS),
            "sign-in": parse(SIGN_INS),
        }

    def spend(self, policy: str, who: str) -> Spent:
        """Count one request of `who`."""
        item = self._policies[policy]
        allowed = self._limiter.hit(item, policy, who)
        stats = self._limiter.get_window_stats(item, policy, who)
        reset = max(0, math.ceil(stats.reset_time - self._clock()))
        return Spent(policy, allowed, item.amount, item.get_expiry(), max(0, stats.remaining), reset)


async def count_caller(request: Request, asker: Asker) -> None:
    """Count a request of somebody who is known."""
    who = f"key {asker.key_id}" if isinstance(asker, KeyLogin) else f"person {asker.user_id}"
    _count(request, "caller", who)


async def count_sign_in(request: Request) -> None:
    """Count an attempt to become known."""
    _count(request, "sign-in", _address(request))


def count_stranger(request: Request) -> None:
    """Count a request whose sender was not recognised.

    Raises:
        ProblemError: there were too many from this address.
    """
    _count(request, "address", _address(request))


def spent(request: Request) -> Spent:
    """Return what the request has spent; one that met no limit on its way is a stranger's."""
    found: Spent | None = request.scope[_SCOPE].get("spent")
    return found or _rates(request).spend("address", _address(request))


def prepare(request: Request) -> None:
    """Make the place in which the count of this request is kept for its response."""
    request.scope[_SCOPE] = {}


def _count(request: Request, policy: str, who: str) -> None:
    spent = _rates(request).spend(policy, who)
    request.scope[_SCOPE]["spent"] = spent
    if not spent.allowed:
        raise ProblemError(
            problems.TOO_MANY_REQUESTS,
            f"{spent.quota} in {spent.window} seconds are allowed",
            {"Retry-After": str(max(1, spent.reset))},
        )


def _rates(request: Request) -> Rates:
    found: Rates = request.app.state.rates
    return found


def _address(request: Request) -> str:
    """Return whom an address stands for: of IPv6 the network, since each of its hosts has 2^64 addresses."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    return str(ipaddress.ip_network(f"{host}/64", strict=False)) if address.version == 6 else host  # noqa: PLR2004
