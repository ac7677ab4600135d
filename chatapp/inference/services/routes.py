from django.db import transaction

from chatapp.accounts.models import User
from chatapp.accounts.permissions import require
from chatapp.accounts.services import record_event
from chatapp.inference.models import ModelVersion, Route


@transaction.atomic
def set_serving_version(*, user: User | None, version: ModelVersion, route: str = Route.DEFAULT) -> Route:
    """New answers come from it. Running ones keep theirs: a version is resolved when a generation is claimed.

    Raises ChatappError("forbidden").
    """
    if user is not None:
        require(user, "inference.serve_version", version)
    before = Route.objects.select_for_update().filter(name=route).select_related("version").first()
    after, _ = Route.objects.update_or_create(name=route, defaults={"version": version, "updated_by": user})
    if before is None or before.version_id != version.id:
        detail: dict[str, object] = {"route": route, "from": before.version.name if before else "", "to": version.name}
        record_event(actor=user, action="inference.version_served", obj=version, detail=detail)
    return after
