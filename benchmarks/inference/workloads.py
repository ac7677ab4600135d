"""What is asked of the systems, and which figures of the answers count."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from benchmarks.inference.chats import Answered, Chat, Turn
from benchmarks.inference.figures import (
    Figures,
    between_tokens,
    first_token,
    quoted_share,
    throughput,
)
from benchmarks.inference.prompts import Prompts

_ROOM_TOKENS = 64
_HOST_PROMPT_TOKENS = 60
_HOST_ANSWER_TOKENS = 2_000
_FOLLOW_UP_TOKENS = 40


@dataclass(frozen=True, slots=True)
class Sizes:
    """Small enough for two cores and half an hour; docs/performance.md says which sizes a fast machine should take."""

    prompt_tokens: int = 300
    answer_tokens: int = 64
    system_prompt_tokens: int = 1_500
    long_prompt_tokens: int = 2_000


@dataclass(frozen=True, slots=True)
class Workload:
    """`systems` are those measured by default. Every chat of it has a slot."""

    name: str
    title: str
    slots: int
    context_per_slot: int
    systems: tuple[str, ...]
    make: Callable[[], Sequence[Chat]]
    measure: Callable[[Sequence[Answered]], Figures]
    public_text: str = ""


def chats(prompts: Prompts, sizes: Sizes, *, at_once: int, with_locked: bool) -> Workload:
    def make() -> list[Chat]:
        return [
            Chat(scope=f"person {number}", turns=[Turn(prompts.question(sizes.prompt_tokens), sizes.answer_tokens)])
            for number in range(at_once)
        ]

    return Workload(
        name=f"chats {at_once}",
        title=f"{at_once} at once, prompt {sizes.prompt_tokens}, answer {sizes.answer_tokens}",
        slots=at_once,
        context_per_slot=sizes.prompt_tokens + sizes.answer_tokens + _ROOM_TOKENS,
        systems=("engine", "llama-server", *(["llama"] if with_locked else [])),
        make=make,
        measure=lambda answers: throughput(answers) | first_token(answers) | between_tokens(answers),
    )


def turns(prompts: Prompts, sizes: Sizes, *, at_once: int) -> Workload:
    answer = sizes.answer_tokens // 2

    def make() -> list[Chat]:
        return [
            Chat(
                scope=f"person {number}",
                turns=[
                    Turn(prompts.question(sizes.prompt_tokens), answer),
                    Turn(f"\n\n{prompts.follow_up()}", answer),
                ],
            )
            for number in range(at_once)
        ]

    def measure(answers: Sequence[Answered]) -> Figures:
        first, second = ([answer for answer in answers if answer.turn == turn] for turn in (0, 1))
        figures = first_token(second)
        before = first_token(first)["ttft_p50_ms"]
        return figures | {"ttft_p50_ms_first_turn": before, "second_to_first_turn": figures["ttft_p50_ms"] / before}

    return Workload(
        name="turns",
        title=f"second turn, {at_once} at a time, prompt {sizes.prompt_tokens}",
        slots=at_once,
        context_per_slot=sizes.prompt_tokens + 2 * answer + _FOLLOW_UP_TOKENS + _ROOM_TOKENS,
        systems=("engine", "llama-server"),
        make=make,
        measure=measure,
    )


def system_prompt(prompts: Prompts, sizes: Sizes, *, at_once: int) -> Workload:
    """All prompts begin with one text. It was read before the rounds, as in a server that runs for a while."""
    shared = prompts.passages(sizes.system_prompt_tokens) + "\n\n"
    own_tokens = sizes.prompt_tokens // 4
    answer = sizes.answer_tokens // 2

    def make() -> list[Chat]:
        return [
            Chat(scope=f"person {number}", turns=[Turn(shared + prompts.question(own_tokens), answer)])
            for number in range(at_once)
        ]

    return Workload(
        name="system",
        title=f"{at_once} at once, shared system prompt of {sizes.system_prompt_tokens:,}, own {own_tokens}",
        slots=at_once,
        context_per_slot=sizes.system_prompt_tokens + own_tokens + answer + _ROOM_TOKENS,
        systems=("engine", "llama-server"),
        make=make,
        measure=lambda answers: throughput(answers) | first_token(answers),
        public_text=shared,
    )


def quotes(prompts: Prompts, sizes: Sizes, *, at_once: int) -> Workload:
    def make() -> list[Chat]:
        return [
            Chat(scope=f"person {number}", turns=[Turn(prompts.quotation(sizes.prompt_tokens), sizes.answer_tokens)])
            for number in range(at_once)
        ]

    # The two passages and the example are whole, so such a prompt can be longer than asked for.
    longest = 2 * sizes.prompt_tokens
    return Workload(
        name=f"quotes {at_once}",
        title=f"{at_once} at once quote their sources, prompt {sizes.prompt_tokens}, answer {sizes.answer_tokens}",
        slots=at_once,
        context_per_slot=longest + sizes.answer_tokens + _ROOM_TOKENS,
        systems=("engine", "engine with drafts", "llama-server", "llama-server with drafts"),
        make=make,
        measure=lambda answers: throughput(answers) | between_tokens(answers) | quoted_share(answers),
    )


def visitors(prompts: Prompts, sizes: Sizes, *, name: str, hosts: int, prompt_tokens: int, count: int) -> Workload:
    """While `hosts` are being answered, `count` others come one after the other."""

    def make() -> list[Chat]:
        running = [
            Chat(scope=f"person {number}", turns=[Turn(prompts.question(_HOST_PROMPT_TOKENS), _HOST_ANSWER_TOKENS)])
            for number in range(hosts)
        ]
        coming = [Turn(prompts.question(prompt_tokens), sizes.answer_tokens // 16) for _ in range(count)]
        return [*running, Chat(scope="visitor", turns=coming, continues=False, is_visitor=True)]

    def measure(answers: Sequence[Answered]) -> Figures:
        came = [answer for answer in answers if answer.is_visitor]
        running = [answer for answer in answers if not answer.is_visitor]
        return first_token(came) | between_tokens(running, since=came[0].asked, until=came[-1].pieces[0])

    return Workload(
        name=name,
        title=f"prompts of {prompt_tokens:,} arriving among {hosts} running answers",
        slots=hosts + 1,
        context_per_slot=max(prompt_tokens, _HOST_PROMPT_TOKENS + _HOST_ANSWER_TOKENS) + _ROOM_TOKENS,
        systems=("engine", "llama-server"),
        make=make,
        measure=measure,
    )


def all_workloads(prompts: Prompts, sizes: Sizes, *, chat_counts: Sequence[int]) -> list[Workload]:
    visit = partial(visitors, prompts, sizes, hosts=8)
    return [
        *(chats(prompts, sizes, at_once=count, with_locked=count == 8) for count in chat_counts),
        turns(prompts, sizes, at_once=4),
        system_prompt(prompts, sizes, at_once=4),
        quotes(prompts, sizes, at_once=4),
        quotes(prompts, sizes, at_once=1),
        visit(name="visitors", prompt_tokens=sizes.prompt_tokens, count=4),
        visit(name="long", prompt_tokens=sizes.long_prompt_tokens, count=1),
    ]
