from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatapp.moderation.windows import LONGEST, Windows, cut_windows

texts = st.text('ab "e.!?)3\n\u3002 D', max_size=200)


@pytest.mark.parametrize(
    "text, windows",
    [
        ("We open at nine today. We close at five.", ["We open at nine today. ", "We close at five."]),
        ("Yes. No. We close at five. Then go.", ["Yes. No. We close at five. ", "Then go."]),
        ("I have seen the letter to Dr. Smith today.", ["I have seen the letter to Dr. Smith today."]),
        ("It is written in No. 3. of the long list.", ["It is written in No. 3. of the long list."]),
        ('He told us all of it ("Go now!") and left.', ['He told us all of it ("Go now!") ', "and left."]),
        ("- the first point of it\n- the second one\n", ["- the first point of it\n", "- the second one\n"]),
        ("\u4e00" * 20 + "\u3002" + "\u4e8c" * 5, ["\u4e00" * 20 + "\u3002", "\u4e8c" * 5]),
        ("", []),
    ],
)
def test_a_window_ends_with_a_sentence_or_a_line(text: str, windows: list[str]) -> None:
    assert [window.text for window in cut_windows(text)] == windows


def test_text_without_an_end_is_cut_between_words() -> None:
    first, second = cut_windows("word " * 70, longest=300)
    assert (len(first.text), len(second.text)) == (300, 50)
    assert [len(window.text) for window in cut_windows("x" * 900)] == [LONGEST, LONGEST, 100]
    assert [window.text for window in cut_windows("one two three", longest=10)] == ["one two ", "three"]


@given(text=texts, places=st.lists(st.integers(0, 200), max_size=12), longest=st.integers(1, 60))
def test_windows_cover_the_text_and_no_cut_changes_them(text: str, places: list[int], longest: int) -> None:
    whole = cut_windows(text, longest)
    assert "".join(window.text for window in whole) == text
    assert all(len(window.text) <= longest for window in whole)
    assert all(before.end == after.start for before, after in pairwise(whole))
    edges = sorted({0, len(text), *(place % (len(text) + 1) for place in places)})
    for pieces in ([text[start:end] for start, end in pairwise(edges)], list(text)):
        windows = Windows(longest)
        assert [window for piece in pieces for window in windows.feed(piece)] + windows.finish() == whole
