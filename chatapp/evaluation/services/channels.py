"""Where alerts are sent besides the console, and one row for each message to be sent."""

import base64
import secrets
from urllib.parse import urljoin

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.accounts.permissions import require
from chatapp.accounts.services import record_event
from chatapp.errors import ChatappError
from chatapp.evaluation.alerting.places import webhook_guard
from chatapp.evaluation.models import (
    Alert,
    AlertChannel,
    AlertDelivery,
    ChannelKind,
    DeliveryEvent,
)

MAX_CHANNELS = 20
MAX_ADDRESS = 500


@transaction.atomic
def add_channel(*, user: User, kind: str, address: str) -> tuple[AlertChannel, str]:
    """The channel, and the secret of a webhook, which is shown this once.

    Raises ChatappError: forbidden, invalid with a sentence, exists.
    """
    require(user, "evaluation.manage_alert")
    address = address.strip()
    _check(kind, address)
    if AlertChannel.objects.count() >= MAX_CHANNELS:
        raise ChatappError("invalid", detail=f"{MAX_CHANNELS} places are the most; remove one first.")
    # As Standard Webhooks writes secrets: https://www.standardwebhooks.com
    secret = f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}" if kind == ChannelKind.WEBHOOK else ""
    try:
        with transaction.atomic():
            channel = AlertChannel.objects.create(kind=kind, address=address, secret=secret, created_by=user)
    except IntegrityError:
        raise ChatappError("exists", what=f"The place {address[:100]}") from None
    _record(user, channel, "added")
    return channel, secret


@transaction.atomic
def remove_channel(*, user: User, channel: AlertChannel) -> None:
    """Raises ChatappError("forbidden")."""
    require(user, "evaluation.manage_alert")
    _record(user, channel, "removed")
    channel.delete()


@transaction.atomic
def set_channel_enabled(*, user: User, channel: AlertChannel, enabled: bool) -> None:
    """Raises ChatappError("forbidden")."""
    require(user, "evaluation.manage_alert")
    if AlertChannel.objects.filter(pk=channel.pk, is_enabled=not enabled).update(is_enabled=enabled):
        _record(user, channel, "enabled" if enabled else "disabled")


@transaction.atomic
def try_channel(*, user: User, channel: AlertChannel) -> AlertDelivery:
    """A message that says it is a test, sent like an alert. Raises ChatappError("forbidden")."""
    require(user, "evaluation.manage_alert")
    _record(user, channel, "tested")
    return AlertDelivery.objects.create(channel=channel, event=DeliveryEvent.TEST, next_try_at=timezone.now())


def announce_alert(alert: Alert, event: DeliveryEvent) -> None:
    """To every enabled channel, once. Within the caller's transaction."""
    AlertDelivery.objects.bulk_create(
        [
            AlertDelivery(channel=channel, alert=alert, event=event, next_try_at=timezone.now())
            for channel in AlertChannel.objects.filter(is_enabled=True)
        ],
        ignore_conflicts=True,
    )


def _check(kind: str, address: str) -> None:
    if kind not in ChannelKind.values:
        raise ChatappError("invalid", detail=f"kind is one of {', '.join(ChannelKind.values)}.")
    if not address or len(address) > MAX_ADDRESS or "\0" in address:
        raise ChatappError("invalid", detail=f"an address has 1 to {MAX_ADDRESS} characters.")
    if kind == ChannelKind.WEBHOOK:
        if complaint := webhook_guard().complain_of(address):
            raise ChatappError("invalid", detail=complaint)
        return
    if not settings.EMAIL_HOST:
        raise ChatappError("invalid", detail="no mail server is set (MAIL_HOST), so no mail can be sent.")
    try:
        validate_email(address)
    except ValidationError:
        raise ChatappError("invalid", detail="this is no mail address.") from None


def _record(user: User, channel: AlertChannel, what: str) -> None:
    """Of a webhook without path and query: chat services have their secret there, and auditors read this."""
    is_webhook = channel.kind == ChannelKind.WEBHOOK
    address = f"{urljoin(channel.address, '/')}…" if is_webhook else channel.address
    detail: dict[str, object] = {"kind": channel.kind, "address": address, "what": what}
    record_event(actor=user, action="evaluation.alert_channel_changed", obj=channel, detail=detail)
