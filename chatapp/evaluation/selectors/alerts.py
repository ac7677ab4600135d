"""Alerts and where they are sent, for those who may see them; to all others they do not exist."""

from uuid import UUID

from django.db.models import Count, OuterRef, QuerySet, Subquery

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can
from chatapp.errors import ChatappError
from chatapp.evaluation.models import Alert, AlertChannel, AlertDelivery


def list_alerts_for(user: User) -> QuerySet[Alert]:
    """Newest first, the closed ones too."""
    alerts = Alert.objects.select_related("version", "acknowledged_by")
    return alerts if can(user, "evaluation.view_alert") else alerts.none()


def list_open_alerts(user: User) -> QuerySet[Alert]:
    """Those whose figure is out of its band now, newest first."""
    return list_alerts_for(user).filter(closed_at=None)


def search_alerts_for(
    user: User, *, state: str = "", kind: str = "", metric: str = "", route: str = ""
) -> QuerySet[Alert]:
    """`state` is open or closed; empty conditions are none, unknown ones meet nothing."""
    alerts = list_alerts_for(user)
    if state:
        alerts = alerts.filter(closed_at__isnull=state == "open") if state in {"open", "closed"} else alerts.none()
    conditions = {"kind": kind, "metric": metric, "route": route}
    return alerts.filter(**{name: value for name, value in conditions.items() if value})


def get_alert_for(user: User, alert_id: UUID) -> Alert:
    """Raises ChatappError("not_found")."""
    alert = list_alerts_for(user).filter(pk=alert_id).first()
    if alert is None:
        raise ChatappError("not_found")
    return alert


def list_deliveries_for(user: User, alert: Alert) -> QuerySet[AlertDelivery]:
    """Whom the alert was told, oldest first; each channel at most twice."""
    deliveries = AlertDelivery.objects.filter(alert=alert).select_related("channel").order_by("created_at", "pk")
    return deliveries if can(user, "evaluation.manage_alert") else deliveries.none()


def count_open_alerts() -> dict[tuple[str, str], int]:
    """By kind and metric, for monitoring."""
    counted = Alert.objects.filter(closed_at=None).order_by().values_list("kind", "metric").annotate(Count("pk"))
    return {(kind, metric): count for kind, metric, count in counted}


def list_channels_for(user: User) -> QuerySet[AlertChannel]:
    """Each with what became of its newest message."""
    newest = AlertDelivery.objects.filter(channel=OuterRef("pk")).order_by("-created_at", "-pk")
    channels = AlertChannel.objects.select_related("created_by").annotate(
        last_state=Subquery(newest.values("state")[:1]),
        last_problem=Subquery(newest.values("problem")[:1]),
        last_at=Subquery(newest.values("created_at")[:1]),
    )
    return channels if can(user, "evaluation.manage_alert") else channels.none()


def get_channel_for(user: User, channel_id: UUID) -> AlertChannel:
    """Raises ChatappError("not_found")."""
    channel = list_channels_for(user).filter(pk=channel_id).first()
    if channel is None:
        raise ChatappError("not_found")
    return channel
