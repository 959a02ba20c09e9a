"""docs/bad-input.md as data: requests to send, and what they are answered."""

import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from tests.tokens import signed

CATALOGUE = Path(__file__).parents[2] / "docs" / "bad-input.md"
PROVIDER = "https://google.example"


class Row(NamedTuple):
    """A row: who asks for what (`times` in a row), what is sent, what is answered."""

    section: str
    line: int
    who: str
    method: str
    path: str
    times: int
    sent: list[str]
    answer: str
    says: str


def rows() -> Iterator[Row]:
    section = ""
    for line, text in enumerate(CATALOGUE.read_text().splitlines(), 1):
        section = text.removeprefix("## ") if text.startswith("## ") else section
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", text)[1:-1]]
        request = re.fullmatch(r"(?:(.+): )?`([A-Z]+) (/.*)`", cells[0]) if cells else None
        if request:
            who, method, path = request.groups()
            times = re.match(r"(\d+) times", cells[1])
            sent = re.findall(r"`([^`]+)`", cells[1])
            many = int(times[1]) if times else 1
            yield Row(section, line, who or "ann", method, path, many, sent, cells[2], cells[3])


def id_token(who: str) -> str:
    now = int(time.time())
    email = f"{who}@people.example"
    claims = {"iss": PROVIDER, "aud": "us", "sub": who, "iat": now, "exp": now + 60, "name": who.title()}
    return signed({**claims, "email": email, "email_verified": True})


def written_out(text: str, known: Mapping[str, str]) -> str:
    """Return the text with what stands in angle brackets: `<101 x>` is 101 of x, `<project>` an id."""

    def meant(match: re.Match[str]) -> str:
        many = re.fullmatch(r"(\d+) (.+)", match[1])
        if many:
            return int(many[1]) * many[2]
        if match[1].startswith("id_token of "):
            return id_token(match[1].removeprefix("id_token of "))
        return known.get(match[1], match[0])

    return re.sub(r"<([^<>]+)>", meant, text)
