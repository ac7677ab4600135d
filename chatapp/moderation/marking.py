"""Text of an exchange as reviewers see it: what a check objects to is marked, personal data is masked."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from chatapp.moderation.checks.examiner import Hit
from chatapp.moderation.checks.findings import EXCERPT_MARGIN
from chatapp.moderation.models import Exchange, Flag, Stage
from chatapp.moderation.personal import find_by_form, without_overlaps

MAX_MARKS = 200
# Kinds of checks whose own finds are what nobody needs to read, and what stands for one that has no other name.
SECRETIVE = {"pii": "PERSONAL DATA", "secrets": "SECRET"}
Spans = list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Segment:
    """`hidden`: the text is a label in square brackets, in the place of personal data."""

    text: str
    marked: bool = False
    hidden: bool = False


def mark_excerpt(flag: Flag, *, unmasked: bool = False) -> list[Segment]:
    marks = [_match_in_excerpt(flag)]
    hits = [] if unmasked else [*_hits_of_excerpt(flag), *_own_hits(flag, marks)]
    return segments_of(flag.excerpt, marks=marks, hits=hits)


def mark_field(flag: Flag, field: str, *, unmasked: bool = False) -> list[Segment]:
    """`field` is question, answer or original. Only in the text that was checked are words marked."""
    text = getattr(flag.exchange, field)
    marks = _marks(flag, text) if field == _checked_field(flag) else []
    hits = [] if unmasked else [*find_personal(flag.exchange, field), *_own_hits(flag, marks)]
    return segments_of(text, marks=marks, hits=hits)


def find_personal(exchange: Exchange, field: str) -> list[Hit]:
    """By names too where the pipeline has looked; forms are looked for anew, for a text may have changed since."""
    text = getattr(exchange, field)
    stored = (exchange.personal or {}).get(field, [])
    known = [Hit(start, end, label=label) for start, end, label in stored if end <= len(text)]
    return without_overlaps([*known, *find_by_form(text)])


def segments_of(text: str, *, marks: Spans, hits: Iterable[Hit]) -> list[Segment]:
    """Marks and hits may overlap: a hit that a mark touches is marked as a whole."""
    wanted = sorted(marks)[:MAX_MARKS]
    segments: list[Segment] = []
    done = 0
    for hit in without_overlaps(list(hits)):
        segments += _split(text, done, hit.start, wanted)
        touched = any(start < hit.end and hit.start < end for start, end in wanted)
        segments.append(Segment(f"[{hit.label or 'PERSONAL DATA'}]", marked=touched, hidden=True))
        done = hit.end
    return [*segments, *_split(text, done, len(text), wanted)]


def plain_text(segments: Sequence[Segment]) -> str:
    return "".join(segment.text for segment in segments)


def _split(text: str, left: int, right: int, marks: Spans) -> Iterator[Segment]:
    done = left
    for start, end in marks:
        start, end = max(start, done), min(end, right)  # noqa: PLW2901 (the part of it that lies here)
        if end <= start:
            continue
        if start > done:
            yield Segment(text[done:start])
        yield Segment(text[start:end], marked=True)
        done = end
    if done < right:
        yield Segment(text[done:right])


def _checked_field(flag: Flag) -> str:
    if flag.stage == Stage.INPUT:
        return "question"
    return "" if flag.stage == Stage.CONTEXT else "original" if flag.exchange.original else "answer"


def _match_in_excerpt(flag: Flag) -> tuple[int, int]:
    """Where the first span lies in the excerpt, which starts with an ellipsis if text was cut off before it."""
    if not flag.spans:
        return 0, 0
    start, end = flag.spans[0]
    offset = start if start <= EXCERPT_MARGIN else EXCERPT_MARGIN + 1
    return offset, offset + end - start


def _marks(flag: Flag, text: str) -> Spans:
    """By offsets where they fit the text; a masked or cited text has shifted, so there the words are looked for."""
    spans = [(start, end) for start, end in flag.spans]
    start, end = _match_in_excerpt(flag)
    match = flag.excerpt[start:end]
    if spans and text[slice(*spans[0])] == match:
        return spans
    return list(_occurrences(text, match))


def _occurrences(text: str, match: str) -> Iterator[tuple[int, int]]:
    position = text.find(match) if match else -1
    while position >= 0:
        yield position, position + len(match)
        position = text.find(match, position + len(match))


def _own_hits(flag: Flag, marks: Spans) -> list[Hit]:
    """What the check itself found, where that is personal data or a secret."""
    label = SECRETIVE.get(flag.verdict.kind) if flag.verdict else None
    return [Hit(start, end, label=label) for start, end in marks if end > start] if label else []


def _hits_of_excerpt(flag: Flag) -> list[Hit]:
    """By the whole text that it is of, where that is known: an excerpt may begin or end within a number or a name."""
    length, body = len(flag.excerpt), flag.excerpt.strip("…")
    fields = ("question",) if flag.stage == Stage.INPUT else ("original", "answer", "question")
    field = next((one for one in fields if body and body in getattr(flag.exchange, one)), None)
    if field is None:
        return find_by_form(flag.excerpt)
    shift = flag.excerpt.index(body) - getattr(flag.exchange, field).index(body)
    moved = [(hit, hit.start + shift, hit.end + shift) for hit in find_personal(flag.exchange, field)]
    return [Hit(max(0, a), min(b, length), label=hit.label) for hit, a, b in moved if a < length and b > 0]
