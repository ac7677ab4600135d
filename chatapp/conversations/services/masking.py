from django.db import transaction

from chatapp.conversations.models import Generation, Message
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
    question.text = text
    return True
