"""Logs of the long-running commands: text, or a JSON object a line; with coordinates, never with payloads."""

import json
import logging
import traceback
from datetime import UTC, datetime
from typing import Literal

import asyncpg

from streams.errors import WorkerError

Format = Literal["text", "json"]

FIELDS = ("org_id", "topic", "partition", "offset", "reason", "count")
"""What a record may carry beside its text (`extra=`)."""
QUOTING = (asyncpg.PostgresError, asyncpg.InterfaceError, ValueError, LookupError)
"""Errors whose text quotes what they were given: it may be a sample."""


class Text(logging.Formatter):
    """Lines for people. Of an error that may quote a payload only the kind and the place are told."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatException(self, ei: object) -> str:  # noqa: N802  # logging's name
        """Return the traceback."""
        error = ei[1] if isinstance(ei, tuple) else None
        return told(error) if isinstance(error, BaseException) else ""


class Json(Text):
    """One object a line: at, level, logger, message, and what of `FIELDS` is known."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        found = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **{name: getattr(record, name) for name in FIELDS if getattr(record, name, None) is not None},
        }
        if record.exc_info:
            found["error"] = self.formatException(record.exc_info)
        return json.dumps(found, default=str)


def told(error: BaseException) -> str:
    """Return where an error came from, of what kind it is, and its text unless that may quote a payload."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    code = getattr(error, "sqlstate", None)
    what = (code and f"SQLSTATE {code}") if isinstance(error, QUOTING) else str(error)
    line = f"{frames}{type(error).__qualname__}" + (f": {what}" if what else "")
    cause = error.__cause__
    return line if cause is None else f"{told(cause)}\nwhich caused\n{line}"


def _is_news(record: logging.LogRecord) -> bool:
    """Drop what libraries log of an error that ends the worker: it is told once, in words."""
    return not (record.exc_info and isinstance(record.exc_info[1], WorkerError))


def configure(level: str, log_format: Format = "text") -> None:
    """Log to stderr at `level`; libraries that repeat what we say ourselves are quieter."""
    handler = logging.StreamHandler()
    handler.setFormatter(Json() if log_format == "json" else Text())
    handler.addFilter(_is_news)
    logging.basicConfig(level=level.upper(), handlers=[handler])
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    for noisy in ("faust", "mode", "streams.app", "streams.transport", "httpx"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
