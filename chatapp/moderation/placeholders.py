"""Names that stand in prompts for personal data, such as [PERSON_1], and the way back in what a model writes."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

DEFAULT_LABEL = "DATA"
# Letters and digits in a row, or one mark.
_WORD = re.compile(r"[^\W_]+|\S")
_NAME = re.compile(r"\[[A-Z_]+_[0-9]+\]", re.IGNORECASE)
SHORTEST = 2  # A single character is nobody's data, and stands everywhere.


@dataclass(slots=True)
class _Node:
    name: str = ""  # Of the value that ends here.
    following: dict[str, "_Node"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Restored:
    """`own` are the [start, end) offsets, in the whole text, of data that was put back."""

    text: str
    own: tuple[tuple[int, int], ...] = ()


class Placeholders:
    """The same data has the same name throughout, whatever its case and spacing; numbered as they are learnt.

    What stands in `texts` already, because somebody wrote it, is no name: else it would come back as another's data.
    Values are kept as a trie of their words, so hiding is linear in the text however many there are.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._taken = {name.casefold() for text in texts for name in _NAME.findall(text)}
        self._values: dict[str, str] = {}
        self._counts: Counter[str] = Counter()
        self._root = _Node()

    @property
    def values(self) -> dict[str, str]:
        """What each name stands for."""
        return dict(self._values)

    def learn(self, value: str, label: str) -> None:
        if len(value.strip()) < SHORTEST:
            return
        node = self._root
        for word in _WORD.findall(value):
            node = node.following.setdefault(word.casefold(), _Node())
        if not node.name:
            node.name = self._new_name(label or DEFAULT_LABEL)
            self._values[node.name] = " ".join(value.split())

    def hide(self, text: str) -> str:
        """With its name in the place of everything that was learnt."""
        out, position = [], 0
        for start, end, name in self.places(text):
            out += [text[position:start], name]
            position = end
        return "".join(out) + text[position:]

    def places(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Where what was learnt stands, and its name: as whole words; of two at one place the longer one."""
        words = [(found.group().casefold(), *found.span()) for found in _WORD.finditer(text)] if self._values else []
        at = 0
        while at < len(words):
            name, count = self._longest(words, at)
            if name:
                yield words[at][1], words[at + count - 1][2], name
            at += max(1, count)

    def restore(self, text: str) -> str:
        """Of a text that is whole."""
        restorer = self.restorer()
        return restorer.feed(text).text + restorer.finish().text

    def restorer(self, *, in_json: bool = False) -> "Restorer":
        """`in_json`: the text is JSON, and data goes back into its strings."""
        return Restorer(self._values, _escape if in_json else str)

    def _new_name(self, label: str) -> str:
        name = ""
        while not name or name.casefold() in self._taken:
            self._counts[label] += 1
            name = f"[{label}_{self._counts[label]}]"
        return name

    def _longest(self, words: Sequence[tuple[str, int, int]], at: int) -> tuple[str, int]:
        """The name for the words from `at` on, and for how many of them; ("", 0) when they are nobody's data."""
        node, found = self._root, ("", 0)
        for index in range(at, len(words)):
            following = node.following.get(words[index][0])
            if following is None:
                break
            node = following
            found = (node.name, index + 1 - at) if node.name else found
        return found


class Restorer:
    """Puts data back into text that arrives in pieces; a name may be cut anywhere.

    Only what could become a name waits: from the last opening bracket on, a few characters.
    """

    def __init__(self, values: dict[str, str], escape: Callable[[str], str]) -> None:
        self._values = {name.casefold(): escape(value) for name, value in values.items()}
        self._names = re.compile("|".join(map(re.escape, self._values)), re.IGNORECASE) if values else None
        self._held = ""
        self._length = 0  # of what has gone out

    def feed(self, text: str) -> Restored:
        if self._names is None:
            return Restored(text)
        text = self._held + text
        opening = text.rfind("[")
        waits = opening >= 0 and _begins_any(text[opening:].casefold(), self._values)
        self._held = text[opening:] if waits else ""
        return self._restore(text[:opening] if waits else text)

    def finish(self) -> Restored:
        text, self._held = self._held, ""
        return self._restore(text)

    def _restore(self, text: str) -> Restored:
        if self._names is None:
            return Restored(text)
        out, own, position = "", [], 0
        for found in self._names.finditer(text):
            out += text[position : found.start()]
            start = self._length + len(out)
            out += self._values[found.group().casefold()]
            own.append((start, self._length + len(out)))
            position = found.end()
        out += text[position:]
        self._length += len(out)
        return Restored(out, tuple(own))


def _begins_any(text: str, names: Iterable[str]) -> bool:
    return any(len(text) < len(name) and name.startswith(text) for name in names)


def _escape(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)[1:-1]
