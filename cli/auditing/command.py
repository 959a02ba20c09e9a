"""`augentis audit export | heads | verify | key`: the audit log's chain, and whether it is whole."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, TextIO

import typer

import settings
from cli.acting import Org, acting
from cli.auditing.reading import published
from cli.exits import CommandError, Exit
from governance.records import UnreadableError, export_of, heads_of
from governance.signing import public_key
from governance.verify import Verdict, verify
from storage import chain

Out = Annotated[Path | None, typer.Option(help="File to write; by default standard output.")]

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="The audit log's chain (docs/audit.md): export it, and verify offline that it is whole.",
)


@app.command()
async def export(
    org: Org,
    since: Annotated[
        datetime | None,
        typer.Option(help="Only from this time on: 2026-11-01T00:00:00Z.", formats=["%Y-%m-%dT%H:%M:%S%z"]),
    ] = None,
    out: Out = None,
) -> None:
    """Write an organisation's audit log with its chain, as lines of JSON, all of one moment."""
    with _written(out) as file:
        async with acting(org, read_only=True) as (session, claims):
            async for line in chain.export(session, claims.org_id, since):
                print(json.dumps(line, ensure_ascii=False, separators=(",", ":")), file=file)


@app.command()
async def heads(out: Out = None) -> None:
    """Write every end of a chain that was published to Kafka, of all organisations, as lines of JSON."""
    configured = settings.load()
    with _written(out) as file:
        async for head in published(configured):
            print(json.dumps(head.fields(), separators=(",", ":")), file=file)


@app.command()
def key() -> None:
    """Print the public key by which signatures of heads and checkpoints are checked, in hex."""
    print(public_key(chain.seed(settings.load().need("secret_key"))).hex())


@app.command("verify")
def verify_(
    file: Annotated[Path, typer.Argument(help="What `augentis audit export` wrote.")],
    heads: Annotated[Path | None, typer.Option(help="What `augentis audit heads` wrote.")] = None,
    key: Annotated[
        str | None, typer.Option(help="What `augentis audit key` prints; by default that of our settings.")
    ] = None,
    *,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Tell whether an exported log is whole, and if not what was changed, removed, inserted or reordered.

    Needs no database and no broker. Exit 0: whole; 1: it is not; 2: the file cannot be read.
    """
    public = _public(key)
    exported = export_of(_lines(file))
    told = None if heads is None else heads_of(_lines(heads))
    verdict = verify(exported, told, public)
    if json_:
        print(json.dumps({"whole": verdict.whole, **asdict(verdict)}))
    else:
        _say(verdict)
    if not verdict.whole:
        raise typer.Exit(Exit.NO)


def _say(verdict: Verdict) -> None:
    for finding in verdict.findings:
        print(finding.words())
    for unchecked in verdict.unchecked:
        print(f"not checked: {unchecked}")
    erased = f", of {verdict.erased} what is a person's was erased" if verdict.erased else ""
    looked = f"{verdict.entries} entries in {verdict.links} links up to sequence {verdict.last}{erased}"
    print(f"{'whole' if verdict.whole else 'NOT WHOLE'}: {looked}")


def _public(given: str | None) -> bytes | None:
    if given is None:
        secret = settings.load().secret_key
        return public_key(chain.seed(secret.get_secret_value())) if secret else None
    try:
        read = bytes.fromhex(given)
    except ValueError:
        read = b""
    if len(read) != len(public_key(bytes(32))):
        raise typer.BadParameter("--key: 64 hexadecimal digits, as `augentis audit key` prints them")
    return read


def _lines(file: Path) -> list[str]:
    try:
        # Not splitlines(): what a text may hold ends a line for that, and not for JSON.
        return file.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableError(f"{file} cannot be read: {error}") from error


@contextmanager
def _written(out: Path | None) -> Iterator[TextIO]:
    if out is None:
        yield sys.stdout
        return
    try:
        with out.open("w", encoding="utf-8") as file:
            yield file
    except OSError as error:
        raise CommandError(f"{out} cannot be written: {error.strerror}") from error
