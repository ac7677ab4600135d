"""The words of a passage that an answer used: what a golden question quotes when it is made of an answer."""

from chatapp.retrieval.sentences import find_sentences

MAX_CHARACTERS = 300


def closest_sentence(passage: str, answer: str) -> str:
    """The sentence of the passage that shares most words with the answer, relative to its length; "" if none does."""
    said = set(answer.casefold().split())

    def shared(sentence: str) -> float:
        words = sentence.casefold().split()
        return sum(word in said for word in words) / (len(words) + 3)

    best = max((sentence.text for sentence in find_sentences(passage)), key=shared, default="")
    return best[:MAX_CHARACTERS].rpartition(" ")[0] if len(best) > MAX_CHARACTERS else best if shared(best) else ""
