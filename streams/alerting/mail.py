"""A message as an e-mail: plain text, HTML beside it, and the chart within."""

from dataclasses import dataclass
from email import policy
from email.message import EmailMessage, MIMEPart
from email.utils import format_datetime, parseaddr
from hashlib import sha256

from streams.alerting import page, text
from streams.alerting.content import Kind
from streams.alerting.message import STORM, Message, first_key
from streams.alerting.places import Places


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG and what it shows, in words."""

    png: bytes
    words: str


@dataclass(frozen=True, slots=True)
class Envelope:
    """From and to whom, as headers have them: `Augentis <alerts@example.org>`."""

    sender: str
    to: str


def render(
    message: Message, envelope: Envelope, places: Places, picture: Picture | None = None
) -> EmailMessage:
    """Return the e-mail, the same bytes for the same message.

    Its Message-ID follows from what is told, and each is an answer to the first of its thread. Of what is
    told as one the first has an id that no mail needs to have: mailboxes put together what names it.

    Raises:
        ValueError: an address or a header has a line break in it.
    """
    mail = EmailMessage(policy.SMTP)
    _add(mail, "Subject", message.title.replace("=?", "= ?"))
    _add(mail, "From", envelope.sender)
    _add(mail, "To", envelope.to)
    mail["Date"] = format_datetime(message.at)
    own, first = _ids(message, places.host if places.base else _host(envelope))
    mail["Message-ID"] = own
    if own != first and message.kind is not Kind.TEST:
        mail["In-Reply-To"] = first
        mail["References"] = first
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    _fill(mail, message, own, picture)
    return mail


def _add(mail: EmailMessage, name: str, value: str) -> None:
    """Add a header; `=?` would begin an encoded word, in which a line break may hide that ends the header."""
    mail[name] = value
    if "=?" in value or {"\r", "\n"} & set(str(mail[name])):
        raise ValueError(f"{name} has a line break in it")


def _fill(mail: EmailMessage, message: Message, own: str, picture: Picture | None) -> None:
    name = f"chart@{sha256(own.encode()).hexdigest()[:32]}"  # short, since long headers are folded
    mail.set_content(text.render(message), cte="quoted-printable")
    html = page.render(message, (name, picture.words) if picture else None)
    mail.add_alternative(html, subtype="html", cte="quoted-printable")
    if picture:
        parts = mail.get_payload()
        assert isinstance(parts, list)  # noqa: S101  # what add_alternative has made
        shown = parts[1]
        assert isinstance(shown, MIMEPart)  # noqa: S101  # likewise
        shown.add_related(
            picture.png, "image", "png", cid=f"<{name}>", disposition="inline", filename="chart.png"
        )
    _name_boundaries(mail, own)


def _name_boundaries(mail: EmailMessage, own: str) -> None:
    """Give each part a boundary that follows from the message, in place of a random one."""
    for number, part in enumerate(part for part in mail.walk() if part.is_multipart()):
        part.set_boundary(f"={sha256(f'{number}/{own}'.encode()).hexdigest()[:32]}=")


def _ids(message: Message, host: str) -> tuple[str, str]:
    """Return the id of this mail, and that of the first of its thread."""
    first = str(Kind.STORM) if message.subject.kind == STORM else first_key()
    return f"<{message.subject.id}.{message.key}@{host}>", f"<{message.subject.thread}.{first}@{host}>"


def _host(envelope: Envelope) -> str:
    """Return the sender's host: one that there is, unlike the name that stands for an unknown place."""
    return parseaddr(envelope.sender)[1].rpartition("@")[2]
