"""Which scripts may make HTML of text (ADR 16), and that what asks first does ask."""

import re

from tests.architecture.sources import ROOT

SINKS = re.compile(
    r"\.(?:inner|outer)HTML\s*=(?!=)|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|srcdoc"
    r"|HTMLUnsafe|createPolicy|\beval\(|new Function"
)


def test_one_script_makes_html_of_text() -> None:
    scripts = (ROOT / "static" / "js").glob("*.js")
    assert [path.name for path in scripts if SINKS.search(path.read_text())] == ["trusted.js"]


def test_what_asks_first_is_sent_by_htmx() -> None:
    """On a form that the browser sends by itself `hx-confirm` does nothing."""
    tags = [
        (path.name, tag)
        for path in (ROOT / "templates").rglob("*.html")
        for tag in re.findall(r"<\w+\b[^>]*hx-confirm[^>]*>", path.read_text())
    ]
    assert len(tags) > 20
    assert [one for one in tags if not re.search(r"hx-(?:post|get|delete)=", one[1])] == []
