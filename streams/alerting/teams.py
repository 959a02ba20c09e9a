"""A message as an Adaptive Card, which a workflow of Teams posts to a channel.

Whatever people wrote stands in a TextRun, which has no markdown, unlike a TextBlock or a fact.
"""

import json
from collections.abc import Iterator
from typing import Any

from streams.alerting.message import Listed, Message

BYTES = 28_000
"""What Teams takes of a message at most, about."""
_CARD = "application/vnd.microsoft.card.adaptive"
_SCHEMA = "http://adaptivecards.io/schemas/adaptive-card.json"


def render(message: Message) -> dict[str, Any]:
    """Return the body for the workflow's address; lists are shortened where it would be too large."""
    lists = list(message.lists)
    body = _body(message, lists)
    while lists and len(json.dumps(body, ensure_ascii=False).encode()) > BYTES:
        last = lists.pop()
        if len(last.lines) > 1:
            lists.append(Listed(last.heading, (*last.lines[: len(last.lines) // 2 - 1], "and more")))
        body = _body(message, lists)
    return body


def _body(message: Message, lists: list[Listed]) -> dict[str, Any]:
    card = {
        "$schema": _SCHEMA,
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": list(_elements(message, lists)),
        "actions": [
            {"type": "Action.OpenUrl", "title": link.name, "url": link.address} for link in message.links
        ],
    }
    attachment = {
        "contentType": _CARD,
        "contentUrl": None,
        "content": card,
    }
    return {"type": "message", "attachments": [attachment]}


def _elements(message: Message, lists: list[Listed]) -> Iterator[dict[str, Any]]:
    yield _text(message.title, weight="Bolder", size="Large")
    if message.sentence not in message.title:
        yield _text(message.sentence)
    yield from (_fact(name, said) for name, said in message.facts)
    for listed in lists:
        yield _text(listed.heading, weight="Bolder")
        yield from (_text(f"• {line}") for line in listed.lines)
    yield _text(message.note, isSubtle=True, size="Small")


def _fact(name: str, said: str) -> dict[str, Any]:
    columns = [
        {"type": "Column", "width": "130px", "items": [_text(name, weight="Bolder")]},
        {"type": "Column", "width": "stretch", "items": [_text(said)]},
    ]
    return {"type": "ColumnSet", "spacing": "Small", "columns": columns}


def _text(text: str, **style: Any) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, **style}]}
