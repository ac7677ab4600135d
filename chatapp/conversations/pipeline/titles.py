"""A short title by a model, in place of the question's first line."""

from chatapp.conversations.models import Generation, Origin, TitledBy
from chatapp.inference.engine import ChatMessage

TITLE_MAX_TOKENS = 16
_MAX_CHARACTERS = 600  # of the question: its beginning says what it is about
_MAX_WORDS = 10
_INSTRUCTION = (
    "Name the topic of the employee's message as a title of two to six words, in the language of the message. "
    "Do not answer the message. Reply with the title only."
)


def wants_title(generation: Generation) -> bool:
    """Of a conversation on the page, after its first answer."""
    conversation, question = generation.message.conversation, generation.message.parent
    if conversation.origin != Origin.PAGE or conversation.titled_by != TitledBy.QUESTION or question is None:
        return False
    return question.parent_id is None


def ask_for_title(question: str) -> list[ChatMessage]:
    return [
        {"role": "system", "content": _INSTRUCTION},
        {"role": "user", "content": f"Message: {question[:_MAX_CHARACTERS].strip()}\n\nTitle:"},
    ]


def clean_title(written: str) -> str:
    """Empty when what the model wrote is no title."""
    line = written.strip().partition("\n")[0].removeprefix("Title:").strip(" \t\"'“”„«»*#.:")
    return line if 1 <= len(line.split()) <= _MAX_WORDS else ""
