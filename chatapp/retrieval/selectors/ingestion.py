"""How far the reading of documents is."""

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Avg, Case, F, QuerySet, Sum, Value, When
from django.db.models.functions import Coalesce

from chatapp.retrieval.models import Collection, Document, DocumentStatus, DocumentVersion, IngestionParty

# Who waits for documents whose uploader has been erased.
NOBODY = UUID(int=0)
_PARTY = Coalesce("queued_for", Value(NOBODY))
_UNFINISHED = (DocumentStatus.WAITING, DocumentStatus.PROCESSING)
# What a document holds of which nothing is known: a guess at short office documents.
_PASSAGES_PER_DOCUMENT = 20


@dataclass(frozen=True, slots=True)
class Estimate:
    """`seconds` until the last one is ready, at the pace of the last minutes; None while no pace is known."""

    documents: int
    passages: int
    seconds: int | None


def estimate_for(collection: Collection) -> Estimate:
    """What is left to read in a collection. The caller has asked the right to see it."""
    unfinished = Document.objects.filter(status__in=_UNFINISHED)
    here = unfinished.filter(collection=collection)
    documents = here.count()
    if not documents:
        return Estimate(0, 0, 0)
    typical = _typical_passages(collection)
    here_left = _left(here, typical)
    # A party's documents wait for each other in whatever collection they are, so all of them count.
    theirs = unfinished.annotate(party=_PARTY).filter(party__in=here_left)
    return Estimate(documents, sum(here_left.values()), _seconds(_left(theirs, typical)))


def _typical_passages(collection: Collection) -> int:
    read = DocumentVersion.objects.filter(document__collection=collection, passages__gt=0)
    return round(read.aggregate(mean=Avg("passages"))["mean"] or _PASSAGES_PER_DOCUMENT)


def _left(documents: "QuerySet[Document]", typical: int) -> dict[UUID, int]:
    """Passages that have no vector yet, by party."""
    known = When(passages_total__gt=0, then=F("passages_total") - F("passages_done"))
    rows = documents.order_by().values(waits=_PARTY).annotate(left=Sum(Case(known, default=Value(typical))))
    return {row["waits"]: row["left"] for row in rows}


def _seconds(left: dict[UUID, int]) -> int | None:
    known = IngestionParty.objects.filter(pk__in=left).values_list("pk", "rate")
    rates = {party: rate for party, rate in known if rate}
    if left.keys() - rates.keys():
        return None
    return round(max(passages / rates[party] for party, passages in left.items()))
