"""Many reviewers at once on one queue: no flag is claimed by two, none is lost, and how long a step takes."""

import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    from chatapp.accounts.models import User

REVIEWERS, FLAGS = 20, 2_000
# Of four flags one is severe, so that two people decide it.
SEVERITIES = ("high", "medium", "medium", "low")
PAUSE_SECONDS = 0.02


@dataclass(slots=True)
class Took:
    """Seconds of each step, and what failed; lists grow from many threads."""

    claims: list[float] = field(default_factory=list)
    decisions: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def measure_claims() -> dict[str, Any]:
    make_flags(FLAGS)
    reviewers = [make_reviewer(f"reviewer-{number}") for number in range(REVIEWERS)]
    began = time.perf_counter()
    took = review_all(reviewers)
    seconds = time.perf_counter() - began
    return {
        "reviewers": REVIEWERS,
        "flags": FLAGS,
        "decisions": len(took.decisions),
        "per_second": round(len(took.decisions) / seconds, 1),
        **{
            f"{name}_{quantile}_ms": round(1000 * statistics.quantiles(times, n=100)[at - 1], 1)
            for name, times in (("claim", took.claims), ("decide", took.decisions))
            for quantile, at in (("p50", 50), ("p95", 95), ("p99", 99))
        },
        "broken": [*took.errors[:5], *find_faults(FLAGS)],
    }


def lines(results: dict[str, Any]) -> Iterator[str]:
    yield (
        f"{results['reviewers']} reviewers, {results['flags']:,} flags: {results['decisions']:,} decisions, "
        f"{results['per_second']} a second"
    )
    for name in ("claim", "decide"):
        yield f"{name}: " + ", ".join(f"{q} {results[f'{name}_{q}_ms']} ms" for q in ("p50", "p95", "p99"))


def make_reviewer(name: str) -> "User":
    from chatapp.accounts.models import Role, User

    user: User = User.objects.create_user(username=name)
    user.roles = [Role.EMPLOYEE.value, Role.REVIEWER.value]
    user.save()
    return user


def make_flags(count: int) -> None:
    from chatapp.moderation.checks.findings import Finding
    from chatapp.moderation.models import Action, Severity, Stage
    from chatapp.moderation.services import record_exchange

    for number in range(count):
        severity = Severity(SEVERITIES[number % len(SEVERITIES)])
        record_exchange(
            generation_id=uuid4(),
            user=None,
            question="What is planned?",
            answer=f"The secret plan has number {number}.",
            sources=[],
            model_version="small",
            policy_version="company@1",
            findings=[Finding("", "words", Stage.OUTPUT, Action.FLAG, severity, ((4, 10),))],
        )


def review_all(reviewers: list["User"]) -> Took:
    """Each in a thread of their own: claim the next, decide it, until nothing is left."""
    took, gate = Took(), threading.Barrier(len(reviewers))
    threads = [threading.Thread(target=_review, args=(reviewer, gate, took), daemon=True) for reviewer in reviewers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return took


def find_faults(flags: int) -> list[str]:
    """By what the database says afterwards, not by what the threads believe."""
    from chatapp.accounts.models import AuditEvent
    from chatapp.moderation.models import Flag, FlagDecision

    left = Flag.objects.exclude(status__in=["upheld", "dismissed"]).count()
    made = list(FlagDecision.objects.values_list("flag_id", "actor_id"))
    per_flag = Counter(flag_id for flag_id, _ in made)
    wanted = {pk: 2 if severity == "high" else 1 for pk, severity in Flag.objects.values_list("id", "severity")}
    claims = Counter(AuditEvent.objects.filter(action="moderation.flag_claimed").values_list("object_id", flat=True))
    faults = {
        f"{flags - len(wanted)} flags are lost": len(wanted) != flags,
        f"{left} flags are not decided": left,
        "some flags were decided too often or too seldom": per_flag != Counter(wanted),
        "somebody decided the same flag twice": len(set(made)) != len(made),
        "some flags were claimed by two at once": claims != Counter({str(pk): count for pk, count in wanted.items()}),
    }
    return [fault for fault, is_so in faults.items() if is_so]


def _review(user: "User", gate: threading.Barrier, took: Took) -> None:
    from django.db import connections

    try:
        gate.wait(timeout=60)
        while _review_one(user, took):
            connections.close_all()  # Back to the pool, as at the end of a request.
    except Exception as error:  # noqa: BLE001 (a thread that ends is a fault to report)
        took.errors.append(f"{type(error).__name__}: {error}")
    finally:
        connections.close_all()


def _review_one(user: "User", took: Took) -> bool:
    """False when no flag is left for anybody. What others have in hand may come back for a second review."""
    from chatapp.conversations.services import decide_flag
    from chatapp.moderation.selectors import count_flags_for
    from chatapp.moderation.services import claim_next_flag

    began = time.perf_counter()
    flag = claim_next_flag(user=user)
    claimed = time.perf_counter()
    if flag is None:
        waiting = count_flags_for(user).by_status
        time.sleep(PAUSE_SECONDS)
        return any(waiting[name] for name in ("waiting", "claimed", "open"))
    took.claims.append(claimed - began)
    decide_flag(user=user, flag_id=flag.id, decision="dismiss", reason_code="false_alarm", reason="")
    took.decisions.append(time.perf_counter() - claimed)
    return True
