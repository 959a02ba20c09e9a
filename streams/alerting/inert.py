"""Free text of people, made harmless once for all channels: one line, bounded, without control characters."""

import unicodedata
from urllib.parse import quote, urlsplit

_ELLIPSIS = "…"
_FORBIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode's categories of controls, of what is invisible or turns writing round, and of no character."""
_MARKS = 4
"""Combining marks on one character at most: more of them hide the lines above and below."""
_SAFE_IN_URLS = ":/?#[]@!$&'()*+,;=%-._~"
_LONGEST_URL = 2000


def clean(text: str, limit: int) -> str:
    """Return `text` on one line, at most `limit` characters, without controls and what cannot be seen.

    A line break or tab is a space. What is cut ends with an ellipsis. What looks like markup stays as it is:
    escaping is the channel's.
    """
    # Much of the head may be invisible, and 10,000 characters are not read for a hundred.
    head = unicodedata.normalize("NFC", text[: 4 * limit])
    shown = "".join(_plain(character) for character in head)
    shown = " ".join(_few_marks(shown).split())
    return shorten(shown, limit, cut=len(text) > 4 * limit)


def shorten(text: str, limit: int, *, cut: bool = False) -> str:
    """Return at most `limit` characters; what is cut off, or was before (`cut`), is said by an ellipsis."""
    if len(text) <= limit and not cut:
        return text
    return text[: limit - 1].rstrip() + _ELLIPSIS


def web_address(text: str) -> str | None:
    """Return an http(s) address that no channel can read as anything else, None for what is none.

    One with a user's name before the host is none: it is there to be taken for the host.
    """
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        return None
    address = quote(text, safe=_SAFE_IN_URLS)
    return address if len(address) <= _LONGEST_URL else None


def _plain(character: str) -> str:
    if character.isspace():
        return " "
    return "" if unicodedata.category(character) in _FORBIDDEN else character


def _few_marks(text: str) -> str:
    kept, row = [], 0
    for character in text:
        row = row + 1 if unicodedata.combining(character) else 0
        if row <= _MARKS:
            kept.append(character)
    return "".join(kept)
