"""Two versions that answered the same questions: the difference of each pair, with people as clusters.

As `inference.rollouts.statistics` does for arms, and for the same reasons: the bound holds however often somebody
looks. A pair has the question in common, so its difference varies less than two answers to two questions.
"""

from math import sqrt

from chatapp.inference.rollouts.guards import Guard
from chatapp.inference.rollouts.statistics import Difference, Sums, as_t, critical_z
from chatapp.inference.rollouts.verdicts import LEAST_ANSWERS, LEAST_USERS, GuardState, GuardVerdict


def compare_pairs(differences: Sums, *, alpha: float, scale: float, is_share: bool) -> Difference | None:
    """`differences` are the candidate's less the baseline's, of each person. None for fewer than two people."""
    if differences.rate is None or differences.users < 2:
        return None
    people = differences.users
    variance = differences.residue / differences.n**2 * people / (people - 1)
    # Pairs that are all alike are not certain of it: one more might have differed.
    least = 1 / differences.n**2 if is_share else 0.0
    error, value = sqrt(max(variance, least)), differences.rate
    if not error:
        return Difference(value, error, value, value)
    freedom = max(differences.effective_users - 1, 1.0)
    reach = as_t(critical_z(error, alpha=alpha, scale=scale), freedom) * error
    return Difference(value, error, value - reach, value + reach)


def judge_pairs(guard: Guard, *, baseline: float, candidate: float, differences: Sums, alpha: float) -> GuardVerdict:
    """`baseline` and `candidate` are the means over the pairs; `alpha` is of this guard alone.

    No bounds of too few: they would be wider than anything that can be.
    """
    scale = guard.scale * (abs(baseline) or 1.0) if guard.is_relative else guard.scale
    found = compare_pairs(differences, alpha=alpha, scale=scale, is_share=guard.is_share)
    state = _state(guard, found, baseline, differences)
    bounds = (found.low, found.high) if found and state != "too_few" else (None, None)
    return GuardVerdict(
        name=guard.name,
        baseline=baseline,
        candidate=candidate,
        low=bounds[0],
        high=bounds[1],
        answers=differences.answers,
        users=differences.users,
        state=state,
        confidence=1 - alpha,
    )


def _state(guard: Guard, found: Difference | None, baseline: float, differences: Sums) -> GuardState:
    if found is None or differences.answers < LEAST_ANSWERS or differences.users < LEAST_USERS:
        return "too_few"
    margin, sign = guard.margin(baseline, guard.tolerance), 1 if guard.worse == "higher" else -1
    if min(sign * found.low, sign * found.high) > margin:
        return "worse"
    return "unclear" if sign * found.value - found.error > margin else "ok"
