"""The written sources of the demo company: Markdown with a few lines of front matter."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

FOLDER = Path(__file__).parent / "handbook"
Format = Literal["md", "txt", "pdf", "docx"]


@dataclass(frozen=True, slots=True)
class Source:
    slug: str
    title: str
    collection: str
    format: Format
    body: str

    @property
    def file_name(self) -> str:
        return f"{self.slug}.{self.format}"

    @property
    def markdown(self) -> str:
        return f"# {self.title}\n\n{self.body}"


def load_sources(folder: Path = FOLDER) -> list[Source]:
    """Sorted by slug. Raises ValueError, naming the file, when the front matter is not as expected."""
    return list(_read_all(folder))


def _read_all(folder: Path) -> Iterator[Source]:
    for path in sorted(folder.glob("*.md")):
        try:
            yield _parse(path.stem, path.read_text(encoding="utf-8"))
        except (KeyError, ValueError) as error:
            message = f"{path.name}: unusable front matter ({error})"
            raise ValueError(message) from error


def _parse(slug: str, text: str) -> Source:
    before, head, body = text.split("---\n", 2)
    if before:
        message = "it does not begin on the first line"
        raise ValueError(message)
    fields = dict(line.split(": ", 1) for line in head.splitlines())
    return Source(slug, fields["title"], fields["collection"], _format(fields["format"]), body.strip() + "\n")


def _format(name: str) -> Format:
    for known in get_args(Format):
        if known == name:
            return known  # type: ignore[no-any-return]  # get_args forgets the literal's type
    message = f"unknown format {name}"
    raise ValueError(message)
