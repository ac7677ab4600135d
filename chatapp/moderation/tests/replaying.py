"""Traffic to replay, and a kind of check that scores a text as the text itself says."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from unittest.mock import patch
from uuid import uuid4

from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.moderation import services
from chatapp.moderation.checks import Finding
from chatapp.moderation.checks.check import Parts
from chatapp.moderation.checks.examiner import ExaminerError, Hit
from chatapp.moderation.checks.schema import KINDS, Kind
from chatapp.moderation.models import Action, Exchange, Flag, FlagStatus, PolicyVersion, Replay, Severity, Stage

PATTERN = {"kind": "pattern", "name": "words", "stage": "output", "action": "block", "patterns": ["BLOCKME"]}
SCORED = {"kind": "scored", "name": "mood", "stage": "output", "action": "flag", "threshold": 0.5}


@dataclass(frozen=True)
class Scored:
    """`longest` is short, so that texts make several windows."""

    is_remote: bool = False
    longest: int = 200

    def examine(self, texts: Sequence[str]) -> list[list[Hit]]:
        if any("DOWN" in text for text in texts):
            raise ExaminerError("down")
        return [[Hit(0, len(text), score=score_in(text))] for text in texts]


def score_in(text: str) -> float:
    return max((float(score) for score in re.findall(r"score=(\d\.\d+)", text)), default=0.0)


def build(spec: Mapping[str, Any]) -> Parts:
    return Parts(examiner=Scored(is_remote=bool(spec.get("remote", False))), threshold=0.5)


@contextmanager
def scored_kind() -> Iterator[None]:
    with patch.dict(KINDS, {"scored": Kind(frozenset({"remote"}), build)}):
        yield


def make_policy(*checks: dict[str, Any], name: str = "company", activate: bool = False) -> PolicyVersion:
    return services.create_policy_version(user=None, name=name, checks=list(checks), activate=activate)


def keep(
    answer: str, *, minutes: float = 60, user: User | None = None, policy: PolicyVersion | None = None, **more: Any
) -> Exchange:
    """An exchange of so many minutes ago; with a policy, its check flagged or blocked the answer."""
    found = more.pop("action", Action.FLAG)
    findings = [] if policy is None else [finding(policy, found)]
    exchange = services.record_exchange(
        generation_id=uuid4(), user=user, question=more.pop("question", "What?"), answer=answer, sources=[],
        model_version="small", policy_version="company@1", findings=findings, **more,
    )  # fmt: skip
    Exchange.objects.filter(pk=exchange.pk).update(created_at=timezone.now() - timedelta(minutes=minutes))
    exchange.refresh_from_db()
    return exchange


def finding(policy: PolicyVersion, action: Action, *, kind: str = "scored", is_shadow: bool = False) -> Finding:
    return Finding(
        str(policy.pk), "mood", Stage.OUTPUT, action, Severity.MEDIUM, ((0, 4),), kind=kind, is_shadow=is_shadow
    )


def decide(exchange: Exchange, status: FlagStatus) -> None:
    Flag.objects.filter(exchange=exchange).update(status=status, decided_at=timezone.now())


def start(user: User, policy: PolicyVersion, **more: Any) -> Replay:
    since, until = timezone.now() - timedelta(days=1), timezone.now()
    return services.start_replay(user=user, policy_id=policy.pk, since=since, until=until, **more)


def finish(replay: Replay) -> Replay:
    while services.continue_replay(replay_id=replay.pk):
        pass
    replay.refresh_from_db()
    return replay
