"""The queue of record: the claim that takes the next generation, where the others stand, whether more may wait."""

from chatapp.conversations.queue.admission import refuse_when_full
from chatapp.conversations.queue.claims import claim_next, has_queued, list_stranded, people_wait
from chatapp.conversations.queue.counts import count_running, count_waiting
from chatapp.conversations.queue.places import QueuePlace, find_places

__all__ = [
    "QueuePlace",
    "claim_next",
    "count_running",
    "count_waiting",
    "find_places",
    "has_queued",
    "list_stranded",
    "people_wait",
    "refuse_when_full",
]
