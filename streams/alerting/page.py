"""A message as HTML for mailboxes: tables, nothing from outside, and the reader's own colours."""

from html import escape

from streams.alerting.message import Link, Listed, Message

_FONT = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
_CELL = "padding:4px 12px 4px 0;vertical-align:top;text-align:left"
# Only a grey that shows on white and on black: mailboxes turn colours round as they like.
_RULE = "border-top:1px solid #888888"


def render(message: Message, picture: tuple[str, str] | None = None) -> str:
    """Return the page; `picture` is the Content-ID and the words of an image that is sent with it."""
    title = escape(message.title)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="color-scheme" content="light dark">\n'
        '<meta name="supported-color-schemes" content="light dark">\n'
        f"<title>{title}</title>\n</head>\n"
        f'<body style="margin:0;padding:16px;{_FONT};font-size:14px;line-height:1.4">\n'
        '<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="max-width:640px">\n'
        f'<tr><td dir="auto" style="font-size:18px;font-weight:bold;padding-bottom:8px">{title}</td></tr>\n'
        f"{_sentence(message)}{_picture(picture)}{_buttons(message.links)}"
        f"<tr><td>{_facts(message)}</td></tr>\n"
        f"{''.join(map(_listed, message.lists))}"
        f'<tr><td style="{_RULE};padding-top:8px;font-size:12px">{escape(message.note)}</td></tr>\n'
        "</table>\n</body>\n</html>\n"
    )


def _sentence(message: Message) -> str:
    if message.sentence in message.title:
        return ""
    return f'<tr><td dir="auto" style="padding-bottom:12px">{escape(message.sentence)}</td></tr>\n'


def _picture(picture: tuple[str, str] | None) -> str:
    if picture is None:
        return ""
    name, words = picture
    return (
        f'<tr><td style="padding-bottom:12px"><img src="cid:{escape(name)}" alt="{escape(words)}" '
        'width="600" height="240" style="display:block;max-width:100%;height:auto;border:0"></td></tr>\n'
    )


def _buttons(links: tuple[Link, ...]) -> str:
    if not links:
        return ""
    shown = " &nbsp; ".join(f'<a href="{escape(link.address)}">{escape(link.name)}</a>' for link in links)
    return f'<tr><td style="padding-bottom:12px">{shown}</td></tr>\n'


def _facts(message: Message) -> str:
    rows = "".join(
        f'<tr><th scope="row" style="{_CELL};white-space:nowrap">{escape(name)}</th>'
        f'<td dir="auto" style="{_CELL}">{escape(said)}</td></tr>\n'
        for name, said in message.facts
    )
    style = "margin-bottom:12px;font-size:14px"
    return f'\n<table cellpadding="0" cellspacing="0" style="{style}">\n{rows}</table>\n'


def _listed(listed: Listed) -> str:
    rows = "".join(
        f'<tr><td dir="auto" style="padding:2px 0 2px 12px">{escape(line)}</td></tr>\n'
        for line in listed.lines
    )
    return (
        f'<tr><td style="font-weight:bold">{escape(listed.heading)}</td></tr>\n{rows}'
        '<tr><td style="padding-bottom:12px"></td></tr>\n'
    )
