"""Personal data that needs a model or Presidio, and what is masked where people read what others wrote."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from chatapp.errors import ChatappError
from chatapp.inference.artifacts import default_directory, ensure_artifact
from chatapp.inference.catalog import CHECK_FILES
from chatapp.moderation.checks import names
from chatapp.moderation.checks.examiner import ExaminerError, Hit
from chatapp.moderation.checks.names import NAMED, NameExaminer
from chatapp.moderation.checks.numbers import NUMBERED, NumberExaminer
from chatapp.moderation.checks.pii import build_examiner
from chatapp.moderation.checks.schema import build_checks
from chatapp.moderation.personal import find_by_form, find_personal_data, mask_personal_data
from chatapp.moderation.policy import decide


@pytest.fixture
def model(settings: Any) -> None:
    settings.MODELS_DIR = default_directory()
    for artifact in CHECK_FILES.values():
        ensure_artifact(artifact, directory=settings.MODELS_DIR, report=lambda _progress: None)


def mask(text: str, *entities: str, company_numbers: tuple[str, ...] = ()) -> str:
    examiner = build_examiner(entities, company_numbers)
    assert examiner is not None
    return mask_personal_data(text, examiner.examine([text])[0])


@pytest.mark.model
@pytest.mark.usefixtures("model")
@pytest.mark.parametrize(
    "text,masked",
    [
        ("Please ask Maria Hernandez about the budget.", "Please ask [name removed] about the budget."),
        ("Frau Dr. Anna Schmidt ist heute krank.", "Frau Dr. [name removed] ist heute krank."),
        ("J'ai parlé avec Jean-Pierre Dupont hier.", "J'ai parlé avec [name removed] hier."),
        ("Ayer hablé con Lucía Fernández y Javier Ortega.", "Ayer hablé con [name removed] y [name removed]."),
        ("Ho scritto a Giulia Rossi.", "Ho scritto a [name removed]."),
        ("Falei com o João Silva ontem.", "Falei com o [name removed] ontem."),
        ("Ik heb Willem Janssen gesproken.", "Ik heb [name removed] gesproken."),
        ("can you ask maria hernandez", "can you ask [name removed]"),
        ("Our 🙂 colleague Zoë Müller-Lüdenscheidt.", "Our 🙂 colleague [name removed]."),
    ],
)
def test_names_are_found_in_seven_languages(text: str, masked: str) -> None:
    assert mask(text, "person") == masked


@pytest.mark.model
@pytest.mark.usefixtures("model")
@pytest.mark.parametrize(
    "text",
    [
        "Siemens AG and Microsoft sell Excel, Teams and SAP connectors; Jira and Windows are installed.",
        "The travel policy asks for three quotes above 500 euros before you book.",
        "Invented value is a reason for dismissal. Whoever reports in good faith is protected.",
        "Wie viele Urlaubstage habe ich im ersten Jahr?",
        "",
    ],
)
def test_companies_products_and_plain_words_are_nobody(text: str) -> None:
    assert mask(text, "person") == text


@pytest.mark.model
@pytest.mark.usefixtures("model")
def test_addresses_and_phones_are_found() -> None:
    text = "She lives at Hauptstraße 12, 10115 Berlin; call her at 0151 2345 6789."
    masked = mask(text, "address", "local_phone")
    assert "Hauptstraße" not in masked
    assert "10115" not in masked
    assert "Berlin" in masked
    assert "0151" not in masked
    assert mask(text, "local_phone", company_numbers=("0151 2345",)) == text


@pytest.mark.model
@pytest.mark.usefixtures("model")
def test_a_name_is_found_wherever_it_stands_in_a_long_text() -> None:
    filler = "The report lists what was measured in the week. "
    for before in range(380, 500, 11):
        text = "x" * (before % 48) + " " + filler * (before // 48) + "Maria Hernandez agreed. " + filler * 10
        (hits,) = NameExaminer(("person",)).examine([text])
        assert [text[hit.start : hit.end] for hit in hits] == ["Maria Hernandez"], before
        assert hits[0].score > 0.5


@pytest.mark.model
@pytest.mark.usefixtures("model")
def test_scripts_of_many_tokens_and_texts_without_a_space_are_read() -> None:
    for text in ("안녕하세요" * 300, "a" * 5_000, "🙂" * 2_000, "\u202e" * 3_000, "Ä" * 100):
        (hits,) = NameExaminer(tuple(NAMED)).examine([text])
        assert all(0 <= hit.start < hit.end <= len(text) for hit in hits)


@pytest.mark.model
@pytest.mark.usefixtures("model")
def test_threads_at_once_find_the_same() -> None:
    texts = [f"Ask Maria Hernandez about room {number}." for number in range(20)]
    examiner = build_examiner(["person", "ip_address"])
    assert examiner is not None
    alone = examiner.examine(texts)
    with ThreadPoolExecutor(4) as pool:
        assert all(found == alone for found in pool.map(lambda _: examiner.examine(texts), range(4)))


def test_a_missing_model_is_said_and_looked_for_again(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MODELS_DIR = tmp_path
    monkeypatch.setattr(names, "_loaded", names._Loaded())
    for _ in range(2):
        with pytest.raises(ExaminerError, match="is not in"):
            NameExaminer(("person",)).examine(["Maria"])


@pytest.mark.parametrize(
    "text,masked",
    [
        ("Her passport number is 912803456.", "Her passport number is [identity number removed]."),
        ("Order 912803456 has left the store.", "Order 912803456 has left the store."),
        ("Hetu 131052-308T", "Hetu [identity number removed]"),
        ("Hetu 131052-308U", "Hetu 131052-308U"),
        ("Personnummer 811228-9874", "Personnummer [identity number removed]"),
        ("Order 35450168112289874", "Order 35450168112289874"),
        ("EAN 0412345678901", "EAN 0412345678901"),
    ],
)
def test_presidio_knows_numbers_by_checksum_or_by_the_words_before_them(text: str, masked: str) -> None:
    assert mask(text, "other_id") == masked


def test_a_long_row_of_numbers_is_no_host() -> None:
    assert mask("From 1.2.3.4.5.6.7.8 to 10.20.30.40.", "ip_address") == "From 1.2.3.4.5.6.7.8 to [IP address removed]."


def test_presidio_finds_hosts_wherever_they_stand_and_once() -> None:
    for before in range(780, 1_010, 7):
        text = ("word " * 300)[:before] + " 93.184.216.34 " + "word " * 300
        (hits,) = NumberExaminer(("ip_address",)).examine([text])
        assert [text[hit.start : hit.end] for hit in hits] == ["93.184.216.34"], before


@pytest.mark.parametrize("text", ["9" * 20_000, "1 " * 10_000, "a:" * 10_000, "1.1." * 5_000, "DE1-" * 5_000])
def test_c12_presidio_gets_through_hostile_text(text: str) -> None:
    assert len(NumberExaminer(tuple(NUMBERED)).examine([text])) == 1


EMPLOYEE = {"label": "EMPLOYEE", "pattern": "E-[0-9]{5}"}


def test_a_company_has_kinds_of_its_own() -> None:
    checks = build_checks([{"kind": "pii", "stage": "input", "action": "mask", "custom": [EMPLOYEE]}])
    assert decide(checks, "Ask E-12345 or E-1234.").text == "Ask [employee removed] or E-1234."
    assert [matcher.label for matcher in checks[0].matchers] == ["EMPLOYEE"]


@pytest.mark.parametrize(
    "custom,words",
    [
        ("E-1", "custom must be a list of at most 20 objects"),
        ([EMPLOYEE] * 21, "custom must be a list of at most 20 objects"),
        (["E-1"], r"custom\[0\] must be an object with label and pattern"),
        ([{**EMPLOYEE, "score": 1}], r"custom\[0\] must be an object with label and pattern"),
        ([EMPLOYEE, {**EMPLOYEE, "label": "employee"}], r"custom\[1\].label must have 1 to 20 capital letters"),
        ([{**EMPLOYEE, "label": 7}], r"custom\[0\].label must have"),
        ([{**EMPLOYEE, "label": "E" * 21}], r"custom\[0\].label must have"),
        ([{**EMPLOYEE, "pattern": ""}], r"custom\[0\].pattern must be a pattern of 1 to 500 characters"),
        ([{**EMPLOYEE, "pattern": "(a"}], r"custom\[0\].pattern is not a pattern that RE2 can run"),
        ([{**EMPLOYEE, "pattern": "a*"}], r"custom\[0\].pattern matches the empty text"),
    ],
)
def test_a_wrong_kind_of_the_company_is_refused_with_its_place(custom: object, words: str) -> None:
    with pytest.raises(ChatappError, match=words):
        build_checks([{"kind": "pii", "stage": "input", "action": "mask", "custom": custom}])


def test_forms_are_masked_without_a_worker() -> None:
    text = "Card 4111 1111 1111 1111, mail a@mail.example."
    assert mask_personal_data(text, find_by_form(text)) == "Card [card number removed], mail [e-mail address removed]."


@pytest.mark.model
@pytest.mark.usefixtures("model")
def test_all_of_it_is_found_at_once_and_nothing_overlaps() -> None:
    text = "Maria Hernandez (maria.hernandez@mail.example, +44 20 7946 0958) pays with 4111 1111 1111 1111."
    (hits,) = find_personal_data([text])
    assert all(before.end <= after.start for before, after in pairwise(hits))
    assert mask_personal_data(text, hits) == (
        "[name removed] ([e-mail address removed], [phone number removed]) pays with [card number removed]."
    )


def test_masks_of_hits_that_overlap_are_one() -> None:
    hits = [Hit(4, 9, mask="[b]"), Hit(0, 6, mask="[a]"), Hit(9, 10, mask="[c]")]
    assert mask_personal_data("0123456789!", hits) == "[a][c]!"
