"""Makes the pairs of comparisons: a few trials at a time, as who started them, until all are answered."""

import structlog
from django.db import transaction
from django.db.models.functions import Now

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can
from chatapp.conversations.models import Generation, Status
from chatapp.conversations.services import ask_trial
from chatapp.errors import ChatappError
from chatapp.evaluation.comparing.masking import mask_pair
from chatapp.evaluation.models import Comparison, ComparisonPair, ComparisonState, PairState, QuestionsFrom
from chatapp.evaluation.selectors import find_trial
from chatapp.evaluation.services.gate_steps import is_load_tested
from chatapp.inference.models import ModelVersion
from chatapp.moderation.checks.examiner import ExaminerError
from chatapp.retrieval.selectors import role_of

# Trials of one comparison that wait or run at a time: who started it shall still get answers of their own.
PAIRS_AT_ONCE = 2
MASKED_AT_ONCE = 10
log = structlog.get_logger(__name__)


def prepare_comparisons() -> bool:
    """One slice of each that is being prepared; whether there is any. Several workers may do it at a time."""
    waiting = list(
        Comparison.objects.filter(state=ComparisonState.PREPARING).order_by("created_at").values_list("pk", flat=True)
    )
    for comparison_id in waiting:
        with transaction.atomic():
            rows = Comparison.objects.select_for_update(skip_locked=True, of=("self",), no_key=True)
            comparison = (
                rows.select_related("first", "second", "started_by", "collection")
                .filter(pk=comparison_id, state=ComparisonState.PREPARING)
                .first()
            )
            if comparison is not None:
                _go_on(comparison)
    return bool(waiting)


def _go_on(comparison: Comparison) -> None:
    starter = comparison.started_by
    if starter is None or not can(starter, "evaluation.manage_comparison") or not _may_read(starter, comparison):
        _end(comparison, ComparisonState.FAILED, error="forbidden")
    elif comparison.questions_from == QuestionsFrom.SHADOW:
        _mask_some(comparison)
    else:
        _collect(comparison)
        _ask_some(comparison, starter)
    _open_when_ready(comparison)


def _may_read(starter: User, comparison: Comparison) -> bool:
    return comparison.collection is None or role_of(starter, comparison.collection) is not None


def _mask_some(comparison: Comparison) -> None:
    pairs = ComparisonPair.objects.filter(comparison=comparison, state=PairState.WAITING)
    for pair in pairs.select_related("shadow")[:MASKED_AT_ONCE]:
        try:
            masked = mask_pair(pair)
        except ExaminerError as error:
            log.warning("pairs_not_masked", comparison=str(comparison.pk), reason=str(error))
            return
        _settle(pair, masked, error="" if masked else "answer_gone")


def _collect(comparison: Comparison) -> None:
    """Answers that have ended; a pair needs both."""
    for pair in ComparisonPair.objects.filter(comparison=comparison, state=PairState.ASKED):
        trials = [find_trial(pair.first_generation), find_trial(pair.second_generation)]
        if any(trial is not None and trial.is_live for trial in trials):
            continue
        texts = [_text_of(trial) for trial in trials]
        answers = (pair.question, texts[0], texts[1]) if all(texts) else None
        _settle(pair, answers, error="" if answers else _why(trials))


def _text_of(trial: Generation | None) -> str:
    return trial.message.text if trial is not None and trial.status == Status.COMPLETE else ""


def _why(trials: list[Generation | None]) -> str:
    """The code of the first that has no answer."""
    for trial in trials:
        if trial is None:
            return "answer_gone"
        if trial.status != Status.COMPLETE:
            return trial.error_code or trial.status
    return "empty_answer"


def _ask_some(comparison: Comparison, starter: User) -> None:
    """What is refused for lack of room is asked by a later slice, as is what would disturb a gate's load test."""
    if is_load_tested():
        return
    pairs = ComparisonPair.objects.filter(comparison=comparison)
    room = PAIRS_AT_ONCE - pairs.filter(state=PairState.ASKED).count()
    for pair in pairs.filter(state=PairState.WAITING)[: max(room, 0)]:
        try:
            with transaction.atomic():
                pair.first_generation = _ask(comparison, starter, comparison.first, pair.question).pk
                pair.second_generation = _ask(comparison, starter, comparison.second, pair.question).pk
        except ChatappError as error:
            if error.code in {"queue_full", "user_queue_full", "rate_limited", "tokens_used_up"}:
                return
            _settle(pair, None, error=error.code)
            continue
        pair.state = PairState.ASKED
        pair.save(update_fields=["state", "first_generation", "second_generation"])


def _ask(comparison: Comparison, starter: User, version: ModelVersion, question: str) -> Generation:
    collections = [comparison.collection.slug] if comparison.collection else []
    return ask_trial(user=starter, text=question, version=version, collections=collections)


def _settle(pair: ComparisonPair, answers: tuple[str, str, str] | None, *, error: str) -> None:
    pair.state, pair.error = (PairState.READY, "") if answers else (PairState.FAILED, error)
    if answers:
        pair.question, pair.first_text, pair.second_text = answers
    pair.save(update_fields=["state", "error", "question", "first_text", "second_text"])


def _open_when_ready(comparison: Comparison) -> None:
    pairs = ComparisonPair.objects.filter(comparison=comparison)
    if comparison.state != ComparisonState.PREPARING or pairs.filter(state__in=_UNDONE).exists():
        return
    if pairs.filter(state=PairState.READY).exists():
        Comparison.objects.filter(pk=comparison.pk).update(state=ComparisonState.OPEN)
    else:
        failed = pairs.filter(state=PairState.FAILED).first()
        _end(comparison, ComparisonState.FAILED, error=failed.error if failed else "answer_gone")


_UNDONE = (PairState.WAITING, PairState.ASKED)


def _end(comparison: Comparison, state: ComparisonState, *, error: str) -> None:
    comparison.state = state
    Comparison.objects.filter(pk=comparison.pk).update(state=state, error=error, finished_at=Now())
