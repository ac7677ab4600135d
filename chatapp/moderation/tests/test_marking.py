"""What reviewers see of personal data: nothing that is not asked for, wherever an excerpt is cut."""

from typing import Any
from uuid import uuid4

import pytest

from chatapp.moderation import services
from chatapp.moderation.checks.examiner import Hit
from chatapp.moderation.checks.findings import Finding
from chatapp.moderation.marking import Segment, mark_excerpt, mark_field, plain_text, segments_of
from chatapp.moderation.models import Action, Exchange, Flag, FlagSource, Severity, Stage

CARD = "4111 1111 1111 1111"


def flag_of(answer: str, match: str, *, kind: str = "pattern", **changes: Any) -> Flag:
    start = answer.index(match)
    finding = Finding("", "words", Stage.OUTPUT, Action.FLAG, Severity.LOW, ((start, start + len(match)),), kind=kind)
    fields = {
        "generation_id": uuid4(), "user": None, "question": "What?", "answer": answer, "sources": [],
        "model_version": "small", "policy_version": "", "findings": [finding], **changes,
    }  # fmt: skip
    return Flag.objects.select_related("exchange", "verdict").get(exchange=services.record_exchange(**fields))


def test_marks_and_masks_may_overlap() -> None:
    text = "call Ann now, please"
    assert segments_of(text, marks=[(0, 8), (14, 20)], hits=[Hit(5, 8, label="PERSON")]) == [
        Segment("call ", marked=True),
        Segment("[PERSON]", marked=True, hidden=True),
        Segment(" now, "),
        Segment("please", marked=True),
    ]
    assert plain_text(segments_of(text, marks=[(3, 12), (5, 9), (19, 50)], hits=[])) == text
    assert segments_of("", marks=[(0, 0)], hits=[]) == []


@pytest.mark.django_db
@pytest.mark.parametrize("cut", range(40, 60, 2))
def test_a_number_that_an_excerpt_cuts_in_two_is_masked(cut: int) -> None:
    """The excerpt begins 60 characters before the match: with `cut` of them after the card, it begins within it."""
    flag = flag_of(f"{'x ' * 50}{CARD}{' y' * (cut // 2)} secret", "secret")
    shown = plain_text(mark_excerpt(flag))
    assert "1111" not in shown
    assert "[CARD]" in shown
    assert CARD in plain_text(mark_field(flag, "answer", unmasked=True))
    assert "1111" not in plain_text(mark_field(flag, "answer"))


@pytest.mark.django_db
def test_names_are_masked_where_the_pipeline_has_found_them() -> None:
    flag = flag_of("Ann Lee has the secret.", "secret")
    assert plain_text(mark_excerpt(flag)) == "Ann Lee has the secret."
    Exchange.objects.update(personal={"answer": [[0, 7, "PERSON"]], "question": []})
    flag = Flag.objects.select_related("exchange", "verdict").get()
    assert plain_text(mark_excerpt(flag)) == "[PERSON] has the secret."
    assert mark_field(flag, "answer")[-2] == Segment("secret", marked=True)


@pytest.mark.django_db
@pytest.mark.parametrize("source", [FlagSource.REPORT, FlagSource.SAMPLE, FlagSource.APPEAL])
def test_names_are_masked_in_what_people_ask_to_look_at(source: FlagSource) -> None:
    exchange = flag_of("Ann Lee has the secret.", "secret", question="Has Ann Lee it?").exchange
    excerpt = exchange.question if source == FlagSource.APPEAL else exchange.answer
    exchange.personal = {"answer": [[0, 7, "PERSON"]], "question": [[4, 11, "PERSON"]]}
    exchange.save()
    flag = services.raise_flag(exchange=exchange, source=source, severity=Severity.LOW, excerpt=excerpt)
    assert plain_text(mark_excerpt(flag)) == excerpt.replace("Ann Lee", "[PERSON]")


@pytest.mark.django_db
def test_a_secret_is_masked_whatever_the_flag_is_about() -> None:
    flag = flag_of("Project heron has the key AKIAIOSFODNN7EXAMPLE.", "heron")
    for shown in (mark_excerpt(flag), mark_field(flag, "answer")):
        assert plain_text(shown) == "Project heron has the key [SECRET]."


@pytest.mark.django_db
@pytest.mark.parametrize("kind,shown", [("pii", "Badge [PERSONAL DATA] is his"), ("secrets", "Badge [SECRET] is his")])
def test_what_a_check_of_personal_data_or_secrets_found_is_masked_itself(kind: str, shown: str) -> None:
    flag = flag_of("Badge E-123 is his", "E-123", kind=kind)
    assert plain_text(mark_excerpt(flag)) == shown
    assert plain_text(mark_field(flag, "answer")) == shown
    assert plain_text(mark_excerpt(flag, unmasked=True)) == "Badge E-123 is his"


@pytest.mark.django_db
def test_a_passage_that_was_flagged_is_masked_by_form() -> None:
    finding = Finding(
        "", "words", Stage.CONTEXT, Action.FLAG, Severity.LOW, ((0, 3),), excerpt="the mail ann@example.com"
    )
    flag = flag_of("fine", "fine", findings=[finding])
    assert "ann@example.com" not in plain_text(mark_excerpt(flag))
    assert mark_field(flag, "answer") == [Segment("fine")]
