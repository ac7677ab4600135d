"""Sends what is due to channels, and tries again what did not arrive."""

import base64
import hashlib
import hmac
import json
import time
from datetime import timedelta
from smtplib import SMTPException

import requests
import structlog
from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.utils import timezone

from chatapp.evaluation.alerting.messages import body_of, payload_of, subject_of
from chatapp.evaluation.alerting.places import webhook_guard
from chatapp.evaluation.models import AlertDelivery, ChannelKind, DeliveryState
from chatapp.guarded import Bounds, ForbiddenAddressError, GuardedSession

MAX_TRIES = 8
FIRST_PAUSE = timedelta(seconds=30)
LEASE = timedelta(minutes=2)  # How long one that is being sent is left alone; to send one takes far less.
SECONDS = 5.0  # For so long one turn begins with further ones; the next turn goes on.
_BOUNDS = Bounds(max_bytes=65_536, step_seconds=5.0, seconds=10.0)
_OK = range(200, 300)
log = structlog.get_logger(__name__)


class NotSentError(Exception):
    """Its text may be shown: it holds nothing of what the other side said."""


def deliver_alerts() -> int:
    """Returns how many arrived. What is sent twice, because this process died in between, has the same id."""
    arrived, until = 0, time.monotonic() + SECONDS
    while time.monotonic() < until and (delivery := _take_due()) is not None:
        arrived += _deliver(delivery)
    return arrived


def sign(*, secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """By Standard Webhooks 1.0.0 (HMAC-SHA256), as `webhook-signature` carries it."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return f"v1,{base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()}"


@transaction.atomic
def _take_due() -> AlertDelivery | None:
    due = AlertDelivery.objects.select_for_update(of=("self",), skip_locked=True).filter(
        state=DeliveryState.WAITING, next_try_at__lte=timezone.now()
    )
    taken = due.select_related("channel", "alert__version").order_by("next_try_at").first()
    if taken is not None:
        AlertDelivery.objects.filter(pk=taken.pk).update(next_try_at=timezone.now() + LEASE)
    return taken


def _deliver(delivery: AlertDelivery) -> bool:
    try:
        (_post if delivery.channel.kind == ChannelKind.WEBHOOK else _mail)(delivery)
    except NotSentError as error:
        _try_later(delivery, str(error))
        return False
    sent = {"state": DeliveryState.SENT, "sent_at": timezone.now(), "problem": "", "tries": delivery.tries + 1}
    AlertDelivery.objects.filter(pk=delivery.pk).update(**sent)
    return True


def _try_later(delivery: AlertDelivery, problem: str) -> None:
    tries = delivery.tries + 1
    log.warning("alert_not_sent", delivery=str(delivery.pk), kind=delivery.channel.kind, tries=tries, problem=problem)
    AlertDelivery.objects.filter(pk=delivery.pk).update(
        tries=tries,
        problem=problem[:200],
        state=DeliveryState.FAILED if tries >= MAX_TRIES else DeliveryState.WAITING,
        next_try_at=timezone.now() + FIRST_PAUSE * 2 ** (tries - 1),
    )


def _post(delivery: AlertDelivery) -> None:
    body = json.dumps(payload_of(delivery)).encode()
    now, name = int(time.time()), str(delivery.id)
    headers = {
        "Content-Type": "application/json",
        "webhook-id": name,
        "webhook-timestamp": str(now),
        "webhook-signature": sign(secret=delivery.channel.secret, message_id=name, timestamp=now, body=body),
    }
    try:
        with GuardedSession(webhook_guard(), _BOUNDS).open(
            "POST", delivery.channel.address, data=body, headers=headers
        ) as response:
            status = response.status_code
    except ForbiddenAddressError as error:
        raise NotSentError(str(error)) from error
    except requests.RequestException as error:
        raise NotSentError(f"It was not reached ({type(error).__name__}).") from error
    if status not in _OK:
        raise NotSentError(f"It answered with status {status}.")


def _mail(delivery: AlertDelivery) -> None:
    try:
        send_mail(subject_of(delivery), body_of(delivery), settings.DEFAULT_FROM_EMAIL, [delivery.channel.address])
    except (SMTPException, OSError) as error:
        raise NotSentError(f"The mail server did not take it ({type(error).__name__}).") from error
