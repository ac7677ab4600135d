"""A rated question, asked again beside the old answer: by somebody who triages, of a version that they choose."""

from uuid import UUID

from django.db import transaction

from chatapp.accounts.models import User
from chatapp.accounts.permissions import require
from chatapp.conversations.models import Conversation, Generation, Message, Origin
from chatapp.conversations.services.removal import hide_conversation, remove_conversation
from chatapp.conversations.services.trials import ask_trial
from chatapp.holds import covers_person
from chatapp.inference.selectors import get_asked_version_for
from chatapp.moderation.masked import mask_exchange
from chatapp.moderation.models import Exchange, Rerun
from chatapp.moderation.selectors import get_feedback_for
from chatapp.moderation.services import record_rerun

MAX_SHOWN = 5


@transaction.atomic
def rerun_question(*, user: User, feedback_id: UUID, version: str) -> Generation:
    """Asks the question alone, as triage sees it: personal data masked, and documents by the rights of who asks.

    Its conversation is the asker's, in no list, and gone after a week. It waits behind all that people wait for.
    Raises ChatappError: not_found, model_unknown, model_not_allowed, those of `post_message` for full queues and
    limits.
    """
    feedback = get_feedback_for(user, feedback_id)
    require(user, "moderation.triage_feedback")
    chosen = get_asked_version_for(user, version)
    generation = ask_trial(
        user=user,
        text=mask_exchange(feedback.exchange).question,
        version=chosen,
        origin=Origin.TRIAGE,
        route=feedback.exchange.route,
    )
    record_rerun(user=user, feedback=feedback, generation_id=generation.id, model_version=chosen.name)
    return generation


def remove_reruns_of(*, person: User) -> int:
    """For an erasure: others' re-runs of what the person asked; a hold on who asked again only hides them.

    Returns how many.
    """
    of_person = Rerun.objects.filter(feedback__exchange__in=Exchange.objects.filter(user=person))
    generations = list(of_person.values_list("generation_id", flat=True))
    asked = Conversation.objects.select_for_update().filter(
        id__in=list(Message.objects.filter(generation__in=generations).values_list("conversation_id", flat=True))
    )
    found = list(asked)
    for conversation in found:
        if covers_person(conversation.owner_id):
            hide_conversation(conversation)
        else:
            remove_conversation(conversation)
    return len(found)
