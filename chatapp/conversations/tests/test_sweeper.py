"""When the sweeper looks."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from chatapp.accounts.models import User
from chatapp.conversations import services
from chatapp.conversations.models import Generation, Status
from chatapp.conversations.queue import claim_next
from chatapp.conversations.tests.conftest import Ask
from chatapp.inference.models import ModelVersion

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_database_that_has_just_started_gives_workers_the_time_to_renew(
    settings: Any, alice: User, ask: Ask, scripted: ModelVersion
) -> None:
    ask(alice)
    claimed = claim_next(worker="cut off", version_ids=[scripted.id])
    assert claimed is not None
    Generation.objects.update(lease_until=Now() - timedelta(seconds=1))
    settings.LEASE_SECONDS = 1_000_000
    assert services.sweep_when_settled() == 0
    assert Generation.objects.get().status == Status.ANSWERING
    settings.LEASE_SECONDS = 0
    assert services.sweep_when_settled() == 1
    assert Generation.objects.get().status != Status.ANSWERING
