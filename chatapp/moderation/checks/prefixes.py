r"""The beginnings of a pattern's matches, as a pattern of the same engine.

Streamed text must be held while it could still become a match. RE2 has no partial matching, and a second
engine would disagree with RE2 on classes and case folding, which is how text leaks. So the pattern `ab+(c|d)`
is rewritten to one that matches whatever a match of it can begin with, the empty text included:
`(?:a(?:b*|b+(?:c|d)?)?)?`, roughly. Anchored with `\z` and searched leftmost, it finds from where on text must wait.
"""

import re
from dataclasses import dataclass

_ESCAPE = r"\\(?:[pP]\{[^}]*\}|[pP].|x\{[0-9a-fA-F]+\}|x[0-9a-fA-F]{2}|[0-7]{1,3}|.)"
_TOKEN = re.compile(
    r"(?P<flags>\(\?[imsU-]+\))"
    r"|(?P<open>\((?:\?P?<\w+>|\?[imsU-]*:)?)"
    r"|(?P<close>\))"
    r"|(?P<bar>\|)"
    r"|(?P<repeat>(?:[*+?]|\{\d+(?:,\d*)?\})\??)"
    r"|(?P<assertion>\\[bBAz]|[\^$])"
    rf"|(?P<atom>{_ESCAPE}|\[\^?\]?(?:\[:\^?\w+:\]|{_ESCAPE}|[^\]\\])*\]|.)",
    re.DOTALL,
)


class UnsupportedSyntaxError(ValueError):
    """RE2 knows the construct, the rewriting does not; the message is a sentence for the author of the pattern."""


@dataclass(frozen=True, slots=True)
class Node:
    """`full` matches what the part matches, `prefix` every beginning of that; `shortest` match in characters."""

    full: str
    prefix: str
    shortest: int
    single: bool = False


def rewrite(pattern: str) -> Node:
    """`pattern` is one that RE2 has accepted. Raises UnsupportedSyntaxError."""
    tokens = [(match.lastgroup or "", match.group()) for match in _TOKEN.finditer(pattern)]
    opening = "(?:"
    if tokens and tokens[0][0] == "flags":
        opening = tokens.pop(0)[1][:-1] + ":"
    tokens.append(("close", ")"))
    tokens.reverse()
    return _group(opening, tokens)


def _group(opening: str, tokens: list[tuple[str, str]]) -> Node:
    """Reads up to the closing parenthesis; `tokens` are reversed, so that the next one is popped from the end."""
    branches: list[list[Node]] = [[]]
    while True:
        kind, text = tokens.pop()
        if kind == "close":
            break
        if kind == "bar":
            branches.append([])
        elif kind == "open":
            branches[-1].append(_group(text if text.endswith(":") else "(?:", tokens))
        elif kind == "repeat":
            branches[-1].append(_repeat(branches[-1].pop(), text))
        elif kind == "flags" or text in {r"\Q", r"\E", r"\C"}:
            message = f"{text} is not supported here: flags stand at the start or as (?i:…), and \\Q, \\E, \\C nowhere."
            raise UnsupportedSyntaxError(message)
        else:
            branches[-1].append(_leaf(kind, text))
    nodes = [_sequence(branch) for branch in branches]
    return Node(
        full=opening + "|".join(node.full for node in nodes) + ")",
        prefix=opening + "|".join(node.prefix for node in nodes) + ")",
        shortest=min(node.shortest for node in nodes),
    )


def _leaf(kind: str, text: str) -> Node:
    if kind == "assertion":
        return Node(full=text, prefix="", shortest=0, single=True)
    return Node(full=text, prefix=f"(?:{text})?", shortest=1, single=True)


def _sequence(parts: list[Node]) -> Node:
    prefix = ""
    for part in reversed(parts):
        if part.single:
            # An assertion is only tried where more text follows it, so its right side is always known.
            prefix = f"(?:{part.full}{prefix})?"
        elif prefix:
            prefix = f"(?:{part.prefix}|{part.full}{prefix})"
        else:
            prefix = part.prefix
    return Node(full="".join(part.full for part in parts), prefix=prefix, shortest=sum(part.shortest for part in parts))


def _repeat(part: Node, quantifier: str) -> Node:
    least, most = _bounds(quantifier)
    if most == 0:
        prefix = ""
    elif most is None:
        prefix = f"(?:(?:{part.full})*{part.prefix})"
    else:
        prefix = f"(?:(?:{part.full}){{0,{most - 1}}}{part.prefix})"
    return Node(full=f"(?:{part.full}){quantifier}", prefix=prefix, shortest=least * part.shortest)


def _bounds(quantifier: str) -> tuple[int, int | None]:
    if quantifier[0] != "{":
        return {"*": (0, None), "+": (1, None), "?": (0, 1)}[quantifier[0]]
    least, comma, most = quantifier.rstrip("?")[1:-1].partition(",")
    if not comma:
        return int(least), int(least)
    return int(least), int(most) if most else None
