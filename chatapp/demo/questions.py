"""Golden questions of the demo company: what employees ask, in their own words, and where it is answered."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Golden:
    """`source` is the slug of what answers the question, `quote` words of it; empty where nothing does.

    `fact` is what an answer must say.
    """

    question: str
    collection: str
    source: str = ""
    quote: str = ""
    fact: str = ""


QUESTIONS = (
    Golden(
        "How long is my holiday each year?", "handbook", "paid-leave", "receives 28 days of paid holiday", "28 days"
    ),
    Golden(
        "Whom do I tell when I wake up ill?",
        "handbook",
        "sick-leave",
        "Tell your manager by telephone or message",
        "manager",
    ),
    Golden(
        "When do I need a sick note?",
        "handbook",
        "sick-leave",
        "A doctor's certificate (sick note) is required from the fourth calendar day",
        "fourth | 4th | day 4",
    ),
    Golden(
        "How many days a week can I be at home?",
        "handbook",
        "remote-work",
        "work remotely for up to three days a week",
        "three days",
    ),
    Golden(
        "Can I spend a month in Spain and work from there?",
        "handbook",
        "remote-work",
        "You may work from another country for up to 20 working days",
        "20 working days",
    ),
    Golden(
        "What does the firm pay into my pension?",
        "handbook",
        "pension",
        "contributes 8 percent of your gross",
        "8 percent",
    ),
    Golden(
        "May I fly business class?",
        "handbook",
        "travel-and-expenses",
        "Business class is not reimbursed",
        "not reimbursed",
    ),
    Golden(
        "Who approves a trip abroad?",
        "handbook",
        "travel-and-expenses",
        "trips to another country need the approval of the department head",
        "department head | head of department | head of the department",
    ),
    Golden("What is the capital of Australia?", "handbook"),
    Golden("How do I bake sourdough bread?", "handbook"),
)
