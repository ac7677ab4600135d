"""llama.cpp's grammar notation (GBNF), translated into the Lark notation that llguidance reads.

The notation: https://github.com/ggml-org/llama.cpp/blob/master/grammars/README.md
"""

import re
from collections.abc import Iterator

from chatapp.inference.engine.errors import SamplingError

_MAX_DEPTH = 50
_MAX_REPETITIONS = 2_000
_NAME = r"[A-Za-z0-9-]+"
_CHARACTER = r"\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|[tnr\\\"\[\]-])"
_TOKEN = re.compile(
    rf"""(?P<space>(?:\s|\#[^\r\n]*)+)
    |(?P<head>{_NAME})\s*::=
    |(?P<name>{_NAME})
    |"(?P<literal>(?:{_CHARACTER}|[^"\\])*)"
    |\[(?P<not>\^?+)(?P<set>(?:{_CHARACTER}|[^\]\\])+)\]
    |(?P<any>\.)
    |(?P<group>[()|])
    |(?P<repeat>[*+?]|\{{\s*(?P<low>\d{{1,9}})\s*(?P<comma>,?)\s*(?P<high>\d{{1,9}})?\s*\}})
    """,
    re.VERBOSE | re.ASCII,
)
_ONE = re.compile(rf"{_CHARACTER}|[^\\]", re.DOTALL)
_RANGE = re.compile(rf"(?P<first>{_ONE.pattern})(?:-(?P<last>{_ONE.pattern}))?", re.DOTALL)
_ESCAPES = {"t": "\t", "n": "\n", "r": "\r"}


def to_lark(grammar: str) -> str:
    """Raise `SamplingError` saying what is wrong with the grammar.

    Every terminal becomes a single character: llguidance's lexer takes the longest terminal and never goes back, so
    with longer ones it would refuse some texts that the grammar allows.
    """
    translator = _Translator()
    for match in _tokens(grammar):
        translator.take(match)
    return translator.finish()


def _tokens(grammar: str) -> Iterator[re.Match[str]]:
    position = 0
    while position < len(grammar):
        match = _TOKEN.match(grammar, position)
        if match is None:
            line = grammar.count("\n", 0, position) + 1
            raise SamplingError(f"The grammar cannot be read in line {line} at {grammar[position : position + 20]!r}.")
        position = match.end()
        if match.lastgroup != "space":
            yield match


class _Translator:
    def __init__(self) -> None:
        self._rules: dict[str, list[str]] = {}
        self._used: set[str] = set()
        self._rule: list[str] = []
        self._depth = 0
        # What a repetition may follow, and what may not end an alternative without standing for the empty text.
        self._after_item = False
        self._at_start = True

    def take(self, match: re.Match[str]) -> None:
        kind = match.lastgroup
        if head := match["head"]:
            self._begin_rule(head)
            return
        if not self._rules:
            raise SamplingError("The grammar begins with no rule, such as: root ::= ...")
        if name := match["name"]:
            self._used.add(name)
            self._add(_rule_name(name))
        elif match["literal"] is not None:
            self._add(_literal(match["literal"]))
        elif match["set"]:
            self._add(f"/[{match['not']}{_character_set(match['set'])}]/")
        elif kind == "any":
            self._add(r"/[\x{0}-\x{10FFFF}]/")
        elif match["group"]:
            self._take_group(match["group"])
        else:
            self._repeat(match)

    def finish(self) -> str:
        self._end_rule()
        if "root" not in self._rules:
            raise SamplingError("The grammar has no rule named root.")
        if unknown := self._used - self._rules.keys():
            raise SamplingError(f"The grammar has no rule named {min(unknown)[:60]}.")
        rules = (f"{_rule_name(name)}: {' '.join(rule)}" for name, rule in self._rules.items())
        return "\n".join(["%llguidance {}", *rules])

    def _begin_rule(self, name: str) -> None:
        self._end_rule()
        if name in self._rules:
            raise SamplingError(f"The grammar defines {name[:60]} twice.")
        self._rule = self._rules[name] = []
        self._at_start, self._after_item = True, False

    def _end_rule(self) -> None:
        if self._depth:
            raise SamplingError("The grammar has a parenthesis that is not closed.")
        self._end_alternative()

    def _end_alternative(self) -> None:
        if self._at_start:
            self._rule.append('""')

    def _add(self, item: str) -> None:
        self._rule.append(item)
        self._at_start, self._after_item = False, True

    def _take_group(self, sign: str) -> None:
        if sign == "(":
            self._depth += 1
            if self._depth > _MAX_DEPTH:
                raise SamplingError(f"The grammar has more than {_MAX_DEPTH} parentheses within each other.")
        else:
            self._end_alternative()
            if sign == ")":
                self._depth -= 1
                if self._depth < 0:
                    raise SamplingError("The grammar closes a parenthesis that is not open.")
        self._rule.append(sign)
        self._at_start, self._after_item = sign != ")", sign == ")"

    def _repeat(self, match: re.Match[str]) -> None:
        sign = match["repeat"]
        if not self._after_item:
            raise SamplingError(f"The grammar repeats nothing, or a repetition, by {sign[:20]}.")
        if match["low"]:
            low, high = int(match["low"]), match["high"]
            top = int(high) if high else low
            if not low <= top <= _MAX_REPETITIONS or (high and not match["comma"]):
                raise SamplingError(f"The grammar's {sign[:20]} is not at most {_MAX_REPETITIONS:,} repetitions.")
            sign = f"{{{low},{high or ('' if match['comma'] else low)}}}"
        self._rule[-1] += sign
        self._after_item = False


def _rule_name(name: str) -> str:
    """No name of Lark's own: `start` is where it begins."""
    return "start" if name == "root" else f"r_{name.encode().hex()}"


def _literal(text: str) -> str:
    characters = [f"/{_hex(written)}/" for written in _ONE.findall(text)]
    return f"({' '.join(characters)})" if characters else '""'


def _character_set(text: str) -> str:
    ranges = []
    for match in _RANGE.finditer(text):
        first, last = match["first"], match["last"]
        if last and _code(first) > _code(last):
            raise SamplingError(f"The grammar's range {match[0][:30]} is empty.")
        ranges.append(f"{_hex(first)}-{_hex(last)}" if last else _hex(first))
    return "".join(ranges)


def _hex(written: str) -> str:
    return f"\\x{{{_code(written):X}}}"


def _code(written: str) -> int:
    """The number of a character, written as itself or by an escape."""
    kind, digits = written[1:2], written[2:]
    code = int(digits, 16) if digits else ord(_ESCAPES.get(kind, kind) or written)
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise SamplingError(f"The grammar's {written!a} is no character.")
    return code
