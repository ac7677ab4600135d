from typing import Any

from django.db.models import Model

from chatapp.accounts.models import AuditEvent, Outcome, User
from chatapp.accounts.origin import current_origin

MAX_REASON_CHARACTERS = 2000


def record_event(
    *,
    actor: User | None,
    action: str,
    obj: Model | None = None,
    object_id: str = "",
    detail: dict[str, object] | None = None,
    before: dict[str, object] | None = None,
    after: dict[str, object] | None = None,
    reason: str = "",
    outcome: Outcome = Outcome.SUCCESS,
) -> AuditEvent:
    """Write one audit event in the caller's transaction; from where is added by itself (chatapp/accounts/origin.py).

    `object_id` names what may not exist, where `obj` cannot. `detail`, `before` and `after` are JSON and never hold
    message text or secrets; `reason` is what a person gave.
    """
    origin = current_origin()
    address = str(origin.pop("address", ""))
    return AuditEvent.objects.create(
        actor=actor,
        actor_name=_storable(actor.username) if actor else "",
        action=action,
        outcome=outcome,
        object_type=obj._meta.label if obj else "",  # noqa: SLF001 (Django's public name for it)
        object_id=_storable(str(obj.pk) if obj else object_id)[:64],
        detail=_storable(detail or {}),
        before=_storable(before),
        after=_storable(after),
        reason=_storable(reason)[:MAX_REASON_CHARACTERS],
        address=_storable(address)[:45],
        origin=_storable(origin),
    )


def forget_actor(*, user: User) -> int:
    """For an erasure: the name leaves the events of this person, the id stays; how many events had it.

    Events that are not sealed yet are sealed first: the chain covers a digest of the name, so it stays whole.
    """
    from chatapp.accounts.services.sealing import seal_events

    seal_events()
    return AuditEvent.objects.filter(actor=user).exclude(actor_name="").update(actor_name="")


def _storable(value: Any) -> Any:
    """PostgreSQL takes neither NUL nor half a character."""
    if isinstance(value, str):
        return value.replace("\0", "").encode(errors="replace").decode()
    if isinstance(value, dict):
        return {_storable(str(key)): _storable(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(one) for one in value]
    return value
