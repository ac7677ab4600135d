"""Whether the record of audit events is whole. For operators at a command line, who are no users."""

from collections.abc import Iterator
from dataclasses import dataclass

from chatapp.accounts.chain import BEGINNING, digest_of_name, hash_of
from chatapp.accounts.models import AuditEvent

CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Verification:
    """`problem` is empty when all is well, else about event `broken_at`; `head_*` are of the last good event."""

    checked: int
    unsealed: int
    head_number: int
    head_hash: str
    broken_at: int | None = None
    problem: str = ""


def find_head() -> AuditEvent | None:
    return AuditEvent.objects.filter(number__isnull=False).order_by("-number").first()


def verify_chain(*, first: int = 1, expected_hash: str = "") -> Verification:
    """Reads every sealed event from number `first` on. `expected_hash` is one that was kept elsewhere: some event of
    those read must have it, or the record was cut off or written anew.
    """
    unsealed = AuditEvent.objects.filter(number=None).count()
    before = AuditEvent.objects.filter(number=first - 1).first() if first > 1 else None
    number, previous = first - 1, before.hash if before else BEGINNING
    checked, has_anchor = 0, not expected_hash or previous == expected_hash
    if first > 1 and before is None:
        return Verification(0, unsealed, 0, "", first - 1, "it is missing")
    for event in _sealed_from(first):
        problem = _problem_of(event, number + 1, previous)
        if problem:
            return Verification(checked, unsealed, number, previous, number + 1, problem)
        number, previous, checked = number + 1, event.hash, checked + 1
        has_anchor = has_anchor or event.hash == expected_hash
    problem = "" if has_anchor else "no event has the expected hash: the record was cut off or written anew"
    return Verification(checked, unsealed, number, previous, None if has_anchor else number, problem)


def _sealed_from(first: int) -> Iterator[AuditEvent]:
    sealed = AuditEvent.objects.filter(number__gte=first).defer("search").order_by("number")
    return sealed.iterator(chunk_size=CHUNK)


def _problem_of(event: AuditEvent, number: int, previous: str) -> str:
    if event.number != number:
        return "it is missing"
    if event.previous_hash != previous:
        return "it does not follow the event before it"
    if event.actor_name and event.name_digest != digest_of_name(event):
        return "the name of its actor was changed"
    if event.hash != hash_of(event):
        return "it was changed"
    return ""
