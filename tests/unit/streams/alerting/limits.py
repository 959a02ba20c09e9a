"""What each channel takes of a message: read here from their documentation, apart from the renderers."""

import json
import re
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

OWN_MARKUP = re.compile(
    r"\*[A-Z][A-Za-z ]*\*|<https?://[^<>|\s]+\|[A-Z][A-Za-z ]*>( \| <https?://[^<>|\s]+\|[A-Z][A-Za-z ]*>)*"
)
LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def walk(value: Any) -> Any:
    yield value
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from walk(each)


def slack(body: Any) -> None:
    assert 1 <= len(body["blocks"]) <= 50
    assert len(body["text"]) <= 3000
    assert not re.search("[<>]", body["text"])
    assert (body["mrkdwn"], body["unfurl_links"]) == (False, False)
    for each in walk(body["blocks"]):
        if not isinstance(each, dict) or each.get("type") not in ("plain_text", "mrkdwn"):
            continue
        assert 1 <= len(each["text"]) <= 3000
        if each["type"] == "mrkdwn":
            assert each["verbatim"]
            assert OWN_MARKUP.fullmatch(each["text"]), each
        else:
            assert not re.search("[<>]|&(?!amp;|lt;|gt;)", each["text"])
    for block in body["blocks"]:
        if block["type"] == "header":
            assert len(block["text"]["text"]) <= 150
        assert len(block.get("fields", [])) <= 10
        assert all(len(field["text"]) <= 2000 for field in block.get("fields", []))


def teams(body: Any) -> None:
    assert len(json.dumps(body, ensure_ascii=False).encode()) <= 28 * 1024
    [attachment] = body["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    kinds = {
        each["type"] for each in walk(attachment["content"]) if isinstance(each, dict) and "type" in each
    }
    # TextBlock and FactSet would read markdown.
    assert kinds <= {"AdaptiveCard", "RichTextBlock", "TextRun", "ColumnSet", "Column", "Action.OpenUrl"}
    assert not any("selectAction" in each for each in walk(body) if isinstance(each, dict))
    for action in attachment["content"]["actions"]:
        assert urlsplit(action["url"]).scheme in ("http", "https")


def pagerduty(event: Any) -> None:
    assert event["event_action"] in ("trigger", "acknowledge", "resolve")
    assert 1 <= len(event["dedup_key"]) <= 255
    payload = event["payload"]
    assert 1 <= len(payload["summary"]) <= 1024
    assert payload["source"]
    assert payload["severity"] in ("critical", "error", "warning", "info")
    assert datetime.fromisoformat(payload["timestamp"]).tzinfo
    assert isinstance(payload["custom_details"], dict)
    assert all(urlsplit(link["href"]).scheme in ("http", "https") and link["text"] for link in event["links"])
    assert len(json.dumps(event)) <= 512 * 1024


def alertmanager(alerts: Any) -> None:
    """As `postableAlerts` of its API, version 2."""
    for alert in alerts:
        assert set(alert) <= {"labels", "annotations", "startsAt", "endsAt", "generatorURL"}
        assert alert["labels"]["alertname"]
        for name, said in [*alert["labels"].items(), *alert["annotations"].items()]:
            assert LABEL.fullmatch(name), name
            assert isinstance(said, str)
            assert not re.search("[<>]", said)
        assert all(alert["labels"].values())
        begins, ends = (datetime.fromisoformat(alert[name]) for name in ("startsAt", "endsAt"))
        assert begins < ends
        assert urlsplit(alert.get("generatorURL", "https://")).scheme in ("http", "https")
