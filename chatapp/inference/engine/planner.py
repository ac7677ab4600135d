"""What the next batch reads: the newest token of each answer, guesses of more, and a bounded piece of the prompts."""

from dataclasses import replace

from chatapp.inference.engine.backend import Chunk
from chatapp.inference.engine.budget import SMALLEST_CHUNK, PromptBudget, piece_of
from chatapp.inference.engine.drafts import Drafts
from chatapp.inference.engine.requests import Slot

Work = list[tuple[Slot, Chunk]]


class Planner:
    def __init__(self, *, batch_size: int, drafts: Drafts) -> None:
        self._budget = PromptBudget(batch_size=batch_size)
        self._drafts = drafts

    def plan(self, busy: list[Slot]) -> Work:
        work = self._plan_answers([slot for slot in busy if slot.is_answering()])
        work += self._plan_prompts([slot for slot in busy if not slot.is_answering()], answering=tokens_in(work))
        # llama.cpp computes only neighbours together.
        return sorted(work, key=lambda part: part[0].sequence)

    def learn(self, work: Work, *, seconds: float) -> None:
        prompt_tokens = prompt_tokens_in(work)
        self._budget.observe(prompt_tokens=prompt_tokens, seconds=seconds)
        if not prompt_tokens:
            self._drafts.observe(tokens=tokens_in(work), seconds=seconds)

    def _plan_answers(self, answering: list[Slot]) -> Work:
        plans = self._drafts.plan([slot.request for slot in answering if slot.request])
        work = []
        for slot, drafts in zip(answering, plans, strict=True):
            newest = _next_chunk(slot, 1)
            work.append((slot, replace(newest, tokens=[*newest.tokens, *drafts], outputs=1 + len(drafts))))
        return work

    def _plan_prompts(self, reading: list[Slot], *, answering: int) -> Work:
        """Prompts in the order of arrival, each to its end before the next; a small rest begins no other."""
        wanted, room = self._budget.tokens(answering=answering), self._budget.batch_size - answering
        work: Work = []
        for slot in reading:
            unread = slot.unread()
            if room <= 0 or (work and wanted < min(unread, SMALLEST_CHUNK)):
                break
            chunk = _next_chunk(slot, min(piece_of(unread, wanted=wanted), room))
            wanted -= len(chunk.tokens)
            room -= len(chunk.tokens)
            work.append((slot, chunk))
        return work


def tokens_in(work: Work) -> int:
    return sum(len(chunk.tokens) for _slot, chunk in work)


def prompt_tokens_in(work: Work) -> int:
    """Asked before the batch is collected, while the slots are as it was planned."""
    return sum(len(chunk.tokens) for slot, chunk in work if not slot.is_answering())


def _next_chunk(slot: Slot, limit: int) -> Chunk:
    tokens = slot.request.tokens if slot.request else []
    start = len(slot.cached)
    end = min(len(tokens), start + limit)
    answers = slot.request is not None and not slot.request.is_prefix
    return Chunk(slot.sequence, start, tokens[start:end], outputs=int(answers and end == len(tokens)))
