"""Texts as people at a company read and write them: paragraphs of the demo company's handbook."""

from collections.abc import Iterator

from chatapp.demo.sources import load_sources

SHORTEST = 200


def read_paragraphs() -> list[str]:
    """Prose only, at least SHORTEST characters each."""
    return [paragraph for source in load_sources() for paragraph in _prose(source.markdown)]


def _prose(markdown: str) -> Iterator[str]:
    for block in markdown.split("\n\n"):
        text = " ".join(block.split())
        if len(text) >= SHORTEST and text[0].isalpha():
            yield text


def read_prompts(characters: int) -> list[str]:
    """Texts of exactly so many characters, each of other paragraphs."""
    whole = " ".join(read_paragraphs())
    return [whole[at : at + characters] for at in range(0, len(whole) - characters + 1, characters)]
