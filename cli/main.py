"""The command `augentis`.

Each sub-command is a line of `COMMANDS` and a module that is imported only when the command is used.
The module exposes a plain function named as in that line, with typer's annotations; an `async` one is
run with `asyncio.run`. A group of such functions is a `typer.Typer` instead (`stack`). Neither catches
the exceptions that `cli.exits` knows: they end as one line on stderr and the exit code of `interfaces.md`.
"""

import asyncio
import functools
import importlib
import inspect
import os
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import typer
from typer.core import TyperGroup

from cli.exits import Exit, exit_code_of, say


class Lazy(NamedTuple):
    """Where a command is and the line that `augentis --help` has for it."""

    module: str
    attribute: str
    help: str


COMMANDS = {
    "demo": Lazy("cli.demo.command", "demo", "show the whole main job on a simulated product"),
    "stack": Lazy("cli.stack.command", "app", "embedded Kafka and PostgreSQL: up, status, down, env"),
    "settings": Lazy("cli.settings_command", "settings", "list the settings, their meaning and values"),
    "migrate": Lazy("cli.migrating", "migrate", "bring schema, roles and topics up to date"),
    "init": Lazy("cli.tenants", "init", "create an organisation, its admin, a project, an ingest key"),
    "apply": Lazy("cli.tenants", "apply", "bring projects, artifacts and assumptions in line with a file"),
    "token": Lazy("cli.tenants", "token", "print a development token"),
    "key": Lazy("cli.keys", "app", "machine keys: create, list, revoke"),
    "topic": Lazy("cli.topics", "app", "topics bound to one project: bind, unbind, list"),
    "org": Lazy(
        "cli.organizations", "app", "organisations, for their operator: tier, export, verify, delete"
    ),
    "user": Lazy("cli.users", "app", "a person, for the operator: erase"),
    "audit": Lazy("cli.auditing.command", "app", "the audit log's chain: export, heads, verify, key"),
    "agent": Lazy("cli.agents", "app", "the catalogue of agents, for the operator: list, enable, disable"),
    "prices": Lazy("cli.prices", "app", "what models cost, for the operator: list, set"),
    "publish": Lazy("cli.publish", "publish", "publish raw samples from a file to Kafka"),
    "check-sample": Lazy("cli.checking.command", "check_sample", "what raw messages would become"),
    "import-telemetry": Lazy("cli.telemetry.command", "import_telemetry", "import ready hourly rows"),
    "telemetry": Lazy("cli.telemetry.command", "app", "hourly rows as files: export"),
    "cascade": Lazy("cli.cascade", "cascade", "what rests on an artifact, should it be proven wrong"),
    "alert": Lazy("cli.alerting.command", "app", "what an alert says, and who was told: preview, told"),
    "routes": Lazy("cli.alerting.routes", "app", "which alert goes to which channel: list, test"),
    "deliveries": Lazy("cli.deliveries", "app", "alerts on their way to channels: list, replay"),
    "costs": Lazy("cli.costs", "costs", "what agents cost, by project, phase or agent"),
    "backtest": Lazy("cli.backtesting.command", "backtest", "what an assumption would have said so far"),
    "lag": Lazy("cli.lag", "lag", "how far behind each partition is, in offsets and event time"),
    "dlq": Lazy("cli.dlq.command", "app", "dead letters: list, show, replay"),
    "ledger": Lazy("cli.ledger", "app", "what was read of each partition: show, reset"),
    "otlp": Lazy("cli.otlp", "app", "what OTLP data points become: preview"),
    "worker": Lazy("cli.run", "worker", "run a worker: ingest, close hours, detect"),
    "relay": Lazy("cli.run", "relay", "run the relay: outbox to Kafka, alerts to channels"),
    "receiver": Lazy("cli.receiving", "receiver", "run the receiver: OTLP and raw samples over HTTP"),
    "api": Lazy("cli.serving", "api", "run the HTTP API"),
    "openapi": Lazy("cli.serving", "openapi", "print the API's OpenAPI document"),
}


class LazyGroup(TyperGroup):
    """Imports a command when it is asked for, and shows help without importing any."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names in the order of `COMMANDS`."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command, None if there is none of this name."""
        del ctx
        lazy = COMMANDS.get(cmd_name)
        return None if lazy is None else _load(cmd_name, lazy)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help page from `COMMANDS`."""
        self.format_usage(ctx, formatter)
        with formatter.section("Commands"):
            formatter.write_dl([(name, lazy.help) for name, lazy in COMMANDS.items()])
        formatter.write("\n`augentis COMMAND --help` says more.\n")


def _load(name: str, lazy: Lazy) -> Any:
    target = getattr(importlib.import_module(lazy.module), lazy.attribute)
    if isinstance(target, typer.Typer):
        target.info.help = target.info.help or lazy.help
        for command in target.registered_commands:
            assert command.callback  # noqa: S101  # each was registered with its function
            command.callback = _synchronous(command.callback)
        return typer.main.get_command(target)
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(name, help=inspect.getdoc(target) or lazy.help)(_synchronous(target))
    return typer.main.get_command(app)


def _synchronous(function: Callable[..., Any]) -> Callable[..., Any]:
    if not inspect.iscoroutinefunction(function):
        return function

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        return asyncio.run(function(*args, **kwargs))

    return run


app = typer.Typer(
    cls=LazyGroup,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    invoke_without_command=False,
)


@app.callback()
def augentis() -> None:
    """Tells product teams when production proves an assumption of theirs wrong, and what rests on it."""


def main() -> None:
    """Run the command line and exit with the code that `interfaces.md` promises."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run `augentis` with `arguments` and return its exit code; unexpected exceptions pass through."""
    try:
        code = typer.main.get_command(app).main(arguments, prog_name="augentis", standalone_mode=False)
    except typer.Exit as stop:
        return stop.exit_code
    except BrokenPipeError:
        # The reader of our output has gone; the flush at exit must not fail either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.NO
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  # the unexpected are raised again
        return _fail(error)
    return code if isinstance(code, int) else Exit.DONE


def _fail(error: BaseException) -> int:
    show = getattr(error, "show", None)
    if show is not None:  # typer's own errors of usage
        show()
        return Exit.USAGE
    if isinstance(error, typer.Abort):
        return Exit.INTERRUPTED
    code = exit_code_of(error)
    if code is None:
        raise error
    say(error if str(error) else InterruptedError("interrupted"))
    return code


if __name__ == "__main__":
    main()
