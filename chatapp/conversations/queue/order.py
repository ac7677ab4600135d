"""The order in which waiting generations are claimed, as SQL: the claim takes its first row, places count along it.

Priority comes first, then the round: a user's n-th waiting generation, counted on from those of theirs that run, is in
one round with the other users' n-th. In a round that goes first which has fewer of its own user before it, then whose
user was served longest ago, then whose user has waited longest. What a user may not start, because too many of theirs
run, comes after all else. So places foretell the claims, but for users who wait in several priorities at once.
"""

# Which version answers is resolved when the answer is claimed, so that a change of the route reaches everything still
# queued: the version that the caller named or a fallback put there, else that of the rule that the question met, else
# the arm that the user's draw falls in (of the rollout that it was drawn for), else the route's own. The last condition
# is the data policy once more, though no route is stored that breaks it: what came by a route that keeps text in the
# company, or began on a version that does, is never claimed for one to which text leaves. An answer that was claimed
# for a candidate and handed back keeps its version as every one does, unless the candidate was rolled back meanwhile.
RESOLVED = """
    FROM conversations_generation AS queued
    JOIN inference_route AS route ON route.name = queued.route_id
    LEFT JOIN inference_routerule AS rule ON rule.id = queued.rule_id
    LEFT JOIN inference_routearm AS arm
      ON arm.route_id = route.name AND queued.draw >= arm.starts_at AND queued.draw < arm.ends_at
      AND arm.rollout_id IS NOT DISTINCT FROM queued.rollout_id
    LEFT JOIN inference_modelversion AS began ON began.id = queued.fallback_from_id
    LEFT JOIN inference_rollout AS refused
      ON refused.id = queued.rollout_id AND refused.state = 'rolled_back' AND refused.candidate_id = queued.version_id
      AND NOT queued.is_pinned AND queued.fallback_from_id IS NULL
    JOIN inference_modelversion AS version ON version.id = COALESCE(
      CASE WHEN refused.id IS NULL THEN queued.version_id END, rule.version_id, arm.version_id, route.version_id)
"""
KEEPS_POLICY = """
    (NOT version.may_leave_company OR route.may_leave_company AND COALESCE(began.may_leave_company, true))
"""
# `follows`: the answer above is still live, so this one cannot be claimed; it ranks behind what the user can be given.
# Nobody waits for the answers of a disabled account: they lie until their deadline.
WAITING = f"""
waiting AS (
    SELECT queued.id, queued.user_id, queued.priority, queued.created_at, queued.route_id, queued.is_pinned,
      queued.follows_id, version.id AS resolved_id,
      route.may_leave_company AND version.may_leave_company AND COALESCE(began.may_leave_company, true) AS may_leave,
      COALESCE(above.status IN ('queued', 'answering'), false) AS follows, above.claimed_at AS above_claimed_at
    {RESOLVED}
    JOIN accounts_user AS asker ON asker.id = queued.user_id AND asker.is_active
    LEFT JOIN conversations_generation AS above ON above.id = queued.follows_id
    WHERE queued.status = 'queued' AND queued.deadline_at > now() AND {KEEPS_POLICY}
)"""


def ranked(where: str = "true") -> str:
    """Common table expressions, the last of them `ranked`: what waits and meets `where`, as ORDER needs it.

    Needs the parameter `limit`. `where` is SQL of this package.
    """
    return f"""{WAITING},
ranked AS MATERIALIZED (
    SELECT own.*, own.nth + (
        SELECT count(*) FROM conversations_generation AS running
        WHERE running.user_id = own.user_id AND running.status = 'answering'
      ) AS round_no, (
        SELECT max(served.claimed_at) FROM conversations_generation AS served
        WHERE served.user_id = own.user_id AND served.status <> 'queued'
      ) AS served_at
    FROM (SELECT *, row_number() OVER own AS nth, first_value(created_at) OVER own AS since
          FROM waiting WHERE {where}
          WINDOW own AS (PARTITION BY user_id ORDER BY follows, priority, created_at, id)) AS own
)"""  # noqa: S608 - of constants


ORDER = """
    ranked.round_no > %(limit)s, ranked.priority, ranked.round_no, ranked.nth, ranked.served_at NULLS FIRST,
    ranked.since, ranked.user_id
"""
