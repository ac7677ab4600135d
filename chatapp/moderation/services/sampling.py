"""Flags for answers that nothing has flagged, so that reviewers also see what the checks miss."""

from hashlib import sha256
from uuid import UUID

from django.conf import settings

from chatapp.moderation.models import Exchange, Flag, FlagSource, Severity
from chatapp.moderation.services.raising import raise_flag
from chatapp.moderation.services.reports import EXCERPT_CHARACTERS


def is_sampled(generation_id: UUID) -> bool:
    """By a hash of the id: FLAG_SAMPLE_SHARE of all, and of the same answer always the same."""
    return bool(int.from_bytes(sha256(generation_id.bytes).digest()[:8]) < settings.FLAG_SAMPLE_SHARE * 2**64)


def sample_exchange(*, generation_id: UUID) -> Flag | None:
    """None when something has flagged it: then a reviewer sees it anyway."""
    exchange = Exchange.objects.get(generation_id=generation_id)
    if Flag.objects.filter(exchange=exchange).exists():
        return None
    excerpt = exchange.answer[:EXCERPT_CHARACTERS]
    return raise_flag(exchange=exchange, source=FlagSource.SAMPLE, severity=Severity.LOW, excerpt=excerpt)
