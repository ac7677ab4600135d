import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatapp.moderation.placeholders import Placeholders, Restored

PEOPLE = {"Maria Huber": "PERSON", "Åsa Öst": "PERSON", "maria.huber@example.org": "EMAIL", "+49 170 1234567": "PHONE"}


def learnt(values: dict[str, str] = PEOPLE) -> Placeholders:
    placeholders = Placeholders()
    for value, label in values.items():
        placeholders.learn(value, label)
    return placeholders


def restore(placeholders: Placeholders, pieces: list[str]) -> tuple[str, list[str]]:
    restorer = placeholders.restorer()
    given = [*(restorer.feed(piece) for piece in pieces), restorer.finish()]
    text = "".join(part.text for part in given)
    return text, [text[start:end] for part in given for start, end in part.own]


@pytest.mark.parametrize(
    "text, hidden",
    [
        ("Write to Maria Huber.", "Write to [PERSON_1]."),
        ("MARIA  huber, or maria\nhuber?", "[PERSON_1], or [PERSON_1]?"),
        ("_Maria Huber_ and (Åsa Öst)", "_[PERSON_1]_ and ([PERSON_2])"),
        ("maria.huber@example.org, +49 170 1234567.", "[EMAIL_1], [PHONE_1]."),
        ("Maria Huberta, Maria and Huber", "Maria Huberta, Maria and Huber"),
        ("", ""),
    ],
)
def test_what_was_learnt_is_hidden_as_whole_words(text: str, hidden: str) -> None:
    assert learnt().hide(text) == hidden


def test_of_two_at_one_place_the_longer_one_is_hidden_and_the_shorter_one_elsewhere() -> None:
    placeholders = learnt({"Maria": "PERSON", "Maria Huber": "PERSON"})
    assert placeholders.hide("Maria Huber, Maria, Maria Huberta") == "[PERSON_2], [PERSON_1], [PERSON_1] Huberta"


def test_the_same_data_has_one_name_and_a_single_character_none() -> None:
    placeholders = learnt({"Eva Lang": "PERSON", "EVA  LANG": "PERSON", "x": "PERSON", "  ": "PERSON"})
    assert placeholders.values == {"[PERSON_1]": "Eva Lang"}


def test_a_name_that_somebody_wrote_stands_for_nobody() -> None:
    texts = ["In the template [person_1] and [PERSON_3] stand for Eva Lang and Åsa Öst.", "[PERSON_2x]"]
    placeholders = Placeholders(texts)
    for value in ("Eva Lang", "Åsa Öst"):
        placeholders.learn(value, "PERSON")
    hidden = placeholders.hide(texts[0])
    assert hidden == "In the template [person_1] and [PERSON_3] stand for [PERSON_2] and [PERSON_4]."
    assert placeholders.restore(hidden) == texts[0]


def test_data_comes_back_whatever_the_model_writes_round_it() -> None:
    text, own = restore(learnt(), ["Dear [PERSON_1], [Person_2] and [PERSON_3] [1] [PERS"])
    assert text == "Dear Maria Huber, Åsa Öst and [PERSON_3] [1] [PERS"
    assert own == ["Maria Huber", "Åsa Öst"]


def test_only_what_could_become_a_name_waits() -> None:
    restorer = learnt().restorer()
    assert restorer.feed("see [1], [PER") == Restored("see [1], ")
    assert restorer.feed("haps], [PERSON") == Restored("[PERhaps], ")
    assert restorer.feed("_1]!") == Restored("Maria Huber!", ((20, 31),))
    assert restorer.finish() == Restored("")


def test_without_data_nothing_waits() -> None:
    assert Placeholders().restorer().feed("[PERSON_1] [") == Restored("[PERSON_1] [")


def test_data_goes_into_json_as_json() -> None:
    placeholders = learnt({'Eva "Evi" Lang': "PERSON"})
    restorer = placeholders.restorer(in_json=True)
    written = restorer.feed('{"to": "[PERSON_1]"}').text + restorer.finish().text
    assert json.loads(written) == {"to": 'Eva "Evi" Lang'}


words = st.sampled_from([*PEOPLE, "Maria", "and", "[PERSON_", "[", "]", "_1]", " ", ", ", "x"])


@given(text=st.lists(words, max_size=12).map(" ".join), places=st.lists(st.integers(0, 300), max_size=8))
def test_hidden_and_put_back_a_text_is_itself_however_it_is_cut(text: str, places: list[int]) -> None:
    hidden = learnt().hide(text)
    assert not any(value in hidden for value in PEOPLE)
    edges = sorted({0, len(hidden), *(place % (len(hidden) + 1) for place in places)})
    restored, own = restore(learnt(), [hidden[start:end] for start, end in pairwise(edges)])
    assert restored == text
    assert set(own) <= set(PEOPLE)
