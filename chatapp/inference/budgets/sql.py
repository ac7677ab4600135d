"""What was spent, in one statement for any number of budgets.

Trials are left out: they are asked to measure a version. Both tables hold the sums in an index by person and time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import connection

from chatapp.inference.models import BudgetUnit

# {person} and {since} are parts of these statements, never anything that was sent.
_USED = """
    SELECT user_id, prompt_tokens + completion_tokens AS tokens, cost FROM inference_answeroutcome
    WHERE {person} created_at >= {since} AND NOT is_trial
    UNION ALL
    SELECT user_id, prompt_tokens + completion_tokens, cost FROM inference_sidework
    WHERE {person} created_at >= {since}
"""
# Of a group, what its present members used, also what they used before they came.
_SPENT = f"""
    SELECT asked.n, COALESCE(SUM(one.tokens), 0), COALESCE(SUM(one.cost), 0)
    FROM unnest(%s::int[], %s::timestamptz[], %s::uuid[], %s::int[]) AS asked(n, since, user_id, group_id)
    CROSS JOIN LATERAL (
        SELECT asked.user_id WHERE asked.user_id IS NOT NULL
        UNION ALL
        SELECT user_id FROM accounts_user_groups WHERE group_id = asked.group_id
    ) AS member(id)
    CROSS JOIN LATERAL (
        SELECT SUM(tokens) AS tokens, SUM(cost) AS cost
        FROM ({_USED.format(person="user_id = member.id AND", since="asked.since")}) AS used
    ) AS one
    GROUP BY asked.n
"""  # noqa: S608 - of constants
_BY_PERSON = """
    SELECT user_id, person.username, SUM({unit}) AS spent FROM ({used}) AS used
    JOIN accounts_user AS person ON person.id = used.user_id
    WHERE NOT EXISTS (
        SELECT FROM inference_budget AS own WHERE own.user_id = used.user_id AND own.unit = %s AND own.period = %s
    )
    GROUP BY user_id, person.username HAVING SUM({unit}) >= %s ORDER BY spent DESC, user_id LIMIT %s
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """Whose use since when: of one person, else of a group's members together."""

    unit: BudgetUnit
    since: datetime
    user_id: UUID | None = None
    group_id: int | None = None


def sum_spent(asked: Sequence[Asked]) -> list[Decimal]:
    """One query, or none for nothing asked."""
    if not asked:
        return []
    numbers = list(range(len(asked)))
    columns = [[getattr(one, name) for one in asked] for name in ("since", "user_id", "group_id")]
    with connection.cursor() as cursor:
        cursor.execute(_SPENT, [numbers, *columns])
        sums = {n: (Decimal(tokens), cost) for n, tokens, cost in cursor.fetchall()}
    nothing = (Decimal(0), Decimal(0))
    return [sums.get(n, nothing)[one.unit is BudgetUnit.COST] for n, one in enumerate(asked)]


def list_spenders(
    *, unit: BudgetUnit, period: str, since: datetime, least: Decimal, limit: int
) -> list[tuple[UUID, str, Decimal]]:
    """Who used at least so much, the most first; those with a budget of their own for unit and period are left out."""
    used = _USED.format(person="", since="%s")
    statement = _BY_PERSON.format(unit="cost" if unit is BudgetUnit.COST else "tokens", used=used)
    with connection.cursor() as cursor:
        cursor.execute(statement, [since, since, unit.value, period, least, limit])
        return [(user_id, name, Decimal(spent)) for user_id, name, spent in cursor.fetchall()]
