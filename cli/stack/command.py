"""`augentis stack`: embedded Kafka and PostgreSQL."""

import asyncio
import json
import logging
import os
import shlex
import sys
from typing import Annotated

import typer

import settings
from cli.exits import AnswerIsNo, CommandError, Exit
from cli.stack import control
from cli.stack import state as states
from cli.stack.layout import Layout
from cli.stack.state import State
from cli.stack.supervisor import End, StackError, supervise

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Embedded Kafka and PostgreSQL, for tests, demos and a first try.",
)


@app.command()
def up(
    foreground: Annotated[
        bool, typer.Option("--foreground", help="supervise in this process; the stack ends with its caller")
    ] = False,
) -> None:
    """Start the stack, or find it running; whatever the environment names is not embedded."""
    layout, parts = _layout(), control.wanted_parts(os.environ)
    if not parts:
        _say("KAFKA_BOOTSTRAP_SERVERS and DATABASE_URL are set: they are used, nothing embedded is started")
    elif foreground:
        _supervise_here(layout, parts)
    else:
        _describe(_detached(layout, parts), layout)


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="one JSON document")] = False,
) -> None:
    """Say whether the stack runs; exit code 0 only if it does."""
    layout = _layout()
    state = states.current(layout)
    if as_json:
        print(json.dumps(states.document(state, layout, os.environ)))
    else:
        _describe(state, layout)
    if state.summary != "running":
        raise typer.Exit(Exit.NO)


@app.command()
def down(
    purge: Annotated[bool, typer.Option("--purge", help="delete its data and logs too")] = False,
) -> None:
    """Stop the stack and wait until it is gone; its data are kept."""
    layout = _layout()
    print("stopped" if control.bring_down(layout) else "was not running")
    if purge:
        for path in control.purge(layout):
            print(f"removed {path}")


@app.command()
def env() -> None:
    """Print `export NAME='value'` lines of the running stack, for `eval`."""
    layout = _layout()
    if not states.is_supervised(layout) or not layout.env.exists():
        raise AnswerIsNo("the stack is not running: start it with `augentis stack up`")
    for name, value in json.loads(layout.env.read_text()).items():
        print(f"export {name}={_quoted(value)}")


def _layout() -> Layout:
    return Layout(settings.load().home.absolute())


def _detached(layout: Layout, parts: list[str]) -> State:
    state = states.current(layout)
    if state.summary == "running":
        _say("found running")
        return state
    supervisor = control.launch(layout, parts, parent=None)
    try:
        return control.wait_until_running(layout, supervisor, _say)
    except StackError as error:
        raise CommandError(str(error), Exit.UNAVAILABLE) from error
    except KeyboardInterrupt:
        supervisor.terminate()
        raise


def _supervise_here(layout: Layout, parts: list[str]) -> None:
    logging.basicConfig(format="augentis: %(message)s", level=logging.INFO)
    logging.raiseExceptions = False  # a caller that died has closed our stderr, and the end must be orderly
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    caller = os.getppid()
    try:
        end = asyncio.run(supervise(layout, parts, lambda: os.getppid() == caller))
    except StackError as error:
        raise CommandError(str(error), Exit.UNAVAILABLE) from error
    if end is End.FOUND:
        _say("found running, by another supervisor")
    elif end is End.INTERRUPTED:
        raise typer.Exit(Exit.INTERRUPTED)


def _describe(state: State, layout: Layout) -> None:
    document = states.document(state, layout, os.environ)
    print(f"stack     {document['state']}, data in {document['data_dir']}")
    for name, address in (("kafka", "bootstrap_servers"), ("postgres", "database_url")):
        part = document[name]
        shown = (part[address] or "").rpartition("@")[2]
        details = [part["state"], shown, f"pid {part['pid']}" if part["pid"] else "", part["log"] or ""]
        print(f"{name:9} " + "  ".join(detail for detail in details if detail))


def _quoted(value: str) -> str:
    quoted = shlex.quote(value)
    return quoted if quoted.startswith("'") else f"'{quoted}'"


def _say(text: str) -> None:
    print(f"augentis: {text}", file=sys.stderr, flush=True)
