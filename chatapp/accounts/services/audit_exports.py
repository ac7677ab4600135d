from django.db import transaction

from chatapp.accounts.models import User
from chatapp.accounts.permissions import require
from chatapp.accounts.selectors.audit import AuditSearch
from chatapp.accounts.services.audit import record_event
from chatapp.errors import ChatappError

MIN_REASON_CHARACTERS = 10


@transaction.atomic
def begin_audit_export(*, user: User, search: AuditSearch, reason: str, limit: int) -> None:
    """Writes down who takes which part of the log away, and why. Raises ChatappError: forbidden, invalid."""
    require(user, "accounts.view_audit")
    reason = " ".join(reason.split())
    if len(reason) < MIN_REASON_CHARACTERS:
        raise ChatappError("invalid", detail=f"give a reason of at least {MIN_REASON_CHARACTERS} characters.")
    detail: dict[str, object] = {"search": search.as_fields(), "limit": limit}
    record_event(actor=user, action="audit.exported", detail=detail, reason=reason)
