import pytest

from chatapp.retrieval.rewriting import MAX_CHARACTERS, is_follow_up, rewrite_query

HOLIDAY = "How many days of paid holiday do I get per year?"


@pytest.mark.parametrize(
    "question",
    [
        "And for part-timers?",
        "what about the primary carer?",
        "Can I carry them over into the next year?",
        "For how long at most?",
        "When are they available?",
        "Why?",
        "Does it carry over?",
        "Really?",
        "how often",
        "",
        "?!",
    ],
)
def test_a_follow_up_is_read_with_what_it_follows(question: str) -> None:
    assert is_follow_up(question)
    assert rewrite_query(question, [HOLIDAY]) == [f"{HOLIDAY} {question}", question]


@pytest.mark.parametrize(
    "question",
    ["What is RMA?", "When is payday?", "How do I report a lost badge?", "Who approves expenses?", "Form 4711?", "Wo?"],
)
def test_a_question_that_stands_by_itself_is_tried_alone_first(question: str) -> None:
    assert not is_follow_up(question)
    assert rewrite_query(question, [HOLIDAY]) == [question, f"{HOLIDAY} {question}"]


def test_a_first_question_is_the_only_query() -> None:
    assert rewrite_query("And then?", []) == rewrite_query("And then?", ["", " ", "Thanks!", "ok"]) == ["And then?"]


def test_follow_ups_of_follow_ups_reach_back_to_what_they_are_about() -> None:
    earlier = ["Is there a gym?", HOLIDAY, "And for part-timers?"]
    assert rewrite_query("And in Germany?", earlier)[0] == f"{HOLIDAY} And for part-timers? And in Germany?"
    assert rewrite_query("And in Germany?", [*earlier, "Thanks!"])[0].startswith(HOLIDAY)


def test_a_long_conversation_makes_no_long_query() -> None:
    together, alone = rewrite_query("And for him?", ["x" * 5_000, "y" * 5_000])
    assert len(together) == MAX_CHARACTERS
    assert together.endswith("And for him?")
    assert alone == "And for him?"
