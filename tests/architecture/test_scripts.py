"""Which scripts may make HTML of text (ADR 16)."""

import re

from tests.architecture.sources import ROOT

SINKS = re.compile(
    r"\.(?:inner|outer)HTML\s*=(?!=)|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|srcdoc"
    r"|HTMLUnsafe|createPolicy|\beval\(|new Function"
)


def test_one_script_makes_html_of_text() -> None:
    scripts = (ROOT / "static" / "js").glob("*.js")
    assert [path.name for path in scripts if SINKS.search(path.read_text())] == ["trusted.js"]
