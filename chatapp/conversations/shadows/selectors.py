"""What an unseen answer is written from."""

from uuid import UUID

from chatapp.conversations.models import Generation, Source, Status
from chatapp.inference.models import Rollout, RolloutKind, RolloutState
from chatapp.retrieval.search import Passage

# Of an answer that a policy took away nothing more is made.
ENDED = (Status.COMPLETE, Status.FAILED, Status.INTERRUPTED)


def find_shadow_rollout(generation: Generation) -> Rollout | None:
    """The one that ran on the route when the question was asked, if it is a shadow rollout and still runs."""
    if generation.rollout_id is None:
        return None
    running = Rollout.objects.filter(pk=generation.rollout_id, kind=RolloutKind.SHADOW, state=RolloutState.RUNNING)
    return running.select_related("candidate", "baseline").first()


def get_shadowed(generation_id: UUID) -> Generation | None:
    """With all that its answer was made of; None once it is gone, or its owner's account is closed."""
    parts = ("message__parent", "message__conversation", "version", "user")
    ended = Generation.objects.filter(pk=generation_id, status__in=ENDED, user__is_active=True)
    return ended.filter(message__conversation__deleted_at=None).select_related(*parts).first()


def list_given_passages(generation: Generation) -> list[Passage]:
    """Those that the answer had before it, as it had them."""
    sources = Source.objects.filter(message_id=generation.message_id).order_by("n")
    return [_passage(source) for source in sources.select_related("chunk", "document_version__document__collection")]


def _passage(source: Source) -> Passage:
    """A passage that is gone since has no heading any more, and only what was given of it."""
    version, chunk = source.document_version, source.chunk
    text = chunk.text if chunk else source.quote
    return Passage(
        chunk_id=chunk.pk if chunk else source.pk,
        document_id=version.document_id if version else source.pk,
        document_version_id=version.pk if version else source.pk,
        document_name=source.document_name,
        collection=version.document.collection.slug if version else "",
        page=source.page,
        heading=chunk.heading if chunk else "",
        text=text,
        score=0.0,
        similarity=0.0,
        ordinal=chunk.ordinal if chunk else 0,
        section=chunk.section if chunk else 0,
        context="" if text == source.quote else source.quote,
    )
