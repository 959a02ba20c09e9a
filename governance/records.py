"""The lines of an exported chain: what each says is read from the very text that is hashed."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

LEAF = 32
START = bytes(LEAF)
"""What the first link of a chain holds on to."""
FORMAT = "augentis audit export 1"


class UnreadableError(Exception):
    """A file is no export of the audit log, or not all of one."""

    exit_code = 2


@dataclass(frozen=True)
class Entry:
    """An entry: its canonical text, where it says it stands, what is a person's beside it (None: nothing)."""

    text: str
    link_id: str
    place: int
    client: str | None
    client_salt: bytes | None
    personal: str | None
    personal_salt: bytes | None

    @property
    def digest(self) -> bytes:
        """The hash of what it says."""
        return sha256(self.text.encode()).digest()

    @property
    def said(self) -> Mapping[str, Any]:
        """What its text says."""
        fields: dict[str, Any] = json.loads(self.text)
        return fields


@dataclass(frozen=True)
class Link:
    """A link: its canonical text, what that says, and the hash that is stored of it."""

    text: str
    org_id: str
    sequence: int
    link_id: str
    began: str
    prev_hash: bytes
    leaves: tuple[bytes, ...]
    hash: bytes

    @property
    def digest(self) -> bytes:
        """The hash of what it says."""
        return sha256(self.text.encode()).digest()


@dataclass(frozen=True)
class Checkpoint:
    """What a chain had come to when its oldest months were dropped."""

    org_id: str
    dropped_before: str
    sequence: int
    hash: bytes
    entries: int
    made_at: str
    signature: bytes

    @property
    def text(self) -> str:
        """What is signed."""
        fields = (
            self.org_id,
            self.dropped_before,
            self.sequence,
            self.hash.hex(),
            self.entries,
            self.made_at,
        )
        return _signed("checkpoint", fields)


@dataclass(frozen=True)
class Head:
    """The end of a chain as it was published."""

    org_id: str
    sequence: int
    hash: bytes
    at: str
    signature: bytes = b""

    @property
    def text(self) -> str:
        """What is signed."""
        return _signed("head", (self.org_id, self.sequence, self.hash.hex(), self.at))

    def fields(self) -> dict[str, object]:
        """Return it as it is published."""
        return {
            "org_id": self.org_id,
            "sequence": self.sequence,
            "hash": self.hash.hex(),
            "at": self.at,
            "signature": self.signature.hex(),
        }


@dataclass(frozen=True)
class Export:
    """One organisation's log, or the end of it from `since` on (RFC 3339, UTC)."""

    org_id: str
    since: str | None
    entries: tuple[Entry, ...]
    links: tuple[Link, ...]
    checkpoints: tuple[Checkpoint, ...]


def _signed(kind: str, fields: Iterable[object]) -> str:
    return "\n".join(["augentis audit " + kind, *map(str, fields)])


def export_of(lines: Iterable[str]) -> Export:
    """Return what the lines of a file say.

    Raises:
        UnreadableError: they are no export, or the end of it is missing.
    """
    read = [_json(line, number) for number, line in enumerate(lines, 1) if line.strip()]
    if not read or read[0].get("kind") != FORMAT:
        raise UnreadableError(f"the first line does not say {FORMAT!r}: this is no export of the audit log")
    if read[-1].get("kind") != "end" or read[-1].get("lines") != len(read) - 2:
        raise UnreadableError("the file ends before its export does: write it again")
    try:
        return Export(
            read[0]["org_id"],
            read[0].get("since"),
            tuple(_entry(line) for line in read if line["kind"] == "entry"),
            tuple(_link(line) for line in read if line["kind"] == "link"),
            tuple(_checkpoint(line) for line in read if line["kind"] == "checkpoint"),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableError(f"a line is not as an export writes it: {error!r}") from None


def heads_of(lines: Iterable[str]) -> list[Head]:
    """Return the published heads that the lines of a file say.

    Raises:
        UnreadableError: they do not.
    """
    read = [_json(line, number) for number, line in enumerate(lines, 1) if line.strip()]
    try:
        return [head_of(line) for line in read]
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableError(f"a line is no head as `augentis audit heads` writes it: {error!r}") from None


def head_of(said: Mapping[str, Any]) -> Head:
    """Return the head that a message says.

    Raises:
        KeyError, TypeError, ValueError: it says none.
    """
    hash_, signature = bytes.fromhex(said["hash"]), bytes.fromhex(said["signature"])
    return Head(str(said["org_id"]), int(said["sequence"]), hash_, str(said["at"]), signature)


def _json(line: str, number: int) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise UnreadableError(f"line {number} is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise UnreadableError(f"line {number} is no JSON object")
    return found


def _entry(line: Mapping[str, Any]) -> Entry:
    entry = Entry(
        line["text"],
        line["link_id"],
        line["place"],
        line["client"],
        _bytes(line["client_salt"]),
        line["personal"],
        _bytes(line["personal_salt"]),
    )
    if not {"id", "at", "resource_type", "resource_id"} <= set(entry.said):
        raise ValueError("an entry without id, time or resource")
    return entry


def _link(line: Mapping[str, Any]) -> Link:
    said = json.loads(line["text"])
    leaves = bytes.fromhex(said["leaves"])
    return Link(
        line["text"],
        said["org_id"],
        said["sequence"],
        said["link_id"],
        said["began"],
        bytes.fromhex(said["prev_hash"]),
        tuple(leaves[start : start + LEAF] for start in range(0, len(leaves), LEAF)),
        bytes.fromhex(line["hash"]),
    )


def _checkpoint(line: Mapping[str, Any]) -> Checkpoint:
    hash_, signature = bytes.fromhex(line["hash"]), bytes.fromhex(line["signature"])
    return Checkpoint(
        line["org_id"],
        line["dropped_before"],
        line["sequence"],
        hash_,
        line["entries"],
        line["made_at"],
        signature,
    )


def _bytes(sent: str | None) -> bytes | None:
    return None if sent is None else bytes.fromhex(sent)
