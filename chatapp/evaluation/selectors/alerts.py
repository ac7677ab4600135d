"""Alerts and where they are sent, for those who may see them; to all others they do not exist."""

from uuid import UUID

from django.db.models import QuerySet

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can
from chatapp.errors import ChatappError
from chatapp.evaluation.models import Alert, AlertChannel


def list_alerts_for(user: User) -> QuerySet[Alert]:
    """Newest first, the closed ones too."""
    alerts = Alert.objects.select_related("version", "acknowledged_by")
    return alerts if can(user, "evaluation.view_alert") else alerts.none()


def list_open_alerts(user: User) -> QuerySet[Alert]:
    """Those whose figure is out of its band now, newest first."""
    return list_alerts_for(user).filter(closed_at=None)


def get_alert_for(user: User, alert_id: UUID) -> Alert:
    """Raises ChatappError("not_found")."""
    alert = list_alerts_for(user).filter(pk=alert_id).first()
    if alert is None:
        raise ChatappError("not_found")
    return alert


def list_channels_for(user: User) -> QuerySet[AlertChannel]:
    channels = AlertChannel.objects.select_related("created_by")
    return channels if can(user, "evaluation.manage_alert") else channels.none()


def get_channel_for(user: User, channel_id: UUID) -> AlertChannel:
    """Raises ChatappError("not_found")."""
    channel = list_channels_for(user).filter(pk=channel_id).first()
    if channel is None:
        raise ChatappError("not_found")
    return channel
