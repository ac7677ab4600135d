"""What a scripted answer is made of, as its question asks for it; see `testing.ScriptedModel`."""

import itertools
import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

_TOKENS_PER_PARAGRAPH = 40
_MAX_TOKENS = 100_000
_MAX_RATE = 10_000.0
_OPTION = re.compile(r"\b(rate|tokens|prefill|fail_every|stamps|markdown)=(\d{1,6}(?:\.\d{1,6})?)")
_LETTERS = str.maketrans("0123456789", "abcdefghij")
_WORD = re.compile(r"\s*\S{1,7}\n*")  # About as long as a tokenizer's pieces of English and Markdown.
_QUESTION = re.compile(r"^Question:[ \t]*", re.MULTILINE)
_MARKDOWN = """\
## What to do

Carry over at most **five** days, and tell your team lead before the end of the year. Half days (`0.5`) count.

- Ask in the portal, under *Time off*.
- Wait for the answer, which takes two working days.
- Enter the days as soon as they are granted.

| grade | days | carried over |
|---|---:|---:|
| junior | 25 | 5 |
| senior | 28 | 5 |
| lead | 30 | 8 |

```python
def remaining(granted: float, taken: float) -> float:
    # Never below zero: what was taken too much is settled in the next year.
    return max(0.0, granted - taken)
```

Whoever works part-time has the same share of the year: three days a week give three fifths of the days above.

"""


@dataclass(frozen=True)
class Script:
    """What one answer will be. `rate` is in pieces a second; `prefill` in seconds before the first one.

    `stamped`: each piece tells when it was written, see `stamp`.
    """

    pieces: Sequence[str]
    rate: float = 30.0
    prefill: float = 0.0
    fail_every: int = 0
    stamped: bool = False


def parse_script(question: str, *, system: str = "", rate: float = 30.0, prefill: float = 0.0) -> Script:
    """Read `rate=30 tokens=500 prefill=0.5 fail_every=5` and `say: TEXT`, all optional, from a question.

    What it does not say is taken from the system prompt, so that one scripted version can be worse than another.
    `markdown=1` makes the tokens those of a text with lists, tables and code, `stamps=1` those of `Script.stamped`.
    """
    settings, say, text = question.partition("say:")
    options = {name: float(value) for name, value in [*_OPTION.findall(system), *_OPTION.findall(settings)]}
    count = min(int(options.get("tokens", 60)), _MAX_TOKENS)
    return Script(
        pieces=_pieces(text.removeprefix(" ") if say else None, count, is_markdown=bool(options.get("markdown"))),
        rate=min(options.get("rate") or rate, _MAX_RATE),
        prefill=options.get("prefill", prefill),
        fail_every=int(options.get("fail_every", 0)),
        stamped=bool(options.get("stamps")) and not say,
    )


def _pieces(say: str | None, count: int, *, is_markdown: bool) -> list[str]:
    if say is not None:
        return _small_pieces(say)
    if is_markdown:
        return list(itertools.islice(itertools.cycle(_WORD.findall(_MARKDOWN)), count))
    return [_numbered(number) for number in range(count)]


def _numbered(number: int) -> str:
    ends_paragraph = (number + 1) % _TOKENS_PER_PARAGRAPH == 0
    return f"t{number:06} " + ("\n\n" if ends_paragraph else "")


def stamp() -> str:
    """Milliseconds since 1970 in letters a to j: a row of digits would be held back, as it may be personal data."""
    return f"{time.time() * 1000:.0f} ".translate(_LETTERS)


def _small_pieces(text: str) -> list[str]:
    pieces: list[str] = []
    start = 0
    for length in itertools.cycle((1, 2, 3)):
        if start >= len(text):
            return pieces
        pieces.append(text[start : start + length])
        start += length
    return pieces


def split_prompt(prompt: str) -> tuple[str, str]:
    """System prompt and last user message of a rendered chat, or nothing and the prompt itself.

    Of the message, what follows the last `Question:`.
    """
    try:
        messages = [(str(message["role"]), str(message["content"])) for message in json.loads(prompt)]
        text = [content for role, content in messages if role == "user"][-1]
        system = next((content for role, content in messages if role == "system"), "")
    except (ValueError, TypeError, KeyError, IndexError):
        system, text = "", prompt
    return system, _QUESTION.split(text)[-1].strip()
