"""Comparisons of tests, with answers that a test gives in the models' place."""

from typing import Any

from django.db.models.functions import Now

from chatapp.accounts.models import User
from chatapp.conversations.models import Generation, Message, Status
from chatapp.evaluation import services
from chatapp.evaluation.models import Comparison, ComparisonPair, ComparisonState, PairState, QuestionsFrom
from chatapp.inference.models import ModelVersion
from tests.versions import make_version


def make_versions() -> tuple[ModelVersion, ModelVersion]:
    return make_version("old"), make_version("new")


def start(user: User, *questions: str, **options: Any) -> Comparison:
    """Of two new versions, unless `first` and `second` are given."""
    if "first" not in options:
        options["first"], options["second"] = make_versions()
    given: dict[str, Any] = {"questions_from": QuestionsFrom.LIST, "questions": questions, **options}
    return services.start_comparison(user=user, **given)


def answer_trials(**columns: Any) -> int:
    """Each waiting trial ends, with `<version> on <question>`; returns how many."""
    waiting = list(Generation.objects.filter(status=Status.QUEUED).select_related("message__parent", "version"))
    for trial in waiting:
        asked = trial.message.parent
        text = f"{trial.version} on {asked.text if asked else ''}"
        Generation.objects.filter(pk=trial.pk).update(**{"status": Status.COMPLETE, "finished_at": Now(), **columns})
        Message.objects.filter(pk=trial.message_id).update(text=text)
    return len(waiting)


def prepare(comparison: Comparison) -> Comparison:
    """Until it is open, or has failed."""
    for _ in range(100):
        services.prepare_comparisons()
        answer_trials()
        comparison.refresh_from_db()
        if comparison.state != ComparisonState.PREPARING:
            return comparison
    raise AssertionError(comparison.state)


def opened(user: User, *questions: str, **options: Any) -> Comparison:
    """Ready for votes, without any trial."""
    comparison = start(user, *questions, **options)
    for pair in ComparisonPair.objects.filter(comparison=comparison):
        pair.first_text, pair.second_text = f"old on {pair.question}", f"new on {pair.question}"
        pair.state = PairState.READY
        pair.save()
    Comparison.objects.filter(pk=comparison.pk).update(state=ComparisonState.OPEN)
    comparison.refresh_from_db()
    return comparison
