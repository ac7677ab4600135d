"""A source as the file that an employee would upload. The same source always gives the same bytes."""

from chatapp.demo.blocks import parse_blocks
from chatapp.demo.sources import Format, Source

MEDIA_TYPES: dict[Format, str] = {
    "md": "text/markdown",
    "txt": "text/plain",
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}


def render_document(source: Source) -> bytes:
    """The PDF and Word libraries are imported only when such a file is written."""
    if source.format == "md":
        return source.markdown.encode()
    blocks = parse_blocks(source.markdown)
    match source.format:
        case "txt":
            from chatapp.demo.formats.text import write_text

            return write_text(blocks)
        case "pdf":
            from chatapp.demo.formats.pdf import write_pdf

            return write_pdf(blocks, title=source.title)
        case "docx":
            from chatapp.demo.formats.word import write_word

            return write_word(blocks, title=source.title)
