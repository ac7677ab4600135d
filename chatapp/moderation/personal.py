"""Personal data and secrets in stored text: whoever shows or exports it masks them, unless a reviewer asks."""

from collections.abc import Sequence
from functools import cache

from chatapp.moderation.checks import pii, secrets
from chatapp.moderation.checks.check import Check
from chatapp.moderation.checks.examiner import Hit
from chatapp.moderation.checks.pii_forms import FORMS
from chatapp.moderation.checks.scanner import scan
from chatapp.moderation.models import Action, Severity, Stage

_ENTITIES = [entity for entity in pii.ENTITIES if entity != "location"]


def find_personal_data(texts: Sequence[str]) -> list[list[Hit]]:
    """Forms, names, addresses and numbers, in the order of the text and without overlaps; towns are nobody's secret.

    Only in workers: it loads the model for names, and Presidio. Raises ExaminerError.
    """
    examiner = pii.build_examiner(_ENTITIES)
    found = examiner.examine(texts) if examiner else [[] for _ in texts]
    return [without_overlaps([*find_by_form(text), *hits]) for text, hits in zip(texts, found, strict=True)]


def find_by_form(text: str) -> list[Hit]:
    """What a checksum or a strict form proves: cards, accounts, national numbers, e-mail, phone, secrets. Light."""
    spans = [span for check in _every_form() for span in scan(check, text)]
    return without_overlaps([Hit(span.start, span.end, mask=span.mask, label=span.label) for span in spans])


def mask_personal_data(text: str, hits: Sequence[Hit]) -> str:
    """`text` with each hit's mask in its place."""
    pieces, done = [], 0
    for hit in without_overlaps(hits):
        pieces += [text[done : hit.start], hit.mask]
        done = hit.end
    return "".join([*pieces, text[done:]])


def without_overlaps(hits: Sequence[Hit]) -> list[Hit]:
    """The hits in order; of those that overlap, one from the first's start to the last's end, named as the longest."""
    apart: list[Hit] = []
    for hit in sorted(hits, key=lambda hit: (hit.start, -hit.end)):
        if apart and hit.start < apart[-1].end:
            before = apart.pop()
            longer = max(before, hit, key=lambda one: one.end - one.start)
            apart.append(Hit(before.start, max(before.end, hit.end), longer.score, longer.mask, longer.label))
        else:
            apart.append(hit)
    return apart


@cache
def _every_form() -> tuple[Check, ...]:
    kinds = {"pii": pii.build({"entities": list(FORMS)}), "secrets": secrets.build({})}
    return tuple(
        Check(
            name=kind,
            kind=kind,
            stage=Stage.INPUT,
            action=Action.MASK,
            severity=Severity.LOW,
            matchers=parts.matchers,
            max_span=parts.max_span,
        )
        for kind, parts in kinds.items()
    )
