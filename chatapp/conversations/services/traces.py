"""How answers came about, kept with them."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import transaction

from chatapp.conversations.models import Generation
from chatapp.conversations.trace_models import AnswerTrace


@transaction.atomic
def store_trace(*, generation_id: UUID, facts: Mapping[str, Any]) -> None:
    """After the terminal commit; the last attempt's counts. Does nothing when the conversation was deleted meanwhile.

    The stage of the rollout is as it is now: the answer began some seconds ago.
    """
    rows = Generation.objects.select_for_update(no_key=True, of=("self",)).select_related("rollout")
    generation = rows.filter(id=generation_id).only("id", "rollout__stage").first()
    if generation is None:
        return
    stage = {"stage": generation.rollout.stage} if generation.rollout else {}
    AnswerTrace.objects.bulk_create(
        [AnswerTrace(generation=generation, facts=json.dumps({**facts, **stage}))],
        update_conflicts=True,
        unique_fields=["generation"],
        update_fields=["facts"],
    )
