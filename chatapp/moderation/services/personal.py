from collections.abc import Iterable
from itertools import islice
from uuid import UUID

import structlog
from django.db import transaction

from chatapp.moderation.checks.examiner import ExaminerError
from chatapp.moderation.models import Exchange, Feedback, Flag
from chatapp.moderation.personal import find_personal_data

# A text takes some 25 ms per 1,000 characters.
SLICE_EXCHANGES = 20
_PARTS = ("question", "answer", "original")
log = structlog.get_logger(__name__)


def look_for_personal_data() -> bool:
    """Notes where personal data stands in exchanges that somebody may open, the newest first; one slice.

    Only in workers. Returns whether there may be more: not when nothing could be done. Exchanges that another worker
    looks at are left to it.
    """
    waiting = list(islice(_list_waiting(), SLICE_EXCHANGES))
    done = 0
    for exchange_id in waiting:
        try:
            _look_at(exchange_id)
        except ExaminerError as error:
            log.warning("personal_data_not_looked_for", reason=str(error))
            return False
        except Exception as error:  # noqa: BLE001 - one odd text keeps nobody else's waiting; texts are in no log
            log.error("personal_data_failed", exchange=str(exchange_id), reason=type(error).__name__)  # noqa: TRY400
        else:
            done += 1
    return done > 0 and len(waiting) == SLICE_EXCHANGES


def _list_waiting() -> Iterable[UUID]:
    for model in (Flag, Feedback):
        waiting = model.objects.filter(exchange__personal__isnull=True).order_by("-created_at")
        yield from dict.fromkeys(waiting.values_list("exchange_id", flat=True)[:SLICE_EXCHANGES])


def _look_at(exchange_id: UUID) -> None:
    with transaction.atomic():
        exchange = (
            Exchange.objects.select_for_update(skip_locked=True)
            .filter(pk=exchange_id, personal__isnull=True)
            .only(*_PARTS, "personal")
            .first()
        )
        if exchange is None:
            return
        found = find_personal_data([getattr(exchange, part) for part in _PARTS])
        exchange.personal = {
            part: [[hit.start, hit.end, hit.label] for hit in hits] for part, hits in zip(_PARTS, found, strict=True)
        }
        exchange.save(update_fields=["personal"])
