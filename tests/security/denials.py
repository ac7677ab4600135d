"""What the audit log says of access that was refused: for the tests of cases in which B reaches for what is A's."""

from collections.abc import Iterator
from contextlib import contextmanager

from chatapp.accounts.models import AuditEvent, User


def denials(user: User) -> list[AuditEvent]:
    """Oldest first."""
    return list(AuditEvent.objects.filter(actor=user, action="access.denied").order_by("at", "id"))


@contextmanager
def one_denial(user: User, asked_for: object) -> Iterator[None]:
    """What happens inside leaves exactly one `access.denied` event of this person, about that id."""
    before = len(denials(user))
    yield
    new = denials(user)[before:]
    assert [event.object_id for event in new] == [str(asked_for)], [(event.action, event.detail) for event in new]
