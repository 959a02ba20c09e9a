"""A message as Slack's Block Kit.

Whatever people wrote stands in `plain_text`, which Slack does not read as markup; `mrkdwn` holds only names
and addresses of ours, and verbatim. &, < and > are escaped in both, as Slack asks.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from streams.alerting.inert import shorten
from streams.alerting.message import Link, Listed, Message

TEXT, FIELD, HEADER, BLOCKS = 3000, 2000, 150, 50
"""Slack's limits: characters of a text, a field and a header, after escaping; blocks of a message."""
_FIELDS = 10


def render(message: Message) -> dict[str, Any]:
    """Return the body for an incoming webhook or chat.postMessage, without the channel."""
    return {
        "text": _escaped(message.title, TEXT),
        "mrkdwn": False,
        "unfurl_links": False,
        "unfurl_media": False,
        "blocks": list(_blocks(message))[:BLOCKS],
    }


def _blocks(message: Message) -> Iterator[dict[str, Any]]:
    yield {"type": "header", "text": _plain(message.title, HEADER)}
    if message.sentence not in message.title:
        yield {"type": "section", "text": _plain(message.sentence, TEXT)}
    for facts in _groups(message.facts):
        fields = [field for name, said in facts for field in (_own(f"*{name}*"), _plain(said, FIELD))]
        yield {"type": "section", "fields": fields}
    for listed in message.lists:
        yield {"type": "section", "text": _plain(_lines(listed), TEXT)}
    if message.links:
        yield {"type": "section", "text": _own(" | ".join(map(_link, message.links)))}
    yield {"type": "context", "elements": [_plain(message.note, FIELD)]}


def _groups(facts: Sequence[tuple[str, str]]) -> Iterator[Sequence[tuple[str, str]]]:
    size = _FIELDS // 2
    return (facts[start : start + size] for start in range(0, len(facts), size))


def _lines(listed: Listed) -> str:
    return "\n".join((listed.heading, *(f"• {line}" for line in listed.lines)))


def _link(link: Link) -> str:
    # A bar would end the address; `inert.web_address` has encoded it and the brackets already.
    return f"<{_escaped(link.address, TEXT)}|{link.name}>"


def _plain(text: str, limit: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": _escaped(text, limit) or "-", "emoji": False}


def _own(markup: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": markup, "verbatim": True}


def _escaped(text: str, limit: int) -> str:
    """Return the text escaped and then at most `limit` characters, with no entity cut in two."""
    while len(shown := text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")) > limit:
        text = shorten(text, len(text) - max((len(shown) - limit) // 5, 1))
    return shown
