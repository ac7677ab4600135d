"""What readers' answers rested on, as counts for each collection and day."""

from collections import defaultdict
from collections.abc import Iterable
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now, TruncDate

from chatapp.retrieval.models import CitationSupport, DocumentVersion


def record_support(*, citations: Iterable[tuple[UUID, bool]]) -> None:
    """Counts citations: the document version that a sentence of an answer cites, and whether it supports the sentence.

    Call it after the answer's own commit: answers that cite the same collection write to the same row.
    """
    counts: dict[UUID, list[bool]] = defaultdict(list)
    for version_id, is_supported in citations:
        counts[version_id].append(is_supported)
    collections = DocumentVersion.objects.filter(pk__in=counts).values_list("pk", "document__collection")
    totals: dict[UUID, list[bool]] = defaultdict(list)
    for version_id, collection_id in collections:
        totals[collection_id] += counts[version_id]
    for collection_id, marks in sorted(totals.items()):
        _count(collection_id, cited=len(marks), supported=sum(marks))


def _count(collection_id: UUID, *, cited: int, supported: int) -> None:
    today = CitationSupport.objects.filter(collection=collection_id, day=TruncDate(Now()))
    more = {"cited": F("cited") + cited, "supported": F("supported") + supported}
    if today.update(**more):
        return
    try:
        with transaction.atomic():
            CitationSupport.objects.create(
                collection_id=collection_id, day=TruncDate(Now()), cited=cited, supported=supported
            )
    except IntegrityError:  # another answer was first today, or the collection is gone
        today.update(**more)
