"""The chain of audit events: each one's hash covers its fields and the hash of the one before."""

import hashlib
import json
from datetime import UTC

from chatapp.accounts.models import AuditEvent

BEGINNING = "0" * 64


def digest_of_name(event: AuditEvent) -> str:
    """The chain covers this instead of the name, so that the name of an erased person can leave."""
    return hashlib.sha256(f"{event.pk} {event.actor_name}".encode()).hexdigest()


def hash_of(event: AuditEvent) -> str:
    """SHA-256 over canonical JSON (after RFC 8785: sorted keys, no spaces, UTF-8) of all that the event says."""
    said = {
        "action": event.action,
        "actor": str(event.actor_id or ""),
        "address": event.address,
        "after": event.after,
        "at": event.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "before": event.before,
        "detail": event.detail,
        "id": str(event.pk),
        "name_digest": event.name_digest,
        "number": event.number,
        "object_id": event.object_id,
        "object_type": event.object_type,
        "origin": event.origin,
        "outcome": event.outcome,
        "previous_hash": event.previous_hash,
        "reason": event.reason,
    }
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
