"""What a question leaves behind when the input policy masks it."""

from django.db import transaction

from chatapp.conversations.models import Conversation, Generation, Message, TitledBy
from chatapp.conversations.services.conversations import title_of
from chatapp.conversations.services.generations import held_row


def mask_question(generation: Generation, text: str) -> bool:
    """Keeps a question as the input policy lets it stand. False when the lease was lost: then nothing is written."""
    question = generation.message.parent
    if question is None:
        return False
    with transaction.atomic():
        if not held_row(generation).exists():
            return False
        Message.objects.filter(id=question.id).update(text=text)
        mask_title(generation.message.conversation, question=question.text, masked=text)
    question.text = text
    return True


def mask_title(conversation: Conversation, *, question: str, masked: str) -> None:
    """A conversation is named after its first question, until somebody finds a better name."""
    if conversation.titled_by == TitledBy.QUESTION and conversation.title == title_of(question):
        conversation.title = title_of(masked)
        Conversation.objects.filter(id=conversation.id, titled_by=TitledBy.QUESTION).update(title=conversation.title)
