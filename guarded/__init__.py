"""Sockets that reach the public internet and what the operator allows, and nothing else (ADR 0024)."""

from guarded.allowed import Allowed
from guarded.hosts import RefusedError, read
from guarded.http import client
from guarded.sockets import Guard, connected
from guarded.urls import check, its_own

__all__ = ["Allowed", "Guard", "RefusedError", "check", "client", "connected", "its_own", "read"]
