"""Code blocks: highlighted by classes, and only once the fence has closed."""

from functools import lru_cache

from markdown_it.common.utils import escapeHtml
from markdown_it.token import Token
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name

# Lexers of well-known languages only: some of the rare ones take exponential time on hostile input.
ALIASES = {
    "bash": "bash", "c": "c", "c++": "cpp", "cpp": "cpp", "cs": "csharp", "csharp": "csharp", "css": "css",
    "diff": "diff", "docker": "docker", "dockerfile": "docker", "go": "go", "html": "html", "ini": "ini",
    "java": "java", "javascript": "javascript", "js": "javascript", "json": "json", "kotlin": "kotlin",
    "makefile": "make", "php": "php", "powershell": "powershell", "py": "python", "python": "python",
    "rb": "ruby", "ruby": "ruby", "rs": "rust", "rust": "rust", "sh": "bash", "shell": "bash", "sql": "sql",
    "swift": "swift", "toml": "toml", "ts": "typescript", "typescript": "typescript", "xml": "xml",
    "yaml": "yaml", "yml": "yaml",
}  # fmt: skip
MAX_HIGHLIGHTED = 20_000

_formatter: "HtmlFormatter[str]" = HtmlFormatter(nowrap=True)


@lru_cache(maxsize=64)
def _lexer(name: str) -> Lexer:
    # The defaults strip blank lines at both ends; what the model wrote is shown as it is.
    return get_lexer_by_name(name, stripnl=False, ensurenl=False)


def is_closed(token: Token) -> bool:
    """A fence spans its content and two markers; one that runs into the end of the text lacks the second."""
    if token.map is None:
        return False
    lines = token.content.count("\n") + (bool(token.content) and not token.content.endswith("\n"))
    return token.map[1] - token.map[0] == lines + 2


def render_code(token: Token) -> str:
    words = token.info.split()
    language = words[0].lower() if words else ""
    code = escapeHtml(token.content)
    if language in ALIASES and is_closed(token) and len(token.content) <= MAX_HIGHLIGHTED:
        code = highlight(token.content, _lexer(ALIASES[language]), _formatter)
    label = escapeHtml(language[:20]) or "text"
    return (
        f'<div class="code-block"><div class="code-head">{label}</div>'
        f'<pre class="code" tabindex="0"><code>{code}</code></pre></div>\n'
    )
