"""Tells an address outside that something happened which a person should look at, even if all else here is down."""

import threading
import time
from typing import Any

import requests
import structlog
from django.conf import settings

_TRIES = 3
_PAUSE_SECONDS = 2.0
_TIMEOUT_SECONDS = 5.0
log = structlog.get_logger(__name__)


def send_alarm(facts: dict[str, Any]) -> threading.Thread | None:
    """POST the facts as JSON to ALARM_WEBHOOK_URL, in a thread: without broker and worker, and nobody waits."""
    if not settings.ALARM_WEBHOOK_URL:
        return None
    thread = threading.Thread(target=_send, args=(settings.ALARM_WEBHOOK_URL, facts), name="alarm", daemon=True)
    thread.start()
    return thread


def _send(url: str, facts: dict[str, Any]) -> None:
    for attempt in range(_TRIES):
        try:
            requests.post(url, json=facts, timeout=_TIMEOUT_SECONDS, allow_redirects=False).raise_for_status()
        except requests.RequestException as error:
            log.warning("alarm_not_sent", attempt=attempt + 1, reason=type(error).__name__)
            time.sleep(_PAUSE_SECONDS)
        else:
            return
