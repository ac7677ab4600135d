"""E-mail (RFC 5322, MIME): subject, who and when, the text, then each attachment by its own format."""

from email import policy
from email.message import EmailMessage, MIMEPart
from email.parser import BytesParser
from pathlib import Path

from chatapp.retrieval.parsing import Block, BlockKind, Parsed, ParsingError, Reason
from chatapp.retrieval.parsing.budget import current_budget
from chatapp.retrieval.parsing.cleaning import clean
from chatapp.retrieval.parsing.limits import MEMBERS
from chatapp.retrieval.parsing.members import Members
from chatapp.retrieval.parsing.reading import shown_name
from chatapp.retrieval.parsing.txt import parse_text
from chatapp.retrieval.parsing.web import parse_html

_SHOWN_HEADERS = ("From", "To", "Cc", "Date")
_HEADER_CHARACTERS = 2_000


def parse(path: Path) -> Parsed:
    message = BytesParser(EmailMessage, policy=policy.default).parsebytes(path.read_bytes())
    if not message.keys():
        raise ParsingError(Reason.DAMAGED)
    subject = _header(message, "Subject")
    lines = [f"{name}: {value}" for name in _SHOWN_HEADERS if (value := _header(message, name))]
    body, notes = _body(message)
    members = Members("attachment")
    attachments = list(message.iter_attachments()) if message.is_multipart() else []
    if len(attachments) > MEMBERS:
        raise ParsingError(Reason.TOO_LARGE)
    blocks = [
        Block(BlockKind.HEADING, subject or shown_name(""), level=1),
        Block(BlockKind.TEXT, "\n".join(lines)),
        *body,
    ]
    current_budget().spend_characters(sum(len(block.text) for block in blocks))
    for part in attachments:
        blocks += _attachment(part, members)
    return Parsed([block for block in blocks if block.text], title=subject, notes=[*notes, *members.notes()])


def _header(message: MIMEPart, name: str) -> str:
    try:
        value = str(message.get(name, ""))
    except (ValueError, LookupError, AttributeError, TypeError):  # headers that the standard library trips over
        return ""
    return " ".join(clean(value).split())[:_HEADER_CHARACTERS]


def _body(message: EmailMessage) -> tuple[list[Block], list[str]]:
    """The plain part where there is one; what is quoted in it stays."""
    for kind in ("plain", "html"):
        part = message.get_body(preferencelist=(kind,))
        data = _payload(part) if part is not None else b""
        if part is None or not data.strip():
            continue
        if kind == "html":
            parsed = parse_html(data)
            return parsed.blocks, parsed.notes
        return parse_text(clean(_text(part, data))).blocks, []
    return [], []


def _text(part: MIMEPart, data: bytes) -> str:
    try:
        return data.decode(part.get_content_charset() or "utf-8", errors="replace")
    except (LookupError, ValueError):
        return data.decode("utf-8", errors="replace")


def _payload(part: MIMEPart) -> bytes:
    data = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""


def _attachment(part: MIMEPart, members: Members) -> list[Block]:
    """A forwarded message is a file like any other; a picture inside the text is none."""
    if part.get_content_disposition() == "inline" and part.get_content_maintype() == "image":
        return []
    if part.get_content_type() == "message/rfc822":
        inner = part.get_payload(0) if part.is_multipart() else None
        data = inner.as_bytes() if isinstance(inner, EmailMessage) else b""
        name = _header(inner, "Subject") if isinstance(inner, EmailMessage) else ""
        return members.read(name=f"{name or 'message'}.eml", media_type="", data=data, level=2)
    name = part.get_filename() or f"attachment.{part.get_content_subtype()}"
    return members.read(name=name, media_type=part.get_content_type(), data=_payload(part), level=2)
