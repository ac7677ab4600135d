"""Alerts are opened when a figure leaves its band and close by themselves when it is back."""

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import transaction
from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.accounts.permissions import require
from chatapp.accounts.services import record_event
from chatapp.errors import ChatappError
from chatapp.evaluation.alerting.metrics import WATCHED
from chatapp.evaluation.alerting.significance import MIN_ANSWERS, highest_ordinary, is_risen
from chatapp.evaluation.alerting.sql import Watch, read_watches
from chatapp.evaluation.models import Alert, AlertKind, DeliveryEvent
from chatapp.evaluation.services.channels import announce_alert

# In the band for so long it is over; without answers that could tell, an alert stays as long as this.
CALM = timedelta(minutes=5)
SILENCE = timedelta(hours=1)
MAX_NOTE = 500
log = structlog.get_logger(__name__)


def watch_answers() -> int:
    """Looks once at all routes. Returns how many alerts were opened. Two at once open none twice."""
    opened, now = 0, timezone.now()
    watches = {(w.metric.value, w.route, w.version_id): w for w in read_watches()}
    open_ones = list_open(AlertKind.SPIKE)
    for key, watch in watches.items():
        watched = WATCHED[watch.metric]
        margins = {"assumed": watched.assumed, "margin": watched.margin}
        if key not in open_ones and is_risen(watch.recent, watch.baseline, **margins):
            high = highest_ordinary(watch.baseline, **margins)
            opened += open_alert(_alert(watch, high=high, now=now))
    for key, alert in open_ones.items():
        _settle(alert, watches.get(key), now)
    return opened


def list_open(kind: AlertKind) -> dict[tuple[str, str, UUID | None], Alert]:
    found = Alert.objects.filter(kind=kind, closed_at=None)
    return {(alert.metric, alert.route, alert.version_id): alert for alert in found}


def open_alert(alert: Alert) -> bool:
    """False when it is open already."""
    with transaction.atomic():
        made = Alert.objects.bulk_create([alert], ignore_conflicts=True)
        if not Alert.objects.filter(pk=made[0].pk).exists():
            return False
        announce_alert(alert, DeliveryEvent.OPENED)
    log.warning("alert_opened", metric=alert.metric, route=alert.route, kind=alert.kind, value=round(alert.value, 4))
    return True


def close_alert(alert: Alert) -> None:
    with transaction.atomic():
        if Alert.objects.filter(pk=alert.pk, closed_at=None).update(closed_at=timezone.now()):
            announce_alert(alert, DeliveryEvent.CLOSED)
            log.info("alert_closed", metric=alert.metric, route=alert.route)


def note_seen(alert: Alert, *, value: float, answers: int, users: int) -> None:
    """It is still out of its band."""
    Alert.objects.filter(pk=alert.pk).update(value=value, answers=answers, users=users, seen_at=timezone.now())


@transaction.atomic
def acknowledge_alert(*, user: User, alert: Alert, note: str = "") -> None:
    """Somebody looks after it; it stays open until the figure is back. The first one's name stays, the note is theirs.

    Raises ChatappError: forbidden, invalid.
    """
    require(user, "evaluation.manage_alert")
    if len(note) > MAX_NOTE or "\0" in note:
        raise ChatappError("invalid", detail=f"a note has at most {MAX_NOTE} characters.")
    known = Alert.objects.select_for_update(of=("self",)).get(pk=alert.pk)
    if known.acknowledged_at is None:
        known.acknowledged_at, known.acknowledged_by = timezone.now(), user
    known.note = note or known.note
    known.save(update_fields=["acknowledged_at", "acknowledged_by", "note"])
    detail: dict[str, object] = {"metric": known.metric, "route": known.route, "note": note}
    record_event(actor=user, action="evaluation.alert_acknowledged", obj=known, detail=detail)


def _alert(watch: Watch, *, high: float, now: datetime) -> Alert:
    return Alert(
        kind=AlertKind.SPIKE,
        metric=watch.metric,
        route=watch.route,
        version_id=watch.version_id,
        value=watch.recent.rate,
        baseline=watch.baseline.rate,
        high=high,
        answers=watch.recent.answers,
        users=watch.recent.trials,
        seen_at=now,
    )


def _settle(alert: Alert, watch: Watch | None, now: datetime) -> None:
    """By the band that it was opened with, so that the trouble itself does not become ordinary."""
    recent = watch.recent if watch else None
    if recent and recent.rate > (alert.high or 0.0):
        note_seen(alert, value=recent.rate, answers=recent.answers, users=recent.trials)
        return
    can_tell = recent is not None and recent.answers >= MIN_ANSWERS
    if now - alert.seen_at >= (CALM if can_tell else SILENCE):
        close_alert(alert)


def close_gone(known: Collection[tuple[str, str, object]], *, kind: AlertKind) -> None:
    """Of that kind, those that nobody measures any more: the version serves there no longer."""
    for key, alert in list_open(kind).items():
        if key not in known:
            close_alert(alert)
