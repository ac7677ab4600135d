"""What owners of a collection do with its connectors. Each change is audited; secrets are only ever written."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from chatapp.accounts.models import User
from chatapp.accounts.permissions import require
from chatapp.accounts.services import record_event
from chatapp.errors import ChatappError
from chatapp.holds import covers_collection
from chatapp.retrieval.connectors import KINDS
from chatapp.retrieval.models import Collection, Connector
from chatapp.retrieval.services.collections import clean_title
from chatapp.retrieval.services.sync_runs import close_open_runs, queue_run

_NAME_MAX = 120
_SECRET_MAX = 4_000
_MOST = 50  # of one collection
_MOST_MINUTES = 60 * 24 * 31


def create_connector(
    *,
    user: User,
    collection: Collection,
    kind: str,
    name: str,
    config: Mapping[str, object],
    secret: str = "",
    every_minutes: int | None = None,
) -> Connector:
    """Its first sync is queued at once. Raises ChatappError: "forbidden", "invalid", "exists"."""
    require(user, "retrieval.change_connectors", collection)
    if kind not in KINDS:
        raise ChatappError("invalid", detail=f"a kind is one of {', '.join(KINDS)}.")
    connector = Connector(
        collection=collection,
        kind=kind,
        name=_checked_name(name),
        config=KINDS[kind].clean_config(config),
        secret=_checked_secret(kind, secret),
        every_minutes=_checked_minutes(every_minutes),
        created_by=user,
    )
    with transaction.atomic():
        Collection.objects.select_for_update().filter(pk=collection.pk).first()
        if collection.connectors.filter(deleted_at=None).count() >= _MOST:
            raise ChatappError("invalid", detail=f"a collection has at most {_MOST} connectors.")
        _save(connector)
        record_event(actor=user, action="connector.created", obj=connector, after=shown(connector))
        queue_run(connector, started_by=user)
    return connector


def change_connector(
    *,
    user: User,
    connector: Connector,
    name: str,
    config: Mapping[str, object],
    secret: str | None = None,
    every_minutes: int | None = None,
) -> Connector:
    """`secret` None keeps the one that there is, unless it would be sent to another address: then it is dropped.

    Raises ChatappError: "forbidden", "not_found", "invalid", "exists".
    """
    require(user, "retrieval.change_connectors", connector.collection)
    kind = KINDS[connector.kind]
    with transaction.atomic():
        locked = _lock(connector)
        before = shown(locked)
        old, locked.config = locked.config, kind.clean_config(config)
        locked.name, locked.every_minutes = _checked_name(name), _checked_minutes(every_minutes)
        if secret is not None:
            locked.secret = _checked_secret(locked.kind, secret)
        elif any(old.get(part) != locked.config.get(part) for part in kind.address):
            locked.secret = ""
        if old != locked.config:
            locked.items.update(revision="")  # All is read anew: the same name may mean something else now.
        _save(locked)
        _plan(locked)
        detail: dict[str, object] = {"secret": "changed" if secret else "kept" if locked.secret else "none"}
        after = shown(locked)
        record_event(actor=user, action="connector.changed", obj=locked, before=before, after=after, detail=detail)
    return locked


def pause_connector(*, user: User, connector: Connector, paused: bool) -> None:
    """A sync that is running ends. Raises ChatappError: "forbidden", "not_found"."""
    require(user, "retrieval.manage_connectors_of", connector.collection)
    with transaction.atomic():
        locked = _lock(connector)
        if locked.is_paused == paused:
            return
        Connector.objects.filter(pk=locked.pk).update(is_paused=paused)
        record_event(actor=user, action="connector.paused" if paused else "connector.resumed", obj=locked)
        if paused:
            close_open_runs(locked)


def delete_connector(*, user: User, connector: Connector, keep_documents: bool) -> None:
    """Its documents stay as if they were uploaded by hand, or go in slices afterwards.

    Raises ChatappError: "forbidden", "not_found", "under_hold" (when they were to go).
    """
    require(user, "retrieval.change_connectors", connector.collection)
    with transaction.atomic():
        locked = _lock(connector)
        if not keep_documents and covers_collection(locked.collection_id):
            raise ChatappError("under_hold")
        detail: dict[str, object] = {"documents": locked.documents.count(), "kept": keep_documents}
        record_event(actor=user, action="connector.deleted", obj=locked, before=shown(locked), detail=detail)
        if keep_documents:
            locked.documents.update(connector=None)
        _retire(locked)


def retire_connectors(*, collection: Collection) -> None:
    """Those of a collection that is being deleted. The caller has asked the right and holds the transaction."""
    for connector in Connector.objects.select_for_update().filter(collection=collection, deleted_at=None):
        _retire(connector)


def _retire(locked: Connector) -> None:
    """Nothing syncs any more, and its secret is gone; `purge_connectors` removes the rest."""
    close_open_runs(locked)
    gone: dict[str, Any] = {"name": f"deleted-{locked.pk}", "deleted_at": Now(), "secret": "", "next_sync_at": None}
    Connector.objects.filter(pk=locked.pk).update(**gone)


def start_sync(*, user: User, connector: Connector, only_failed: bool = False, may_remove_many: bool = False) -> None:
    """`may_remove_many` is somebody's word that most documents may go.

    Raises ChatappError: "forbidden", "not_found", "connector_paused", "sync_running".
    """
    require(user, "retrieval.manage_connectors_of", connector.collection)
    with transaction.atomic():
        locked = _lock(connector)
        if locked.is_paused:
            raise ChatappError("connector_paused")
        queue_run(locked, started_by=user, only_failed=only_failed, may_remove_many=may_remove_many)
        detail: dict[str, object] = {"only_failed": only_failed, "may_remove_many": may_remove_many}
        record_event(actor=user, action="connector.synced", obj=locked, detail=detail)


def cancel_sync(*, user: User, connector: Connector) -> None:
    """What was read stays. Raises ChatappError: "forbidden", "not_found"."""
    require(user, "retrieval.manage_connectors_of", connector.collection)
    with transaction.atomic():
        locked = _lock(connector)
        if close_open_runs(locked):
            record_event(actor=user, action="connector.sync_cancelled", obj=locked)


def shown(connector: Connector) -> dict[str, object]:
    """What people and the audit log may see of it."""
    return {
        "name": connector.name,
        "kind": connector.kind,
        "collection": connector.collection.slug,
        "config": connector.config,
        "every_minutes": connector.every_minutes,
        "has_secret": bool(connector.secret),
    }


def _lock(connector: Connector) -> Connector:
    locked = Connector.objects.select_for_update(of=("self",)).select_related("collection")
    found = locked.filter(pk=connector.pk, deleted_at=None, collection__deleted_at=None).first()
    if found is None:
        raise ChatappError("not_found")
    return found


def _save(connector: Connector) -> None:
    try:
        with transaction.atomic():
            connector.save()
    except IntegrityError:
        raise ChatappError("exists", what=f"The connector {connector.name}") from None


def _plan(connector: Connector) -> None:
    minutes = connector.every_minutes
    following = Now() + timedelta(minutes=minutes) if minutes else None
    Connector.objects.filter(pk=connector.pk).update(next_sync_at=following)


def _checked_name(name: str) -> str:
    name = clean_title(name)
    if not 0 < len(name) <= _NAME_MAX:
        raise ChatappError("invalid", detail=f"a connector's name has 1 to {_NAME_MAX} characters.")
    return name


def _checked_secret(kind: str, secret: str) -> str:
    secret = secret.strip()
    if secret and not KINDS[kind].takes_secret:
        raise ChatappError("invalid", detail="this kind of connector takes no secret.")
    if len(secret) > _SECRET_MAX or not secret.isascii() or not secret.isprintable():
        raise ChatappError("invalid", detail=f"a secret has at most {_SECRET_MAX} plain characters.")
    return secret


def _checked_minutes(minutes: int | None) -> int | None:
    if minutes is None:
        return None
    if not settings.CONNECTOR_MIN_MINUTES <= minutes <= _MOST_MINUTES:
        raise ChatappError(
            "invalid", detail=f"a schedule is every {settings.CONNECTOR_MIN_MINUTES} to {_MOST_MINUTES} minutes."
        )
    return minutes
