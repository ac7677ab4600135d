"""Answers that must follow a grammar or a JSON schema, by llguidance.

llama.cpp has a grammar sampler too. It is not for grammars from strangers: `root ::= " " root "b" | " " root "c"`
doubles its work with every space until the machine is out of time and memory, and where no token is allowed it ends
the process.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from chatapp.inference.engine.errors import SamplingError
from chatapp.inference.engine.gbnf import to_lark

if TYPE_CHECKING:
    from llguidance import LLMatcher, LLParserLimits, LLTokenizer

_MAX_CHARACTERS = 20_000
_MAX_DEPTH = 40
# Space between JSON's signs, but not for ever: a small model likes to go on with spaces.
_JSON_STYLE = {"whitespace_pattern": r"[ \n\t]{0,20}", "lenient": False, "coerce_one_of": True}


def parse_grammar(value: object) -> str:
    """A grammar in GBNF, as a constraint for `make_matcher`. Raises `SamplingError` with what is wrong with it."""
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_CHARACTERS:
        raise SamplingError(f"grammar is a text of at most {_MAX_CHARACTERS:,} characters.")
    from llguidance import LLMatcher

    return _checked("grammar", LLMatcher.grammar_from_lark(to_lark(value)))


def parse_json_schema(value: object) -> str:
    """A JSON schema, as a constraint for `make_matcher`. Raises `SamplingError` with what is wrong with it."""
    if not isinstance(value, Mapping) or _depth(value) > _MAX_DEPTH:
        raise SamplingError(f"json_schema is an object with at most {_MAX_DEPTH} levels.")
    try:
        written = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise SamplingError(f"json_schema is not JSON: {error}.") from error
    if len(written) > _MAX_CHARACTERS:
        raise SamplingError(f"json_schema has at most {_MAX_CHARACTERS:,} characters.")
    from llguidance import LLMatcher

    try:
        constraint = LLMatcher.grammar_from_json_schema(written, overrides=_JSON_STYLE)  # type: ignore[arg-type]
    except ValueError as error:
        raise SamplingError(f"json_schema cannot be used: {error}.") from error
    return _checked("json_schema", constraint)


def make_matcher(constraint: str, *, tokenizer: "LLTokenizer") -> "LLMatcher":
    from llguidance import LLMatcher

    return LLMatcher(tokenizer, constraint, log_level=0, limits=_limits())


def make_tokenizer(
    pieces: Sequence[bytes], *, control: Sequence[int], end: Sequence[int], tokenize: Callable[[bytes], list[int]]
) -> "LLTokenizer":
    """`pieces` are the bytes of all tokens. `tokenize` must give tokens of just the bytes that it is given: it is
    asked how the model would write what a grammar leaves no choice about. Takes a second for 150,000 tokens.
    """
    from llguidance import LLTokenizer, TokenizerWrapper

    vocabulary = _Vocabulary(pieces, control=control, end=end, tokenize=tokenize)
    return LLTokenizer(TokenizerWrapper(vocabulary), eos_token=list(end))


class _Vocabulary:
    """By the names that llguidance asks for."""

    def __init__(
        self,
        pieces: Sequence[bytes],
        *,
        control: Sequence[int],
        end: Sequence[int],
        tokenize: Callable[[bytes], list[int]],
    ) -> None:
        self.tokens = list(pieces)
        self.special_token_ids = list(control)
        self.eos_token_id = end[0]
        self.bos_token_id = None
        self._tokenize = tokenize

    def __call__(self, text: bytes) -> list[int]:
        return self._tokenize(text)


def _checked(name: str, constraint: str) -> str:
    from llguidance import LLMatcher

    if problem := LLMatcher.validate_grammar(constraint, limits=_limits()):
        raise SamplingError(f"{name} cannot be used: {problem.splitlines()[0][:200]}.")
    return constraint


def _limits() -> "LLParserLimits":
    """So that no grammar takes more than a fraction of a second or some megabytes in one step."""
    from llguidance import LLParserLimits

    return LLParserLimits(
        max_items_in_row=3_000,
        initial_lexer_fuel=500_000,
        step_lexer_fuel=100_000,
        step_max_items=20_000,
        max_lexer_states=20_000,
        max_grammar_size=100_000,
        verbose_errors=False,
    )


def _depth(value: object) -> int:
    """Levels of a JSON value, counted without recursion: it may be deeper than Python's stack."""
    depth, level = 0, [value]
    while level and depth <= _MAX_DEPTH:
        depth += 1
        level = [
            child
            for item in level
            if isinstance(item, Mapping | list | tuple)
            for child in (item.values() if isinstance(item, Mapping) else item)
        ]
    return depth
