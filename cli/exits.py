"""Exit codes of every command, and which exception means which.

A module below `cli` cannot import this one. It says what its exception means with an attribute
`exit_code` (74 for a fenced worker, 75 for one that gave up), which is honoured here.
"""

import sys
from collections.abc import Iterator, Mapping
from enum import IntEnum


class Exit(IntEnum):
    """What a command's exit code says (the numbers from 64 on are those of sysexits.h)."""

    DONE = 0
    NO = 1
    USAGE = 2
    UNAVAILABLE = 69
    FENCED = 74
    GAVE_UP = 75
    INTERRUPTED = 130


class CommandError(Exception):
    """A command cannot go on, and its message says why and what to do; exit code 2 unless given."""

    def __init__(self, message: str, exit_code: Exit = Exit.USAGE) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class AnswerIsNo(CommandError):  # noqa: N818  # it names the exit code
    """The command did its work, and the answer is no."""

    def __init__(self, message: str) -> None:
        super().__init__(message, Exit.NO)


class Unavailable(CommandError):  # noqa: N818  # it names the exit code
    """Kafka or PostgreSQL cannot be reached at start."""

    def __init__(self, message: str) -> None:
        super().__init__(message, Exit.UNAVAILABLE)


# By name, since importing their modules would cost every command a third of a second.
_USAGE = {"settings.model": {"SettingsError"}}
_UNAVAILABLE = {
    "aiokafka.errors": {"KafkaConnectionError", "KafkaTimeoutError", "NodeNotReadyError"},
    "asyncpg.exceptions": {
        "CannotConnectNowError",
        "ConnectionDoesNotExistError",
        "InvalidAuthorizationSpecificationError",
        "InvalidCatalogNameError",
        "InvalidPasswordError",
        "TooManyConnectionsError",
    },
}


def exit_code_of(error: BaseException) -> int | None:
    """Return the exit code that `error` stands for, or None if it is unexpected (a bug: show it whole)."""
    if isinstance(error, KeyboardInterrupt):
        return Exit.INTERRUPTED
    code = getattr(error, "exit_code", None)
    if isinstance(code, int):
        return code
    causes = list(_causes(error))
    if any(_is_named(cause, _USAGE) for cause in causes):
        return Exit.USAGE
    if any(isinstance(cause, ConnectionError) or _is_named(cause, _UNAVAILABLE) for cause in causes):
        return Exit.UNAVAILABLE
    return None


def say(error: BaseException) -> None:
    """Print what went wrong on stderr: one line, and lines of a log where the message brings them."""
    print(f"augentis: {str(error) or type(error).__name__}", file=sys.stderr)


def _is_named(error: BaseException, names: Mapping[str, set[str]]) -> bool:
    kind = type(error)
    return any(kind.__module__.startswith(module) and kind.__name__ in of for module, of in names.items())


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or getattr(seen, "orig", None)
