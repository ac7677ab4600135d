"""Keeps what browsers report, bounded in number; retention bounds it in time."""

from collections.abc import Sequence

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from chatapp.console.models import PolicyReport
from chatapp.console.reports import Violation

MAX_KINDS = 500


@transaction.atomic
def record_violations(violations: Sequence[Violation]) -> None:
    """Counts those that are known. Of new ones MAX_KINDS are kept: whoever reaches the product may send them."""
    now = timezone.now()
    for violation in violations:
        same = {name: getattr(violation, name) for name in ("directive", "blocked", "page", "source")}
        known = PolicyReport.objects.filter(**same).update(count=F("count") + 1, last_at=now)
        if not known and PolicyReport.objects.count() < MAX_KINDS:
            PolicyReport.objects.get_or_create(**same, defaults={"last_at": now})
