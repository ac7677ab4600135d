from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.errors import ChatappError
from chatapp.privacy.models import DataExport, ExportStatus


def list_exports_for(user: User) -> QuerySet[DataExport]:
    return DataExport.objects.filter(user=user)


def get_ready_export_for(user: User, export_id: UUID) -> DataExport:
    """Raises ChatappError("not_found") too for one that is not ready or has expired."""
    ready = list_exports_for(user).filter(status=ExportStatus.READY, expires_at__gt=timezone.now())
    export = ready.filter(id=export_id).first()
    if export is None:
        raise ChatappError("not_found")
    return export
