"""Whether an exported chain is whole: what was changed, removed, inserted or put elsewhere, and where."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise
from typing import Literal

from governance.records import START, Checkpoint, Entry, Export, Head, Link
from governance.signing import is_signed

Kind = Literal["changed", "removed", "inserted", "reordered", "cut off", "rewritten", "forged"]


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it was: in which link, and the entry where one is at hand."""

    kind: Kind
    what: str
    sequence: int | None = None
    entry_id: str | None = None
    at: str | None = None
    resource: str | None = None

    def words(self) -> str:
        """Return it as a line for people."""
        place = "" if self.sequence is None else f"sequence {self.sequence}: "
        entry = f" (entry {self.entry_id} at {self.at}, {self.resource})" if self.entry_id else ""
        return f"{self.kind}: {place}{self.what}{entry}"


@dataclass
class Verdict:
    """What was found, what could not be checked, and how much was looked at."""

    findings: list[Finding] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)
    links: int = 0
    entries: int = 0
    erased: int = 0
    last: int = 0

    @property
    def whole(self) -> bool:
        """Nothing was found."""
        return not self.findings


def verify(export: Export, heads: Sequence[Head] | None, public: bytes | None) -> Verdict:
    """Judge an export; `heads` are what was published (None: not at hand), `public` the key that signs."""
    links = sorted(export.links, key=lambda link: link.sequence)
    verdict = Verdict(links=len(links), entries=len(export.entries))
    verdict.last = links[-1].sequence if links else 0
    anchors = _anchors(export, public, verdict)
    verdict.findings += _strangers(export)
    verdict.findings += _chain(links)
    verdict.findings += _beginning(links, export, anchors, verdict)
    verdict.findings += _entries(export, links, max((a.dropped_before for a in anchors), default=""))
    verdict.findings += _commitments(export.entries, verdict)
    if heads is None:
        verdict.unchecked.append(
            "whether the end was cut off, or all of it written anew: give the published heads (--heads)"
        )
    else:
        mine = [head for head in heads if head.org_id == export.org_id]
        verdict.findings += _published(mine, links, anchors, public, verdict)
    return verdict


def _anchors(export: Export, public: bytes | None, verdict: Verdict) -> list[Checkpoint]:
    """Return the checkpoints to believe."""
    if export.checkpoints and public is None:
        verdict.unchecked.append("the checkpoints' signatures: give the key that signs (--key)")
        return list(export.checkpoints)
    believed = []
    for checkpoint in export.checkpoints:
        if public and is_signed(public, checkpoint.signature, checkpoint.text):
            believed.append(checkpoint)
        else:
            said = f"the checkpoint of {checkpoint.made_at} is not signed by the installation's key"
            verdict.findings.append(Finding("forged", said, checkpoint.sequence))
    return [one for one in believed if one.org_id == export.org_id]


def _strangers(export: Export) -> Iterator[Finding]:
    for link in export.links:
        if link.org_id != export.org_id:
            yield Finding("inserted", f"a link of another organisation ({link.org_id})", link.sequence)


def _chain(links: Sequence[Link]) -> Iterator[Finding]:
    broken = [link for link in links if link.hash != link.digest]
    told = {link.sequence for link in broken}
    for link in broken:
        moved = next((one.sequence for one in broken if _stood_at(link, one.sequence)), None)
        if moved is not None:
            yield Finding("reordered", f"this link stood at sequence {moved}", link.sequence)
        else:
            yield Finding("changed", "the link is not what its hash says", link.sequence)
    for before, link in pairwise(links):
        if link.sequence == before.sequence:
            yield Finding("inserted", "there are two links of this sequence", link.sequence)
        elif link.sequence > before.sequence + 1:
            gone = f"{before.sequence + 1} to {link.sequence - 1}"
            yield Finding("removed", f"links {gone} are not there", before.sequence + 1)
        elif link.prev_hash != before.hash and not {link.sequence, before.sequence} & told:
            yield Finding("changed", "it does not hold on to the link before it", link.sequence)


def _stood_at(link: Link, sequence: int) -> bool:
    then = link.text.replace(f'"sequence": {link.sequence}', f'"sequence": {sequence}')
    return sequence != link.sequence and sha256(then.encode()).digest() == link.hash


def _beginning(
    links: Sequence[Link], export: Export, anchors: Sequence[Checkpoint], verdict: Verdict
) -> Iterator[Finding]:
    if not links:
        if anchors and max(one.sequence for one in anchors):
            yield Finding("removed", "there is no link at all, not even that of the last checkpoint")
        return
    first = links[0]
    if first.sequence == 1:
        if first.prev_hash != START:
            yield Finding("changed", "the first link holds on to something before it", 1)
    elif export.since is not None:
        verdict.unchecked.append(
            f"what is before sequence {first.sequence}: the export begins there (--since)"
        )
    elif not any(one.sequence == first.sequence and one.hash == first.hash for one in anchors):
        yield Finding(
            "removed",
            f"links 1 to {first.sequence - 1} are gone, and no checkpoint ends there",
            first.sequence,
        )


def _entries(export: Export, links: Sequence[Link], dropped_before: str) -> Iterator[Finding]:
    slots = {(link.link_id, place): (link, leaf) for link in links for place, leaf in enumerate(link.leaves)}
    homes = {leaf: (link, place) for link in links for place, leaf in enumerate(link.leaves)}
    found: set[tuple[str, int]] = set()
    late = []
    for entry in export.entries:
        home = homes.get(entry.digest)
        at = (entry.link_id, entry.place)
        if home is None:
            late.append(entry)
            continue
        stood = (home[0].link_id, home[1])
        if stood in found:
            yield _of(entry, "inserted", "the same entry a second time", home[0].sequence)
        elif stood != at:
            yield _of(entry, "reordered", f"it stood at place {stood[1]} of this link", home[0].sequence)
        found.add(stood)
    for entry in late:
        at = (entry.link_id, entry.place)
        if at in slots and at not in found:
            found.add(at)
            yield _of(entry, "changed", "it is not what was told", slots[at][0].sequence)
        else:
            yield _of(entry, "inserted", "no link knows of it", None)
    since = max(dropped_before, export.since or "")
    for at, (link, _) in slots.items():
        if at not in found and not link.began < since:
            said = f"entry {at[1] + 1} of {len(link.leaves)} that began at {link.began} is not there"
            yield Finding("removed", said, link.sequence)


def _of(entry: Entry, kind: Kind, what: str, sequence: int | None) -> Finding:
    said = entry.said
    resource = f"{said['resource_type']} {said['resource_id']}"
    return Finding(kind, what, sequence, said["id"], said["at"], resource)


def _commitments(entries: Iterable[Entry], verdict: Verdict) -> Iterator[Finding]:
    """Compare what is a person's with its salted digest; where both are gone, it was erased."""
    for entry in entries:
        said = entry.said
        erased = False
        for name, text, salt in (
            ("client", entry.client, entry.client_salt),
            ("personal", entry.personal, entry.personal_salt),
        ):
            digest = said.get(name)
            if digest is not None and text is None and salt is None:
                erased = True
            elif digest != _committed(text, salt):
                yield _of(entry, "changed", f"{_WORDS[name]} are not what was told", None)
        verdict.erased += erased


_WORDS = {"client": "the address and the program", "personal": "the personal fields"}


def _committed(text: str | None, salt: bytes | None) -> str | None:
    if text is None and salt is None:
        return None
    return sha256((salt or b"") + (text or "").encode()).hexdigest()


def _published(
    heads: Sequence[Head],
    links: Sequence[Link],
    anchors: Sequence[Checkpoint],
    public: bytes | None,
    verdict: Verdict,
) -> Iterator[Finding]:
    known = {one.sequence: one.hash for one in anchors} | {link.sequence: link.hash for link in links}
    if public is None:
        verdict.unchecked.append("the heads' signatures: give the key that signs (--key)")
    if not heads:
        verdict.unchecked.append("the end: none of the heads is of this organisation")
    highest = max((head.sequence for head in heads), default=0)
    for head in heads:
        if public is not None and not is_signed(public, head.signature, head.text):
            yield Finding(
                "forged", f"the head of {head.at} is not signed by the installation's key", head.sequence
            )
        elif head.sequence > verdict.last:
            if head.sequence == highest:
                gone = f"links {verdict.last + 1} to {highest} were published at {head.at} and are not there"
                yield Finding("cut off", gone, verdict.last + 1)
        elif head.sequence in known and known[head.sequence] != head.hash:
            yield Finding(
                "rewritten", f"the chain was another when it was published at {head.at}", head.sequence
            )
    if highest < verdict.last:
        verdict.unchecked.append(f"links {highest + 1} to {verdict.last}: no head is published of them yet")
