"""Faults that every part of the product counts: `chatapp_faults_total{kind}`. What `/metrics` answers is in exposition.

| kind | counted when |
|---|---|
| worker_lost | the lease of a dead or frozen worker ran out |
| lease_lost | a worker found that another attempt, or the sweeper, had taken its answer over |
| drained | a worker that shuts down gave an answer back to the queue, or ended it as interrupted |
| quarantined | an answer lost its worker twice and is not tried again |
| database_away | a request was refused, or a worker's write had to be tried again |
| redis_lost | Redis did not take or give what was asked of it: an entry, a wake-up, a signal |
| stream_gap | a follower found entries missing and caught up from a snapshot or the database |
| slow_reader | a socket was slower than its answer and gets a snapshot later |
| queue_full | a question was refused: too many wait |
| limits_local | a request was limited by its own process alone, since Redis was away |
| log_dropped | a log line was dropped, since the log could not be written fast enough |
"""

from typing import Literal, get_args

from prometheus_client import Counter

FaultKind = Literal[
    "worker_lost",
    "lease_lost",
    "drained",
    "quarantined",
    "database_away",
    "redis_lost",
    "stream_gap",
    "slow_reader",
    "queue_full",
    "limits_local",
    "log_dropped",
]
FAULTS = Counter("chatapp_faults", "Faults that were met and dealt with, by kind.", ["kind"])
for _kind in get_args(FaultKind):
    FAULTS.labels(kind=_kind)  # A fault that never happened shows as zero.


def count_fault(kind: FaultKind) -> None:
    FAULTS.labels(kind=kind).inc()
