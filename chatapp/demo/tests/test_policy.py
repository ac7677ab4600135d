import pytest

from chatapp.demo.policy import CHECKS
from chatapp.demo.sources import load_sources
from chatapp.moderation.checks.schema import build_checks
from chatapp.moderation.models import Action
from chatapp.moderation.policy import PolicySet, only_matchers

CARD, IBAN = "4111 1111 1111 1111", "GB82 WEST 1234 5698 7654 32"


@pytest.fixture(scope="module")
def company_policy() -> PolicySet:
    """Without its classifiers: benchmarks.moderation has their false alarms on the documents."""
    return PolicySet(version="company@1", checks=tuple(map(only_matchers, build_checks(CHECKS))))


@pytest.mark.parametrize(
    "text, action",
    [
        ("How many days of holiday do I get?", Action.ALLOW),
        ("What do you know about Project  Nightjar?", Action.BLOCK),
        ("When does cobalt-heron start?", Action.BLOCK),
        ("A nightjar sat on the roof of the project office.", Action.ALLOW),
        (f"My card is {CARD}", Action.MASK),
        (f"Pay it to {IBAN}", Action.MASK),
        ("My manager is an IDIOT.", Action.FLAG),
        ("The idiotic form again", Action.ALLOW),
    ],
)
def test_the_policy_decides_about_questions(company_policy: PolicySet, text: str, action: Action) -> None:
    decision = company_policy.check_input(text)
    assert decision.action == action
    assert CARD not in decision.text
    assert IBAN not in decision.text


def test_the_policy_leaves_every_document_alone(company_policy: PolicySet) -> None:
    found = {}
    for source in load_sources():
        guard = company_policy.output_guard()
        guard.feed(source.markdown)
        guard.finish()
        if guard.findings:
            found[source.slug] = guard.findings
    assert found == {}


def test_the_policy_stops_a_code_name_in_an_answer(company_policy: PolicySet) -> None:
    guard = company_policy.output_guard()
    shown = (
        "".join(guard.feed(piece) for piece in ["The plan for Silver", " Lan", "tern is", " ready."]) + guard.finish()
    )
    assert guard.blocked
    assert "Silver Lantern" not in shown
