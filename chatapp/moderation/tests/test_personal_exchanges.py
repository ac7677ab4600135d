"""Where personal data stands in exchanges that somebody may open."""

from collections.abc import Sequence
from typing import Any

import pytest

from chatapp.accounts.models import User
from chatapp.inference.artifacts import default_directory, ensure_artifact
from chatapp.inference.catalog import CHECK_FILES
from chatapp.moderation import services
from chatapp.moderation.checks.examiner import ExaminerError, Hit
from chatapp.moderation.masked import mask_exchange
from chatapp.moderation.models import Exchange
from chatapp.moderation.services import personal
from chatapp.moderation.tasks import look_for_personal_data
from chatapp.moderation.tests.replaying import SCORED, keep, make_policy, scored_kind

pytestmark = pytest.mark.django_db
CARD = "4111 1111 1111 1111"


@pytest.fixture
def flagged() -> Exchange:
    with scored_kind():
        return keep(
            f"Pay with {CARD}.", question="Ask Maria Hernandez.", original="See Karl Weber.", policy=make_policy(SCORED)
        )


def by_word(texts: Sequence[str]) -> list[list[Hit]]:
    return [[Hit(at, at + 5, label="PERSON")] if (at := text.find("Maria")) >= 0 else [] for text in texts]


@pytest.fixture
def finder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(personal, "find_personal_data", by_word)


@pytest.mark.model
def test_names_in_a_flagged_exchange_are_masked_for_reviewers(flagged: Exchange, settings: Any) -> None:
    settings.MODELS_DIR = default_directory()
    for artifact in CHECK_FILES.values():
        ensure_artifact(artifact, directory=settings.MODELS_DIR, report=lambda _progress: None)
    assert not mask_exchange(flagged).is_searched
    assert not services.look_for_personal_data()
    flagged.refresh_from_db()
    assert flagged.personal == {
        "question": [[4, 19, "PERSON"]],
        "answer": [[9, 28, "CARD"]],
        "original": [[4, 14, "PERSON"]],
    }
    masked = mask_exchange(flagged)
    assert masked.is_searched
    assert masked.question == "Ask [PERSON]."
    assert masked.answer == "Pay with [CARD]."


@pytest.mark.usefixtures("finder")
def test_only_what_somebody_may_open_is_looked_at(alice: User) -> None:
    seen, other = (keep("Thanks.", question="Ask Maria.", user=alice) for _ in range(2))
    services.give_feedback(user=alice, generation_id=seen.pk, is_positive=False, reasons=["wrong"], text="")
    services.look_for_personal_data()
    seen.refresh_from_db()
    other.refresh_from_db()
    assert seen.personal == {"question": [[4, 9, "PERSON"]], "answer": [], "original": []}
    assert other.personal is None


@pytest.mark.usefixtures("finder")
def test_an_answer_that_was_replaced_is_looked_at_anew(flagged: Exchange) -> None:
    services.look_for_personal_data()
    services.replace_answer(generation_id=flagged.pk, answer="Ask Maria.", original="")
    services.look_for_personal_data()
    flagged.refresh_from_db()
    assert flagged.personal is not None
    assert flagged.personal["answer"] == [[4, 9, "PERSON"]]


@pytest.mark.usefixtures("finder")
def test_slices_go_on_until_all_is_done(flagged: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(personal, "SLICE_EXCHANGES", 1)
    with scored_kind():
        keep("Two.", policy=flagged.flags.get().verdict.policy)
    assert services.look_for_personal_data()
    assert services.look_for_personal_data()
    assert not services.look_for_personal_data()
    assert not Exchange.objects.filter(personal=None).exists()


def test_without_the_model_it_is_left_and_nothing_turns_in_circles(
    flagged: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_texts: Sequence[str]) -> list[list[Hit]]:
        raise ExaminerError("not here")

    monkeypatch.setattr(personal, "find_personal_data", fail)
    monkeypatch.setattr(personal, "SLICE_EXCHANGES", 1)
    assert not services.look_for_personal_data()
    flagged.refresh_from_db()
    assert flagged.personal is None


def test_one_odd_text_keeps_nobody_elses_waiting(flagged: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    with scored_kind():
        odd = keep("odd", policy=flagged.flags.get().verdict.policy)

    def choke(texts: Sequence[str]) -> list[list[Hit]]:
        if "odd" in texts:
            raise ValueError("odd")
        return by_word(texts)

    monkeypatch.setattr(personal, "find_personal_data", choke)
    services.look_for_personal_data()
    odd.refresh_from_db()
    flagged.refresh_from_db()
    assert odd.personal is None
    assert flagged.personal is not None


@pytest.mark.usefixtures("finder")
def test_the_task_does_one_slice_and_asks_for_the_next(flagged: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatapp.moderation.tasks.run_aside", lambda work: work())
    monkeypatch.setattr(personal, "SLICE_EXCHANGES", 1)
    asked: list[None] = []
    monkeypatch.setattr(look_for_personal_data, "delay", lambda: asked.append(None))
    look_for_personal_data()
    look_for_personal_data()
    assert len(asked) == 1
    flagged.refresh_from_db()
    assert flagged.personal is not None
