from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from chatapp.inference.engine.text import AnswerText

# Few letters, so that stop strings really occur; and characters of two, three and four bytes.
LETTERS = "ab\né€🎉"


def split(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


def write(pieces: Sequence[bytes], stop: Sequence[str]) -> tuple[list[str], bool]:
    answer = AnswerText(stop)
    shown = []
    for piece in pieces:
        shown.append(answer.push(piece))
        if answer.stopped:
            break
    return [*shown, answer.flush()], answer.stopped


@given(text=st.text(LETTERS), cuts=st.lists(st.integers(0, 200)))
def test_text_survives_any_cut(text: str, cuts: list[int]) -> None:
    shown, stopped = write(split(text.encode(), cuts), ())
    assert "".join(shown) == text
    assert not stopped


@given(
    text=st.text(LETTERS),
    stop=st.lists(st.text(LETTERS, min_size=1, max_size=4), min_size=1, max_size=3),
    cuts=st.lists(st.integers(0, 200)),
)
def test_stop_strings_do_not_depend_on_cuts(text: str, stop: Sequence[str], cuts: list[int]) -> None:
    shown, stopped = write(split(text.encode(), cuts), stop)
    by_character, _stopped = write([character.encode() for character in text], stop)
    assert "".join(shown) == "".join(by_character)
    assert stopped == any(item in text for item in stop)
    assert not any(item in "".join(shown) for item in stop)


@given(text=st.text(LETTERS), stop=st.text(LETTERS, min_size=2, max_size=4))
def test_the_beginning_of_a_stop_string_is_never_shown_early(text: str, stop: str) -> None:
    answer = AnswerText([stop])
    shown = answer.push(text.encode())
    assert text.startswith(shown)
    if not answer.stopped:
        beginnings = [stop[:length] for length in range(len(stop)) if text.endswith(stop[:length])]
        assert len(shown) == len(text) - max(map(len, beginnings))


def test_partial_stop_string_is_held_until_it_cannot_be_one() -> None:
    answer = AnswerText(["</answer>"])
    assert answer.push(b"done </ans") == "done "
    assert answer.push(b"!") == "</ans!"
    assert answer.push(b"</answer") == ""
    assert answer.flush() == "</answer"


def test_half_a_character_at_the_end_is_dropped() -> None:
    answer = AnswerText()
    assert answer.push("é".encode()[:1]) == ""
    assert answer.flush() == ""


def test_invalid_bytes_and_nul_never_reach_the_text() -> None:
    assert AnswerText().push(b"a\xffb\x00c") == "a\ufffdbc"
