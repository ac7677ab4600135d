"""Prompts out of the demo company's handbook: real text, no two alike from their first words on."""

import random
from collections.abc import Iterator
from itertools import count
from pathlib import Path

HANDBOOK = Path(__file__).resolve().parents[2] / "chatapp" / "demo" / "handbook"
_QUESTIONS = (
    "Which of these rules changed most recently, and whom does it concern?",
    "Summarise what a new employee has to know about this.",
    "What has to be done first, and by whom?",
    "Write a short note to the team that explains these rules.",
)
# What comes after the passages of a prompt.
_QUESTION_TOKENS = 24
_FEWEST_WORDS_TO_QUOTE = 55
_WORDS_GIVEN = 6
_FEWEST_WORDS = 12
_NO_PROSE = ("|", "-", "1.", "#", "`")


class Prompts:
    """Sizes are in tokens of the model at `path`. The same seed gives the same prompts in every run."""

    def __init__(self, path: Path, *, seed: int = 0) -> None:
        from llama_cpp import Llama

        self._tokenizer = Llama(str(path), vocab_only=True, verbose=False)
        self._random = random.Random(seed)  # noqa: S311 - a repeatable choice of texts
        self._numbers = count(1)
        self._paragraphs = list(_paragraphs())

    def question(self, tokens: int) -> str:
        """Passages and a question on them."""
        return f"{self.passages(tokens - _QUESTION_TOKENS)}\n\n{self.follow_up()}"

    def follow_up(self) -> str:
        return f"Question: {self._random.choice(_QUESTIONS)}\nAnswer:"

    def passages(self, tokens: int) -> str:
        """Text of that size, cut in mid-sentence if need be."""
        shuffled = self._random.sample(self._paragraphs, k=len(self._paragraphs))
        text = f"Case {next(self._numbers)}, opened by {self._random.choice(shuffled).split()[0]}.\n\n"
        # No token is longer than a paragraph's worth of characters, and few are shorter than two.
        for paragraph in shuffled:
            text += paragraph + "\n\n"
            if len(text) > 8 * tokens:
                break
        ids = self._tokenizer.tokenize(text.encode(), add_bos=False)
        return self._tokenizer.detokenize(ids[:tokens]).decode("utf-8", "ignore")

    def quotation(self, tokens: int) -> str:
        """Numbered passages, an example of an answer that quotes one, and the first words of another quotation."""
        long_enough = [text for text in self._paragraphs if len(text.split()) >= _FEWEST_WORDS_TO_QUOTE]
        quoted, example = self._random.sample(long_enough, k=2)
        others = self.passages(max(0, tokens - 2 * self.count(quoted) - 2 * self.count(example)))
        begun = " ".join(quoted.split()[:_WORDS_GIVEN])
        return (
            f"{others}\n\n[1] {example}\n\n[2] {quoted}\n\n"
            f"Question: What exactly does source [1] say?\nAnswer: It says [1]: {example}\n\n"
            f"Question: What exactly does source [2] say?\nAnswer: It says [2]: {begun}"
        )

    def count(self, text: str) -> int:
        return len(self._tokenizer.tokenize(text.encode(), add_bos=False))


def _paragraphs() -> Iterator[str]:
    for path in sorted(HANDBOOK.glob("*.md")):
        body = path.read_text(encoding="utf-8").rpartition("---\n")[2]
        for part in body.split("\n\n"):
            text = " ".join(part.split())
            if len(text.split()) >= _FEWEST_WORDS and not text.startswith(_NO_PROSE):
                yield text
