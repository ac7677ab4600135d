"""Whether an answer says that it cannot or will not answer. By its opening words, in English only: a model that refuses
in another language is not seen, in either arm of a rollout.
"""

OPENING = 300
_PHRASES = (
    "not in the documents i can see",
    "i can't help",
    "i cannot help",
    "i can't assist",
    "i cannot assist",
    "i can't answer",
    "i cannot answer",
    "i can't provide",
    "i cannot provide",
    "i can't share",
    "i cannot share",
    "i am not able to",
    "i'm not able to",
    "i am unable to",
    "i'm unable to",
    "i am not allowed to",
    "i'm not allowed to",
    "i won't",
    "i will not",
    "i must decline",
    "i have to decline",
    "i do not know",
    "i don't know",
    "i do not have information",
    "i don't have information",
    "i do not have access",
    "i don't have access",
    "documents do not state",
    "documents do not contain",
    "documents do not mention",
    "documents don't state",
    "documents don't contain",
    "documents don't mention",
    "no information about that",
)


def is_refusal(text: str) -> bool:
    opening = " ".join(text[:OPENING].casefold().replace("\u2019", "'").split())
    return any(phrase in opening for phrase in _PHRASES)
