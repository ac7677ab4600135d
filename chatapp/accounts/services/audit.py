from django.db.models import Model

from chatapp.accounts.models import AuditEvent, User


def record_event(
    *,
    actor: User | None,
    action: str,
    obj: Model | None = None,
    detail: dict[str, object] | None = None,
    before: dict[str, object] | None = None,
    after: dict[str, object] | None = None,
    reason: str = "",
) -> AuditEvent:
    """Write one audit event in the caller's transaction.

    `detail`, `before` and `after` are JSON and never hold message text or secrets; `reason` is what a person gave.
    """
    change = {"before": before, "after": after, "reason": reason}
    return AuditEvent.objects.create(
        actor=actor,
        actor_name=actor.username if actor else "",
        action=action,
        object_type=obj._meta.label if obj else "",  # noqa: SLF001 (Django's public name for it)
        object_id=str(obj.pk) if obj else "",
        detail={**(detail or {}), **{key: value for key, value in change.items() if value}},
    )
