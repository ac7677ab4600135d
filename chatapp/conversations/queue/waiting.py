"""What the database knows of generations that wait, in one statement, as places are made of it."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection

from chatapp.conversations.queue.order import ORDER, ranked
from chatapp.inference.selectors import WORKER_ALIVE

RECENT_ANSWERS = 100
# Two versions compete when some live worker serves both: then what waits for one can go before what waits for the
# other. `pace` is how long an answer of the route takes, else any answer; `others` are versions of the route that a
# worker with a free slot serves while none has one for the version that the generation waits for.
_WAITING = f"""
WITH serving AS (
    SELECT worker.name, worker.slots, worker.slots > worker.busy AS is_free, able.modelversion_id AS version_id
    FROM inference_worker AS worker
    JOIN (SELECT worker_id, modelversion_id FROM inference_worker_serves
          UNION SELECT worker_id, modelversion_id FROM inference_worker_loaded) AS able ON able.worker_id = worker.name
    WHERE worker.kind = 'inference' AND worker.ready AND worker.seen_at > now() - make_interval(secs => %(alive)s)
),
{ranked()},
competing AS MATERIALIZED (
    SELECT one.version_id, other.version_id AS rival_id
    FROM serving AS one JOIN serving AS other ON other.name = one.name
    UNION SELECT resolved_id, resolved_id FROM waiting
),
placed AS (
    SELECT ranked.*, competing.version_id, 1 + count(*) FILTER (WHERE NOT ranked.follows) OVER (
        PARTITION BY competing.version_id ORDER BY {ORDER} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
      ) AS position
    FROM ranked JOIN competing ON competing.rival_id = ranked.resolved_id
),
recent AS (
    SELECT latest.duration_seconds, answered.route_id
    FROM (SELECT generation_id, duration_seconds FROM inference_answeroutcome
          WHERE NOT is_cached AND duration_seconds IS NOT NULL
          ORDER BY created_at DESC LIMIT {RECENT_ANSWERS}) AS latest
    LEFT JOIN conversations_generation AS answered ON answered.id = latest.generation_id
),
paces AS MATERIALIZED (
    SELECT route_id, avg(duration_seconds) AS pace FROM recent GROUP BY route_id
),
asked AS MATERIALIZED (
    SELECT DISTINCT user_id FROM waiting WHERE id = ANY(%(ids)s)
)
SELECT placed.id, placed.position, placed.round_no, placed.resolved_id,
  CASE WHEN placed.follows THEN placed.follows_id END AS follows_id,
  extract(epoch FROM statement_timestamp() - placed.above_claimed_at) AS above_seconds,
  COALESCE((SELECT pace FROM paces WHERE paces.route_id = placed.route_id),
           (SELECT avg(duration_seconds) FROM recent)) AS pace,
  (SELECT sum(slots) FROM serving WHERE serving.version_id = placed.resolved_id) AS slots,
  CASE WHEN NOT placed.follows AND NOT placed.is_pinned AND placed.round_no <= %(limit)s
    AND NOT EXISTS (SELECT FROM serving WHERE serving.version_id = placed.resolved_id AND is_free)
  THEN ARRAY(
    SELECT other.id
    FROM (SELECT version_id FROM inference_route WHERE name = placed.route_id
          UNION SELECT version_id FROM inference_routearm WHERE route_id = placed.route_id
          UNION SELECT version_id FROM inference_routefallback WHERE route_id = placed.route_id
          UNION SELECT version_id FROM inference_routerule
          WHERE route_id = placed.route_id AND task IN ('', 'chat')) AS known
    JOIN inference_modelversion AS other ON other.id = known.version_id
    WHERE (placed.may_leave OR NOT other.may_leave_company)
      AND EXISTS (SELECT FROM serving WHERE serving.version_id = other.id AND is_free)
  ) END AS others
FROM placed
WHERE placed.version_id = placed.resolved_id AND placed.user_id IN (SELECT user_id FROM asked)
"""  # noqa: S608 - of constants


@dataclass(frozen=True, slots=True)
class WaitingRow:
    """`position` counts what may be claimed before it; `follows_id` is set while the answer above is live."""

    id: UUID
    position: int
    round_no: int
    version_id: UUID
    follows_id: UUID | None
    above_seconds: float | None
    pace: float | None
    slots: int | None
    others: list[UUID] | None


def load_waiting(generation_ids: Collection[UUID]) -> dict[UUID, WaitingRow]:
    """Those of them that wait, with all that waits for the same users: some may follow others."""
    parameters: dict[str, Any] = {
        "ids": list(generation_ids),
        "limit": settings.USER_CONCURRENT_ANSWERS,
        "alive": WORKER_ALIVE.total_seconds(),
    }
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, parameters)
        return {row[0]: WaitingRow(*row) for row in cursor.fetchall()}
