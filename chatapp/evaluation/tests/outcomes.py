"""Outcomes of the past, for tests of what is watched."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.inference.models import AnswerOutcome, ModelVersion


def answered(
    people: Sequence[User], version: ModelVersion, *, each: int = 1, ago: timedelta = timedelta(0), **columns: Any
) -> None:
    """`each` answers of each of these, all that long ago."""
    given = {"status": "complete", "route": "default", "completion_tokens": 100, **columns}
    rows = AnswerOutcome.objects.bulk_create(
        AnswerOutcome(generation_id=uuid4(), user=person, version=version, **given)
        for person in people
        for _ in range(each)
    )
    AnswerOutcome.objects.filter(pk__in=[row.pk for row in rows]).update(created_at=timezone.now() - ago)
