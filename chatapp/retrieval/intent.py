"""Tells questions about the company from general ones, when nothing was found to answer them from.

Nearest example wins (cosine of the same sentence embeddings that search uses). A question about the company that no
visible document answers is declined; for anything else the model may use what it knows.
"""

from functools import lru_cache

import numpy as np

from chatapp.retrieval.embedding import embed_texts

# Below this, a question is like none of the examples, and is not taken for one about the company; words such as "our"
# and "my" lower the floor. Tried on 50 questions: docs/retrieval.md.
LIKENESS_FLOOR = 0.35
LIKENESS_FLOOR_WITH_CUE = 0.25
CUES = frozenset({"we", "us", "our", "ours", "i", "me", "my", "mine", "here", "company", "office", "colleague", "boss"})

ABOUT_THE_COMPANY = (
    "How many vacation days do I have?",
    "How long is parental leave?",
    "What do I do when I am sick?",
    "Who approves my travel expenses?",
    "What is the per diem for a trip to France?",
    "Can I work from home?",
    "When is payday?",
    "What is the notice period in my contract?",
    "Who do I ask about my pension?",
    "Who is the head of engineering?",
    "What is the CEO's salary?",
    "How many employees do we have?",
    "What was our revenue last year?",
    "What did the board decide?",
    "What does our premium product cost?",
    "What is our warranty and refund policy?",
    "Which customers use our product?",
    "When is the next release of our product?",
    "How fast must support answer a customer?",
    "How do I report a security incident?",
    "How do I connect to the VPN?",
    "What is the phone number of the IT service desk?",
    "What is the wifi password of the office?",
    "How do I get a new laptop?",
    "Where is the office and when is it open?",
    "Is there free parking or a company car?",
    "Is there a gym, a canteen or a dress code at work?",
    "What are the steps of onboarding a new colleague?",
    "Who is on call and who is responsible for this project?",
    "What is the company's policy on gifts?",
    "How much may I spend without approval?",
    "Which training budget do I have?",
    "Which discount may I give a customer?",
    "How is a new version deployed, and when are changes frozen?",
    "When must the report about an outage be finished?",
)
GENERAL = (
    "Hello, how are you?",
    "Thank you!",
    "Who are you and what can you do?",
    "Write a haiku about rain.",
    "Tell me a joke.",
    "Say hello in one word.",
    "Explain what a hash table is.",
    "Write a Python function that sorts a list.",
    "Write a SQL query that joins two tables.",
    "What does this error message mean?",
    "Translate this sentence into French.",
    "Summarise the following text.",
    "Fix the grammar of this paragraph.",
    "Rewrite this more formally.",
    "Draft a polite e-mail that declines a meeting.",
    "What is the capital of Australia?",
    "Who wrote Hamlet?",
    "Who is the president of France?",
    "What is 17 times 23?",
    "Convert 5 miles to kilometres.",
    "How does photosynthesis work?",
    "What is machine learning?",
    "Give me ideas for a birthday party.",
    "What should I cook tonight?",
    "Recommend a book about history.",
    "Show an example of a Markdown table.",
    "Compare TCP and UDP.",
)


def is_about_the_company(question: str) -> bool:
    """Workers only: embeds the question. Raises EmbeddingError."""
    company, general = _examples()
    vector = np.asarray(embed_texts([question])[0])
    likeness = float((company @ vector).max())
    words = {word.strip(".,;:!?'\"()") for word in question.lower().split()}
    floor = LIKENESS_FLOOR_WITH_CUE if words & CUES else LIKENESS_FLOOR
    return likeness >= floor and likeness > float((general @ vector).max())


@lru_cache(maxsize=1)
def _examples() -> tuple[np.ndarray, np.ndarray]:
    return np.asarray(embed_texts(ABOUT_THE_COMPANY)), np.asarray(embed_texts(GENERAL))
