"""What a question leaves behind when the input policy masks it."""

from django.db import transaction

from chatapp.conversations.models import Conversation, Generation, Message, TitledBy
from chatapp.conversations.offsets import carry_findings
from chatapp.conversations.services.conversations import title_of
from chatapp.conversations.services.generations import held_row
from chatapp.moderation.checks import Finding


def mask_question(generation: Generation, text: str) -> bool:
    """Keeps a question as the input policy lets it stand. False when the lease was lost: then nothing is written."""
    question = generation.message.parent
    if question is None:
        return False
    known = carry_findings(map(Finding.from_dict, generation.input_verdicts), before=question.text, after=text)
    verdicts = [finding.as_dict() for finding in known]
    with transaction.atomic():
        if not held_row(generation).update(input_verdicts=verdicts):
            return False
        keep_masked(generation.message.conversation, question, text)
    generation.input_verdicts = verdicts
    return True


def keep_masked(conversation: Conversation, question: Message, text: str) -> None:
    """Of a question that is stored. The caller has opened a transaction."""
    Message.objects.filter(id=question.id).update(text=text)
    mask_title(conversation, question=question.text, masked=text)
    question.text = text


def mask_title(conversation: Conversation, *, question: str, masked: str) -> None:
    """A conversation is named after its first question, until somebody finds a better name."""
    if conversation.titled_by == TitledBy.QUESTION and conversation.title == title_of(question):
        conversation.title = title_of(masked)
        Conversation.objects.filter(id=conversation.id, titled_by=TitledBy.QUESTION).update(title=conversation.title)
