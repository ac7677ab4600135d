"""Celery's side of the audit log."""

import structlog

from chatapp.accounts import selectors, services
from chatapp.celery import app

log = structlog.get_logger(__name__)


@app.task(expires=5)
def seal_audit_events() -> None:
    services.seal_some_events()


@app.task(expires=600)
def log_audit_head() -> None:
    """So that a log kept elsewhere holds an anchor: `manage.py verify_audit --expect HASH`."""
    head = selectors.find_head()
    if head is not None:
        log.info("audit_head", number=head.number, hash=head.hash)
