"""Whether an answer says a fact: numbers, units and words compared as they are meant, not as they are written."""

import re
import unicodedata
from collections.abc import Sequence

# Of a quote's words, what an answer in words of its own must share with it.
SHARED_WORDS = 0.5
_SHORTEST_WORD = 4
_MARKUP = re.compile(r"[*_`~]+|\[\d{1,3}\]")
_GROUPED = re.compile(r"(?<![\d.,])\d{1,3}(?:[,.'\u2009\u202f\u00a0]\d{3})+(?![\d])")
_SEPARATORS = re.compile(r"[,.'\u2009\u202f\u00a0]")
_NOT = re.compile(r"n['\u2019]t\b")
_DECIMAL_COMMA = re.compile(r"(?<=\d),(?=\d)")
_TOKEN = re.compile(r"\d+(?:\.\d+)*|[^\W\d_]+|[%€$£°]")
_SYNONYMS = {
    "%": "percent",
    "pct": "percent",
    "€": "euro",
    "eur": "euro",
    "$": "dollar",
    "usd": "dollar",
    "£": "pound",
    "gbp": "pound",
    "hr": "hour",
    "hrs": "hour",
    "h": "hour",
    "min": "minute",
    "mins": "minute",
    "sec": "second",
    "kilometre": "km",
    "kilometer": "km",
    "metre": "m",
    "meter": "m",
    "kilogram": "kg",
    "°": "degree",
}
_CURRENCIES = frozenset({"euro", "dollar", "pound"})
_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_WORDS_OF_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_TENS = {word: 10 * value for value, word in enumerate(_WORDS_OF_TENS.split(), 2)}
_NUMBERS = {word: value for value, word in enumerate(_WORDS.split())} | _TENS


def tokens_of(text: str) -> list[str]:
    """Words without case, plural and markup; numbers in digits; units by one name, currencies behind their number."""
    text = unicodedata.normalize("NFKC", _GROUPED.sub(lambda found: _SEPARATORS.sub("", found[0]), text))
    text = _NOT.sub(" not", _DECIMAL_COMMA.sub(".", _MARKUP.sub(" ", text)).casefold())
    tokens = [_plain(token) for token in _TOKEN.findall(text)]
    return _amounts(_numbers(tokens))


def says_fact(answer: str, fact: str) -> bool:
    """`fact` may have several ways of saying it, parted by `|`; one of them stands in the answer as it is."""
    said = _joined(tokens_of(answer))
    return any(_joined(tokens) in said for way in fact.split("|") if (tokens := tokens_of(way)))


def says_quote(answer: str, quote: str) -> bool:
    """Nobody named the fact, but words of the document: every number of theirs, and half of their longer words."""
    said, quoted = set(tokens_of(answer)), tokens_of(quote)
    if any(token not in said for token in quoted if token[0].isdigit()):
        return False
    words = {token for token in quoted if len(token) >= _SHORTEST_WORD and not token[0].isdigit()}
    return not words or len(words & said) >= SHARED_WORDS * len(words)


def _plain(token: str) -> str:
    if token[0].isdigit():
        return token.rstrip("0").rstrip(".") if "." in token else token
    token = _SYNONYMS.get(token, token)
    singular = token[:-1] if len(token) > _SHORTEST_WORD - 1 and token.endswith("s") and token[-2] != "s" else token
    return _SYNONYMS.get(singular, singular)


def _numbers(tokens: Sequence[str]) -> list[str]:
    """Of "twenty eight", 28. Words are read as numbers to 99; further ones are written in digits in documents."""
    read: list[str] = []
    tens = False
    for token in tokens:
        value = _NUMBERS.get(token)
        if value is None:
            read.append(token)
        elif tens and 0 < value < 10:
            read[-1] = str(int(read[-1]) + value)
        else:
            read.append(str(value))
        tens = token in _TENS
    return read


def _amounts(tokens: list[str]) -> list[str]:
    """The number before its currency, as in "50 euro" for "€ 50"."""
    for at in range(len(tokens) - 1):
        if tokens[at] in _CURRENCIES and tokens[at + 1][0].isdigit() and (at == 0 or not tokens[at - 1][0].isdigit()):
            tokens[at], tokens[at + 1] = tokens[at + 1], tokens[at]
    return tokens


def _joined(tokens: Sequence[str]) -> str:
    return f" {' '.join(tokens)} "
