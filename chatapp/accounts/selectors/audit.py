from django.db.models import QuerySet

from chatapp.accounts.models import AuditEvent, User
from chatapp.accounts.permissions import can


def list_audit_events_for(user: User) -> QuerySet[AuditEvent]:
    return AuditEvent.objects.all() if can(user, "accounts.view_audit") else AuditEvent.objects.none()
