"""Which checks the web process runs, which a worker, and which only where the model is outside the company."""

from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import Group

from chatapp.accounts.models import User
from chatapp.moderation import policy
from chatapp.moderation.checks.check import Check, Parts, Scope
from chatapp.moderation.checks.classifier import Classifier
from chatapp.moderation.checks.matcher import build_matcher
from chatapp.moderation.checks.schema import KINDS
from chatapp.moderation.models import Action, Stage
from chatapp.moderation.policy import PolicySet, active_policies, warm_examiners
from chatapp.moderation.services import create_policy_version
from chatapp.moderation.tests.examiners import Words, examining

OUTSIDE = Scope(external_only=True)


def both(action: Action = Action.MASK, *, stage: Stage = Stage.INPUT, **fields: Any) -> Check:
    """Its pattern sees numbers, its examiner names."""
    return examining(Words({"Anna": 1.0}), action, stage=stage, matchers=(build_matcher("[0-9]+"),), **fields)


def policies(*checks: Check) -> PolicySet:
    return PolicySet(version="company@1", checks=checks)


def test_the_web_process_matches_and_a_worker_examines() -> None:
    one = policies(both())
    assert one.check_input("Anna 12").text == "Anna [removed]"
    assert one.examine_input("Anna 12", external=False).text == "[removed] 12"
    assert one.check_output("Anna 12").text == "Anna 12"


def test_a_placeholder_check_only_notes_and_never_in_the_web_process() -> None:
    one = policies(both(placeholder=True))
    assert one.check_input("Anna 12").findings == ()
    assert one.examine_input("Anna 12", external=False).findings == ()
    watched = one.watch_input("Anna 12", external=False)
    watched.settle()
    assert [(finding.action, finding.spans) for finding in watched.findings] == [(Action.ALLOW, ((0, 4), (5, 7)))]
    assert one.placeholder_checks(Stage.INPUT, external=False) == list(one.checks)


def test_what_counts_outside_the_company_counts_nowhere_else() -> None:
    for stage in Stage:
        one = policies(both(Action.BLOCK, stage=stage, scope=OUTSIDE))
        decisions = {
            Stage.INPUT: lambda outside, one=one: one.examine_input("Anna 12", external=outside),
            Stage.CONTEXT: lambda outside, one=one: one.check_passage("Anna 12", external=outside),
            Stage.OUTPUT: lambda outside, one=one: one.check_output("Anna 12", external=outside),
        }
        assert [decisions[stage](outside).action for outside in (True, False)] == [Action.BLOCK, Action.ALLOW]
        assert one.check_input("Anna 12").action == Action.ALLOW
        assert one.has_leaving_checks == (stage == Stage.INPUT)
    leaving = policies(both(scope=OUTSIDE)).check_leaving("Anna 12")
    assert leaving.text == "[removed] [removed]"
    assert policies(both(scope=OUTSIDE)).check_earlier("Anna 12").text == leaving.text
    for fields in ({"action": Action.FLAG}, {"placeholder": True}, {"is_shadow": True}):
        assert policies(both(scope=OUTSIDE, **fields)).check_earlier("Anna 12").findings == ()


def test_the_answer_waits_for_what_blocks_or_masks_its_question_and_for_nothing_else() -> None:
    now = [both(Action.BLOCK), both(Action.MASK, hold=False)]
    later = [both(Action.BLOCK, hold=False), both(Action.FLAG), both(Action.BLOCK, is_shadow=True)]
    for check in now:
        assert policies(check).examine_input("Anna", external=False).findings
        assert policies(check).watch_input("Anna", external=False).findings == ()
    for check in later:
        assert policies(check).examine_input("Anna", external=False).findings == ()
        watched = policies(check).watch_input("Anna", external=False)
        watched.settle()
        assert watched.retracted == (check.action == Action.BLOCK and not check.is_shadow)
        assert len(watched.findings) == 1


@pytest.mark.django_db
def test_examiners_in_force_are_loaded_once_and_one_that_fails_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    failing, loaded = Words({}, trouble="morning"), Words({})
    examiners = iter([failing, loaded])

    def build(spec: Any) -> Parts:
        return Parts(examiner=next(examiners) if spec["words"] == ["now"] else Words({}))

    monkeypatch.setitem(KINDS, "pattern", replace(KINDS["pattern"], build=build))
    check = {"kind": "pattern", "stage": "output", "action": "flag", "words": ["x"]}
    version = create_policy_version(user=None, name="company", checks=[check, check], activate=True)
    checks = [{**check, "words": ["now"]}] * 2
    monkeypatch.setattr("chatapp.moderation.selectors.get_checks", lambda _: checks)
    policy._compiled.cache_clear()
    warm_examiners()
    warm_examiners()
    assert (len(failing.texts), len(loaded.texts)) == (1, 1)
    assert version.active
    policy._compiled.cache_clear()


@pytest.mark.django_db
def test_a_check_looks_only_at_the_groups_and_routes_that_it_names(alice: User, bob: User) -> None:
    alice.groups.add(Group.objects.get_or_create(name="moderated")[0])
    check = {"kind": "pattern", "stage": "input", "action": "block", "words": ["x"]}
    checks = [{**check, "groups": ["moderated", "legal"]}, {**check, "routes": ["smart"]}]
    create_policy_version(user=None, name="company", checks=checks, activate=True)
    found = {
        (user.username, route): len(active_policies(user=user, route=route).checks)
        for user in (alice, bob)
        for route in ("default", "smart")
    }
    assert found == {("alice", "default"): 1, ("alice", "smart"): 2, ("bob", "default"): 0, ("bob", "smart"): 1}
    assert len(active_policies(route="default").checks) == 0


@pytest.mark.django_db
def test_a_classifier_that_only_flags_lets_searches_go_first() -> None:
    check: dict[str, Any] = {"kind": "toxicity", "stage": "output"}
    checks = [{**check, "action": "flag"}, {**check, "action": "block"}, {**check, "action": "block", "hold": False}]
    create_policy_version(user=None, name="company", checks=checks, activate=True)
    examiners = [one.examiner for one in active_policies().checks]
    assert [isinstance(one, Classifier) and one.in_background for one in examiners] == [True, False, True]
