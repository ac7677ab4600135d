"""A machine whose clock is wrong by minutes (F34): leases and deadlines go by the database's."""

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.conversations import services
from chatapp.conversations.models import Generation, Status
from chatapp.conversations.queue import claim_next
from chatapp.conversations.tests.conftest import Ask
from chatapp.conversations.workers.inference import InferenceWorker
from chatapp.inference.models import ModelVersion

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=[timedelta(minutes=-20), timedelta(minutes=20)], ids=["behind", "ahead"])
def skew(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> timedelta:
    """The clock of this process, from now on."""
    shift: timedelta = request.param
    true_now = timezone.now
    monkeypatch.setattr("django.utils.timezone.now", lambda: true_now() + shift)
    return shift


def database_now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        now: datetime = cursor.fetchone()[0]
        return now


def test_a_question_gets_its_whole_time_and_its_answer(
    skew: timedelta, alice: User, ask: Ask, worker: InferenceWorker
) -> None:
    asked = ask(alice)
    left = Generation.objects.get(id=asked.id).deadline_at - database_now()
    assert timedelta(seconds=600) < left < timedelta(seconds=1200)
    assert services.sweep_generations() == 0
    worker.answer_all()
    assert Generation.objects.get(id=asked.id).status == Status.COMPLETE


def test_a_lease_taken_here_is_good_everywhere(skew: timedelta, alice: User, ask: Ask, scripted: ModelVersion) -> None:
    ask(alice)
    claimed = claim_next(worker="skewed", version_ids=[scripted.id])
    assert claimed is not None
    assert timedelta(0) < claimed.lease_until - database_now() < timedelta(seconds=60)
    assert services.sweep_generations() == 0
    assert Generation.objects.get(id=claimed.id).status == Status.ANSWERING
