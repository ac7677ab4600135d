"""Model versions: as operators see them, and as callers name them."""

from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can
from chatapp.errors import ChatappError
from chatapp.inference.models import PAST_GATE, WITHDRAWN, ModelVersion, Provider, Route


def list_versions_for(user: User) -> QuerySet[ModelVersion]:
    """Newest first; none for those who do not operate models."""
    versions = ModelVersion.objects.select_related("created_by")
    return versions if can(user, "inference.view_version") else versions.none()


def get_version_for(user: User, version_id: UUID) -> ModelVersion:
    """Raises ChatappError("not_found")."""
    version = list_versions_for(user).filter(id=version_id).first()
    if version is None:
        raise ChatappError("not_found")
    return version


def get_version_by_name(name: str) -> ModelVersion:
    """One that writes, for callers that may use any, not see its record. Raises ChatappError("model_unknown")."""
    version = None if "\0" in name else _that_write().filter(name=name).first()
    if version is None:
        raise ChatappError("model_unknown", name=name[:100])
    return version


def get_asked_version_for(user: User, name: str) -> ModelVersion:
    """One that the user may have answer a question. Raises ChatappError("model_unknown")."""
    version = None if "\0" in name else _asked_by(user).filter(name=name).first()
    if version is None:
        raise ChatappError("model_unknown", name=name[:100])
    return version


def list_asked_versions_for(user: User) -> list[ModelVersion]:
    """What the API offers as models: the serving version first, then by name."""
    return list(_serving_first(_asked_by(user)))


def list_chat_versions() -> list[ModelVersion]:
    """What workers may be given to answer with, in that order too."""
    return list(_serving_first(_that_write().exclude(state__in=WITHDRAWN)))


def _serving_first(versions: QuerySet[ModelVersion]) -> QuerySet[ModelVersion]:
    serving = Exists(Route.objects.filter(name=Route.DEFAULT, version=OuterRef("pk")))
    return versions.annotate(serves=serving).order_by("-serves", "name")


def _asked_by(user: User) -> QuerySet[ModelVersion]:
    """Those past their gate; before it, those who may see versions try them out. Nobody asks what was taken away."""
    versions = _that_write().exclude(state__in=WITHDRAWN)
    return versions if can(user, "inference.view_version") else versions.filter(state__in=PAST_GATE)


def _that_write() -> QuerySet[ModelVersion]:
    return ModelVersion.objects.exclude(provider=Provider.MODERATION)


def get_moderation_version(name: str) -> ModelVersion:
    """With its endpoints, for checks. Raises ChatappError("model_unknown"), also for one that was taken away."""
    known = ModelVersion.objects.filter(provider=Provider.MODERATION).exclude(state__in=WITHDRAWN)
    versions = known.prefetch_related("endpoints")
    version = None if "\0" in name else versions.filter(name=name).first()
    if version is None:
        raise ChatappError("model_unknown", name=name[:100])
    return version


def is_version_name(name: str) -> bool:
    return ModelVersion.objects.filter(name=name).exists()


def list_external_names() -> frozenset[str]:
    """Of the versions to which text leaves the company."""
    return frozenset(ModelVersion.objects.filter(may_leave_company=True).values_list("name", flat=True))
