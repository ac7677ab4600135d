"""What the load test asks: short questions, and long ones with passages, as answers from documents are."""

from chatapp.inference.engine.types import ChatMessage

_PASSAGE = (
    "Employees book journeys in the travel portal at least five working days before they leave. Trains are booked in "
    "second class up to three hours and in first class beyond. Flights are booked in economy class; another class "
    "needs the written consent of the head of the department. Hotels cost at most 140 euros a night with breakfast, in "
    "capitals 190 euros. Receipts are handed in within 30 days after the journey, as pictures or as PDF files, and "
    "each names the purpose and the cost centre. Meals are paid by day: 14 euros from eight hours on, 28 euros for a "
    "whole day. Whoever drives with a private car gets 30 cents for each kilometre. "
)
_QUESTIONS = (
    (0, "What is the difference between gross and net salary?"),
    (3, "Until when do I hand in my receipts, and in which form?"),
    (1, "What may a hotel in a capital cost?"),
    (0, "Write three sentences that thank a colleague for her help with a difficult customer."),
    (3, "Explain the rules for trains and flights to a new colleague."),
    (2, "How much do I get for a whole day and for 200 kilometres in my own car?"),
)


def prompt(number: int, *, system_prompt: str) -> list[ChatMessage]:
    """The n-th one; each differs from all others from its first words on, so that none was computed before."""
    passages, question = _QUESTIONS[number % len(_QUESTIONS)]
    blocks = [f"[{n}] travel-{number}.md, part {n}\n{_PASSAGE}" for n in range(1, passages + 1)]
    text = "Documents:\n" + "\n\n".join(blocks) + f"\n\nQuestion: {question}" if blocks else f"({number}) {question}"
    return [{"role": "system", "content": system_prompt}, {"role": "user", "content": text}]
