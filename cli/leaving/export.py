"""`augentis org export`: what is written, file by file, and what the manifest says of it."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cli.leaving.archive import Archive, Entry, opened
from storage import leaving
from storage.leaving import Snapshot
from storage.operating import Named, Operator

FORM = "augentis-organization/1"
MANIFEST = "manifest.json"
README = "README.txt"
_HEAD = """Everything of the organisation {slug} ({org_id}), as it stood at {at}, in the schema {revision}.

A file a table, a line of JSON a row, in the order of the table's key. Instants are UTC; bytes are \\x and
hexadecimal; amounts of money and other exact numbers have all their digits: read them as decimals.
{manifest} has the number of rows and the SHA-256 of each file; `augentis org verify` compares.

"""


@dataclass
class Tally:
    """How far it is, for who waits."""

    rows: int = 0
    table: str = ""
    entries: list[Entry] = field(default_factory=list)

    def words(self) -> str:
        """Return it in words."""
        return f"{self.rows:,} rows of {len(self.entries) + 1} tables; {self.table}"


async def export(operator: Operator, named: Named, out: Path, tally: Tally) -> dict[str, Any]:
    """Write the organisation to `out`, all of one moment, and return the manifest.

    Raises:
        CommandError: `out` is there already, or cannot be written.
    """
    with opened(out) as archive:
        async with leaving.snapshot(operator) as seen:
            for table in leaving.exported():
                await _table(operator, named, table, archive, tally)
        with archive.file(README) as writer:
            writer.raw(_readme(named, seen).encode())
        manifest = _manifest(named, seen, [*tally.entries, writer.entry(table=False)])
        with archive.file(MANIFEST) as writer:
            writer.raw((json.dumps(manifest, indent=1) + "\n").encode())
    return manifest


async def _table(operator: Operator, named: Named, table: str, archive: Archive, tally: Tally) -> None:
    tally.table = table
    with archive.file(f"{table}.jsonl") as writer:
        async for rows in leaving.rows(operator, named.org_id, table):
            writer.lines(rows)
            tally.rows += len(rows)
    tally.entries.append(writer.entry())


def _manifest(named: Named, seen: Snapshot, entries: list[Entry]) -> dict[str, Any]:
    return {
        "form": FORM,
        "org_id": str(named.org_id),
        "slug": named.slug,
        "at": seen.at.isoformat(),
        "schema": seen.revision,
        "rows": sum(entry.rows or 0 for entry in entries),
        "files": [entry._asdict() for entry in entries],
    }


def _readme(named: Named, seen: Snapshot) -> str:
    head = _HEAD.format(
        slug=named.slug,
        org_id=named.org_id,
        at=seen.at.isoformat(),
        revision=seen.revision,
        manifest=MANIFEST,
    )
    files = "".join(f"{name}.jsonl\n    {leaving.described(name)}\n" for name in leaving.exported())
    columns = "".join(f"{table}: {', '.join(names)}\n" for table, names in leaving.LEFT_OUT.items())
    tables = "".join(f"{table}: {why}\n" for table, why in leaving.NOT_EXPORTED.items())
    return f"{head}{files}\nLeft out of tables:\n{columns}\nTables left out:\n{tables}"
