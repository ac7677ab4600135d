"""Places in an answer after citations were added to it and words were masked."""

import time

from hypothesis import given, settings
from hypothesis import strategies as st

from chatapp.conversations.offsets import carry

RAW = "Holiday is 28 days. Project Moonshot starts in May. Ask Eva."


def carried(words: str, after: str, before: str = RAW) -> str:
    at = before.index(words)
    [(start, end)] = carry([(at, at + len(words))], before=before, after=after)
    return after[start:end]


def test_what_stands_behind_a_citation_moves_with_it() -> None:
    cited = "Search is down.\n\nHoliday is 28 days [1]. Project Moonshot starts in May [2]. Ask Eva."
    for words in ("28 days", "Project Moonshot", "Ask Eva.", "Holiday"):
        assert carried(words, cited) == words


def test_what_was_masked_is_its_mask() -> None:
    masked = RAW.replace("Project Moonshot", "[removed]")
    assert carried("Project Moonshot", masked) == "[removed]"
    assert carried("Moonshot starts", masked) == "[removed] starts"
    assert carried("Eva", masked) == "Eva"


def test_a_marker_that_went_is_nowhere() -> None:
    marked = "Holiday is 28 days [7]. Ask Eva."
    assert carried("[7]", "Holiday is 28 days. Ask Eva.", before=marked) == ""
    assert carried("Eva", "Holiday is 28 days. Ask Eva.", before=marked) == "Eva"


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(alphabet="abcdefghij äß", min_size=20, max_size=60), min_size=1, max_size=8), st.data())
def test_every_sentence_is_found_again_after_citations(sentences: list[str], data: st.DataObject) -> None:
    # A number makes each unlike the others: of two that are the same, either place is right.
    told = [f"{n}{sentence}" for n, sentence in enumerate(sentences)]
    before = ". ".join(told)
    marks = [data.draw(st.sampled_from(["", " [1]", " [2][13]"])) for _ in told]
    after = ". ".join(sentence + mark for sentence, mark in zip(told, marks, strict=True))
    for sentence in told:
        assert carried(sentence, after, before=before).startswith(sentence)


def test_a_long_answer_takes_no_time_to_speak_of() -> None:
    sentences = [f"Sentence number {n} says something." for n in range(4_000)]
    before = " ".join(sentences)
    after = " ".join(sentence.replace("something.", f"something [{n % 9}].") for n, sentence in enumerate(sentences))
    begun = time.monotonic()
    assert carried(sentences[-1][:-1], after, before=before).startswith("Sentence number 3999 says something")
    assert time.monotonic() - begun < 2
