import pytest

from chatapp.inference.language import detect_language


@pytest.mark.parametrize(
    "text,code",
    [
        ("How many days of holiday do I get?", "en"),
        ("Wie viele Urlaubstage habe ich?", "de"),
        ("VPN geht nicht", "de"),
        ("Combien de jours de vacances ai-je ?", "fr"),
        ("¿Cuántos días de vacaciones tengo?", "es"),
        ("Ile mam dni urlopu?", "pl"),
        ("我有多少天假期", "zh"),
        ("休暇は何日ありますか", "ja"),
        ("כמה ימי חופשה יש לי?", "he"),
        ("Сколько дней отпуска положено сотрудникам?", "ru"),
    ],
)
def test_a_short_question_tells_its_language(text: str, code: str) -> None:
    assert detect_language(text) == code


@pytest.mark.parametrize("text", ["", "   ", "12345", "ok", "\0\x01\x1b[0m", "\ud800", "😀😀😀", "a" * 100_000])
def test_what_has_no_language_has_none(text: str) -> None:
    assert detect_language(text) == ""
