"""What the company tells one employee about one of their answers."""

from uuid import UUID

from django.db.models.functions import Now

from chatapp.accounts.models import User
from chatapp.errors import ChatappError
from chatapp.moderation.models import Flag, Notice


def notify_employee(*, user: User, generation_id: UUID, text: str, flag: Flag | None = None) -> Notice:
    """Shown to them until they have read it. `text` is plain words, without the name of whoever decided.

    `flag` is what the notice tells of, so that it can be taken back with the decision.
    """
    return Notice.objects.create(user=user, generation_id=generation_id, text=text, flag=flag)


def withdraw_notices(*, flag: Flag) -> int:
    """Of a decision that was undone: those that nobody has read. Returns how many."""
    return Notice.objects.filter(flag=flag, read_at=None).delete()[0]


def read_notice(*, user: User, notice_id: UUID) -> None:
    """Idempotent. Raises ChatappError("not_found")."""
    own = Notice.objects.filter(id=notice_id, user=user)
    if not own.exists():
        raise ChatappError("not_found")
    own.filter(read_at=None).update(read_at=Now())


def read_all_notices(*, user: User) -> int:
    """Returns how many were new."""
    return Notice.objects.filter(user=user, read_at=None).update(read_at=Now())
