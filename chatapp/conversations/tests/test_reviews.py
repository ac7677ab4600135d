"""What decisions of reviewers do to answers and questions, and that an undo brings back exactly what was there."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from chatapp.accounts.models import AuditEvent, Role, User
from chatapp.conversations import services
from chatapp.conversations.models import (
    CachedAnswer,
    ConversationSummary,
    Generation,
    Message,
    MessageRole,
    Source,
    Status,
)
from chatapp.conversations.queue import claim_next
from chatapp.conversations.review_models import ReviewedMessage
from chatapp.conversations.selectors import get_turn_for
from chatapp.conversations.services.generations import FinishedAnswer, record_exchange
from chatapp.errors import ChatappError
from chatapp.inference.models import ModelVersion
from chatapp.moderation.checks import Finding
from chatapp.moderation.models import Action, Exchange, Flag, FlagSource, FlagStatus, Notice, Severity, Stage
from chatapp.moderation.services import claim_flag, is_sampled
from chatapp.moderation.texts import MASK_TEXT, RETRACTED_TEXT, SAFE_TEXT
from tests.people import make_person

pytestmark = pytest.mark.django_db
ANSWER = "You get 28 days [1]. Project Moonshot starts in May [2]. Ask Eva."
QUESTION = "When does Moonshot start?"
SECRET = "Project Moonshot"


@pytest.fixture
def rita(db: None) -> User:
    """A second reviewer."""
    user = make_person("rita")
    user.roles = [Role.EMPLOYEE.value, Role.REVIEWER.value]
    user.save()
    return user


def finding(stage: Stage = Stage.OUTPUT, action: Action = Action.FLAG, severity: Severity = Severity.MEDIUM) -> Finding:
    text, words = (ANSWER, SECRET) if stage == Stage.OUTPUT else (QUESTION, "Moonshot")
    at = text.index(words)
    return Finding("", "words", stage, action, severity, ((at, at + len(words)),), kind="pattern")


Ended = Callable[..., Generation]


@pytest.fixture
def ended(alice: User, scripted: ModelVersion) -> Ended:
    """An answer to alice that has ended, with two sources, one of them cited weakly, and what checks found."""

    def end(*findings: Finding, status: Status = Status.COMPLETE, **changes: Any) -> Generation:
        queued = services.post_message(user=alice, text=QUESTION, message_id=uuid4(), conversation_id=None)
        is_blocked = status == Status.BLOCKED
        Generation.objects.filter(id=queued.id).update(
            status=status, finish_reason="content_filter" if is_blocked else "stop", **changes
        )
        weak = [] if is_blocked else [ANSWER.index("[1]"), ANSWER.index("[2]")]
        text = SAFE_TEXT if is_blocked else ANSWER
        Message.objects.filter(id=queued.message_id).update(text=text, weak_citations=weak)
        for n in (1, 2, 3):
            cited = n < 3 and not is_blocked
            Source.objects.create(message_id=queued.message_id, n=n, document_name="a.md", quote="q", cited=cited)
        generation = Generation.objects.select_related("message__parent").get(id=queued.id)
        record_exchange(generation, answer=text, original=ANSWER if is_blocked else "", findings=findings)
        return generation

    return end


def decide(flag: Flag, reviewer: User, decision: str = "uphold", *effects: str) -> Flag:
    claim_flag(user=reviewer, flag_id=flag.id)
    return services.decide_flag(
        user=reviewer, flag_id=flag.id, decision=decision, reason="It is secret.", effects=effects
    )


def state(generation: Generation) -> tuple[Any, ...]:
    now = Generation.objects.select_related("message").get(id=generation.id)
    exchange = Exchange.objects.get(pk=generation.id)
    cited = list(Source.objects.filter(message=now.message, cited=True).values_list("n", flat=True))
    message = now.message
    shown = (message.text, message.weak_citations, now.status, now.finish_reason, cited)
    return (*shown, exchange.answer, exchange.original)


@pytest.mark.parametrize("status", [Status.COMPLETE, Status.STOPPED, Status.INTERRUPTED])
def test_a_retraction_takes_all_of_the_answer_away_and_an_undo_brings_it_back(
    ended: Ended, mona: User, status: Status
) -> None:
    generation = ended(finding(), status=status)
    before = state(generation)
    flag = decide(Flag.objects.get(), mona, "uphold", "retract")
    assert state(generation) == (RETRACTED_TEXT, [], Status.RETRACTED, "content_filter", [], RETRACTED_TEXT, ANSWER)
    assert AuditEvent.objects.filter(action="moderation.answer_changed", actor=mona).count() == 1
    services.undo_decision(user=mona, flag_id=flag.id)
    assert state(generation) == before
    assert not ReviewedMessage.objects.exists()


def test_a_mask_replaces_the_marked_words_and_moves_what_stands_behind(ended: Ended, mona: User) -> None:
    generation = ended(finding())
    before = state(generation)
    flag = decide(Flag.objects.get(), mona, "uphold", "mask")
    masked = ANSWER.replace(SECRET, MASK_TEXT)
    weak = [masked.index("[1]"), masked.index("[2]")]
    assert state(generation) == (masked, weak, Status.COMPLETE, "stop", [1, 2], masked, ANSWER)
    services.undo_decision(user=mona, flag_id=flag.id)
    assert state(generation) == before


def test_a_citation_inside_masked_words_is_no_weak_one_any_more(ended: Ended, mona: User) -> None:
    start = ANSWER.index("28")
    wide = Finding("", "words", Stage.OUTPUT, Action.FLAG, Severity.MEDIUM, ((start, ANSWER.index(".") + 1),))
    generation = ended(wide)
    decide(Flag.objects.get(), mona, "uphold", "mask")
    text, weak, *_ = state(generation)
    assert text.startswith(f"You get {MASK_TEXT} Project")
    assert weak == [text.index("[2]")]


def test_two_masks_hold_each_by_itself(ended: Ended, mona: User) -> None:
    at = ANSWER.index("Eva")
    name = Finding("", "names", Stage.OUTPUT, Action.FLAG, Severity.MEDIUM, ((at, at + 3),))
    generation = ended(finding(), name)
    first, second = Flag.objects.order_by("verdict__check_name")
    decide(first, mona, "uphold", "mask")
    decide(second, mona, "uphold", "mask")
    assert state(generation)[0] == ANSWER.replace(SECRET, MASK_TEXT).replace("Eva", MASK_TEXT)
    services.undo_decision(user=mona, flag_id=first.id)
    assert MASK_TEXT in state(generation)[0]
    services.undo_decision(user=mona, flag_id=second.id)
    assert state(generation)[0] == ANSWER


def test_a_masked_answer_can_still_be_taken_back(ended: Ended, mona: User) -> None:
    at = ANSWER.index("Eva")
    name = Finding("", "names", Stage.OUTPUT, Action.FLAG, Severity.MEDIUM, ((at, at + 3),))
    generation = ended(finding(), name)
    first, second = Flag.objects.order_by("verdict__check_name")
    decide(first, mona, "uphold", "mask")
    decide(second, mona, "uphold", "retract")
    assert state(generation)[0] == RETRACTED_TEXT
    services.undo_decision(user=mona, flag_id=second.id)
    assert "Eva" not in state(generation)[0]


def test_a_question_is_masked_with_the_title_that_was_made_of_it(ended: Ended, mona: User) -> None:
    generation = ended(finding(Stage.INPUT))
    question = generation.message.parent
    assert question is not None
    flag = decide(Flag.objects.get(), mona, "uphold", "mask")
    question.refresh_from_db()
    assert question.text == QUESTION.replace("Moonshot", MASK_TEXT)
    question.conversation.refresh_from_db()
    assert "Moonshot" not in question.conversation.title
    assert Exchange.objects.get().question == QUESTION  # Reviewers go on seeing what they decide on.
    services.undo_decision(user=mona, flag_id=flag.id)
    question.refresh_from_db()
    question.conversation.refresh_from_db()
    assert (question.text, question.conversation.title) == (QUESTION, QUESTION)


def test_what_is_withheld_already_is_not_taken_back(ended: Ended, mona: User) -> None:
    ended(finding(action=Action.BLOCK), status=Status.BLOCKED)
    with pytest.raises(ChatappError, match="not possible"):
        decide(Flag.objects.get(), mona, "uphold", "retract")


def test_what_takes_away_holds_before_the_second_reviewer_and_not_after_they_dismiss(
    ended: Ended, mona: User, rita: User, settings: Any
) -> None:
    settings.SECOND_REVIEW_SEVERITY = "high"
    generation = ended(finding(severity=Severity.HIGH))
    before = state(generation)
    flag = decide(Flag.objects.get(), mona, "uphold", "retract")
    assert (flag.status, state(generation)[2]) == (FlagStatus.SECOND, Status.RETRACTED)
    decide(flag, rita, "dismiss")
    assert state(generation) == before
    services.undo_decision(user=rita, flag_id=flag.id)
    assert state(generation)[2] == Status.RETRACTED


def test_of_a_deleted_answer_the_decision_stands(ended: Ended, alice: User, mona: User) -> None:
    generation = ended(finding())
    services.delete_conversation(user=alice, conversation_id=generation.message.conversation_id)
    flag = decide(Flag.objects.get(), mona, "uphold", "retract")
    assert flag.status == FlagStatus.UPHELD
    exchange = Exchange.objects.get()
    assert (exchange.answer, exchange.original) == (RETRACTED_TEXT, ANSWER)
    assert AuditEvent.objects.get(action="moderation.answer_changed").detail["answer"] == "gone"
    services.undo_decision(user=mona, flag_id=flag.id)
    exchange.refresh_from_db()
    assert (exchange.answer, exchange.original) == (ANSWER, "")


def test_a_granted_appeal_gives_a_retracted_answer_back(ended: Ended, alice: User, mona: User, rita: User) -> None:
    generation = ended(finding())
    before = state(generation)
    decide(Flag.objects.get(), mona, "uphold", "retract")
    appeal = services.appeal_answer(user=alice, message_id=generation.message_id, text="It is public.")
    assert (appeal.source, appeal.severity) == (FlagSource.APPEAL, Severity.MEDIUM)
    decide(appeal, rita, "dismiss")
    assert state(generation) == before
    assert Notice.objects.get(user=alice).text == "Your appeal was granted: the answer is shown again."
    services.undo_decision(user=rita, flag_id=appeal.id)
    assert state(generation)[2] == Status.RETRACTED
    assert not Notice.objects.exists()


def test_a_granted_appeal_shows_what_a_rule_withheld(ended: Ended, alice: User, rita: User) -> None:
    generation = ended(finding(action=Action.BLOCK), status=Status.BLOCKED)
    appeal = services.appeal_answer(user=alice, message_id=generation.message_id, text="It is public.")
    decide(appeal, rita, "dismiss")
    assert state(generation) == (ANSWER, [], Status.COMPLETE, "content_filter", [], ANSWER, ANSWER)
    services.undo_decision(user=rita, flag_id=appeal.id)
    assert state(generation)[:3] == (SAFE_TEXT, [], Status.BLOCKED)


def test_an_appeal_that_is_turned_down_changes_nothing(ended: Ended, alice: User, rita: User) -> None:
    generation = ended(finding(action=Action.BLOCK), status=Status.BLOCKED)
    before = state(generation)
    appeal = services.appeal_answer(user=alice, message_id=generation.message_id, text="It is public.")
    decide(appeal, rita, "uphold")
    assert state(generation) == before
    assert "stays as it is" in Notice.objects.get(user=alice).text


def test_below_a_blocked_question_nothing_was_written_and_nothing_comes_back(
    ended: Ended, alice: User, rita: User
) -> None:
    generation = ended(finding(Stage.INPUT, Action.BLOCK), status=Status.BLOCKED)
    Exchange.objects.update(original="")
    appeal = services.appeal_answer(user=alice, message_id=generation.message_id, text="Why?")
    decide(appeal, rita, "dismiss")
    assert state(generation)[:3] == (SAFE_TEXT, [], Status.BLOCKED)
    assert "never written" in Notice.objects.get(user=alice).text


def test_caches_and_summaries_forget_what_was_taken_back(ended: Ended, alice: User, mona: User) -> None:
    generation = ended(finding())
    message = generation.message
    CachedAnswer.objects.create(key="k", message=message)
    later = Message.objects.create(conversation=message.conversation, parent=message, role=MessageRole.USER, text="?")
    ConversationSummary.objects.create(upto=later, text="Moonshot starts in May.")
    decide(Flag.objects.get(), mona, "uphold", "retract")
    assert not CachedAnswer.objects.exists()
    assert not ConversationSummary.objects.exists()
    assert [source.cited for source in get_turn_for(alice, message.id).sources] == [False] * 3


def test_the_employee_is_told_when_the_reviewer_wants_it(ended: Ended, alice: User, mona: User) -> None:
    ended(finding())
    flag = Flag.objects.get()
    claim_flag(user=mona, flag_id=flag.id)
    services.decide_flag(
        user=mona,
        flag_id=flag.id,
        decision="uphold",
        reason_code="confidential",
        reason="internal words",
        effects=["retract", "notify"],
    )
    told = Notice.objects.get(user=alice).text
    assert told == (
        "A reviewer looked at an answer of yours and took it back. The reason: contains confidential information."
    )
    assert "mona" not in told


@pytest.mark.parametrize("is_read", [True, False])
@pytest.mark.parametrize("overruled_by", ["mona", "rita"])
def test_what_was_told_is_corrected_where_it_was_read_and_withdrawn_where_not(
    ended: Ended, mona: User, rita: User, overruled_by: str, *, is_read: bool
) -> None:
    by_undo = overruled_by == "mona"
    ended(finding(severity=Severity.MEDIUM if by_undo else Severity.HIGH))
    flag = Flag.objects.get()
    decide(flag, mona, "uphold", "retract", "notify")
    if is_read:
        Notice.objects.update(read_at=timezone.now())
    if by_undo:
        services.undo_decision(user=mona, flag_id=flag.id)
    decide(flag, mona if by_undo else rita, "dismiss")
    texts = [notice.text for notice in Notice.objects.order_by("created_at")]
    assert len(texts) == 2 * is_read
    assert not is_read or ("took it back" in texts[0] and "nothing wrong" in texts[1])


def test_a_report_is_a_flag_and_its_author_hears_of_the_decision(ended: Ended, alice: User, mona: User) -> None:
    generation = ended()
    flag = services.report_answer(user=alice, message_id=generation.message_id, reason="unsafe", text=" It insults. ")
    assert (flag.source, flag.severity, flag.report_reason, flag.report_text) == (
        FlagSource.REPORT,
        Severity.MEDIUM,
        "unsafe",
        "It insults.",
    )
    assert flag.due_at is not None
    decide(flag, mona, "uphold", "retract")
    assert Notice.objects.get(user=alice).text == (
        "You reported an answer. A reviewer agrees with you and took the answer back. Thank you."
    )


def test_one_report_and_one_appeal_an_answer(ended: Ended, alice: User) -> None:
    shown, withheld = ended().message_id, ended(status=Status.BLOCKED).message_id
    services.report_answer(user=alice, message_id=shown, reason="wrong")
    services.appeal_answer(user=alice, message_id=withheld, text="Why?")
    with pytest.raises(ChatappError) as again:
        services.report_answer(user=alice, message_id=shown, reason="wrong")
    assert again.value.code == "already_reported"
    with pytest.raises(ChatappError) as twice:
        services.appeal_answer(user=alice, message_id=withheld, text="Why?")
    assert twice.value.code == "already_appealed"
    assert Flag.objects.count() == 2


@pytest.mark.parametrize(
    "reason, text, code",
    [
        ("nonsense", "", "invalid"),
        ("", "", "invalid"),
        ("other", "", "words_missing"),
        ("other", "\u200b \0", "words_missing"),
        ("wrong", "x" * 1001, "invalid"),
    ],
)
def test_a_malformed_report_is_refused(ended: Ended, alice: User, reason: str, text: str, code: str) -> None:
    with pytest.raises(ChatappError) as refused:
        services.report_answer(user=alice, message_id=ended().message_id, reason=reason, text=text)
    assert refused.value.code == code
    assert not Flag.objects.exists()


def test_what_is_shown_is_reported_and_what_is_withheld_is_appealed(ended: Ended, alice: User) -> None:
    with pytest.raises(ChatappError) as nothing:
        services.report_answer(user=alice, message_id=ended(status=Status.BLOCKED).message_id, reason="wrong")
    assert nothing.value.code == "not_reportable"
    with pytest.raises(ChatappError) as shown:
        services.appeal_answer(user=alice, message_id=ended().message_id, text="Why?")
    assert shown.value.code == "not_withheld"
    question = ended().message.parent
    assert question is not None
    with pytest.raises(ChatappError, match="only an answer"):
        services.report_answer(user=alice, message_id=question.id, reason="wrong")


def test_thirty_reports_an_hour(ended: Ended, alice: User) -> None:
    exchange = Exchange.objects.get(pk=ended().id)
    for _ in range(30):
        other = Exchange.objects.create(generation_id=uuid4(), user=alice, question="q", answer="a")
        Flag.objects.create(exchange=other, source=FlagSource.REPORT, severity="low", reporter=alice)
    with pytest.raises(ChatappError) as limited:
        services.report_answer(user=alice, message_id=Generation.objects.get(id=exchange.pk).message_id, reason="wrong")
    assert limited.value.code == "rate_limited"


def test_a_report_keeps_what_a_temporary_chat_would_lose(alice: User, ended: Ended, mona: User) -> None:
    generation = ended()
    conversation = generation.message.conversation
    conversation.expires_at = timezone.now() + timedelta(hours=1)
    conversation.save()
    services.report_answer(user=alice, message_id=generation.message_id, reason="wrong")
    services.delete_conversation(user=alice, conversation_id=conversation.id)
    assert Exchange.objects.get(pk=generation.id).answer == ANSWER


def test_strangers_find_nothing(ended: Ended, mallory: User, alice: User) -> None:
    shown, withheld = ended().message_id, ended(status=Status.BLOCKED).message_id
    flag = services.report_answer(user=alice, message_id=shown, reason="wrong")
    for call in (
        lambda: services.report_answer(user=mallory, message_id=shown, reason="wrong"),
        lambda: services.appeal_answer(user=mallory, message_id=withheld, text="?"),
        lambda: services.decide_flag(user=mallory, flag_id=flag.id, decision="uphold", reason="no"),
        lambda: services.undo_decision(user=mallory, flag_id=flag.id),
    ):
        with pytest.raises(ChatappError) as refused:
            call()
        assert refused.value.code == "not_found"


def test_a_finished_answer_is_no_worker_s_any_more(ended: Ended, mona: User) -> None:
    """A worker that comes late writes nothing over what a reviewer decided."""
    generation = ended(finding())
    decide(Flag.objects.get(), mona, "uphold", "retract")
    late = FinishedAnswer(status=Status.COMPLETE, text=ANSWER)
    assert not services.finish_generation(generation, late)
    assert state(generation)[0] == RETRACTED_TEXT


def test_a_share_of_answers_is_sampled_and_always_the_same_ones(settings: Any) -> None:
    ids = [uuid4() for _ in range(2_000)]
    settings.FLAG_SAMPLE_SHARE = 0.1
    sampled = [is_sampled(one) for one in ids]
    assert 130 < sum(sampled) < 270
    assert [is_sampled(one) for one in ids] == sampled
    settings.FLAG_SAMPLE_SHARE = 0.0
    assert not any(is_sampled(one) for one in ids)
    settings.FLAG_SAMPLE_SHARE = 1.0
    assert all(is_sampled(one) for one in ids)


@pytest.mark.parametrize("is_temporary, sources", [(False, ["sample"]), (True, [])])
def test_a_sample_is_a_flag_of_low_severity_and_never_of_a_temporary_chat(
    alice: User, scripted: ModelVersion, settings: Any, is_temporary: bool, sources: list[str]
) -> None:
    settings.FLAG_SAMPLE_SHARE = 1.0
    services.post_message(
        user=alice, text="Hello?", message_id=uuid4(), conversation_id=None, is_temporary=is_temporary
    )
    claimed = claim_next(worker="w", version_ids=[scripted.id])
    assert claimed is not None
    assert services.finish_generation(claimed, FinishedAnswer(status=Status.COMPLETE, text="Hello."))
    assert [flag.source for flag in Flag.objects.all()] == sources
    assert all(flag.severity == Severity.LOW and flag.excerpt == "Hello." for flag in Flag.objects.all())
