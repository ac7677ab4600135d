"""Which request continues on which cached tokens, and room for them in the KV cache."""

from collections.abc import Sequence

from chatapp.inference.engine.backend import Backend
from chatapp.inference.engine.requests import Request, Slot


class Slots:
    """Sequences for answers and, apart, for public prefixes. Idle ones keep their tokens until room is needed."""

    def __init__(self, backend: Backend, *, answers: int, prefixes: int, can_rewind: bool) -> None:
        self._backend = backend
        self._can_rewind = can_rewind
        self._clock = 0
        self.answers = [Slot(sequence, is_public=False) for sequence in range(answers)]
        self.prefixes = [Slot(answers + number, is_public=True) for number in range(prefixes)]

    def busy(self) -> list[Slot]:
        """Slots at work, longest waiting request first."""
        slots = [(slot.request.order, slot) for slot in self._all() if slot.request]
        return [slot for _order, slot in sorted(slots, key=lambda pair: pair[0])]

    def cached_tokens(self) -> int:
        """Tokens held for all sequences; cells that two of them share count twice."""
        return sum(len(slot.cached) for slot in self._all())

    def place(self, request: Request) -> Slot | None:
        """Give the request a slot that begins with the tokens it may reuse; None while there is no slot or room."""
        free = [slot for slot in (self.prefixes if request.is_prefix else self.answers) if slot.request is None]
        if not free:
            return None
        donor, shared = self._find_donor(request)
        slot = _choose(free, donor=donor, shared=shared)
        if not self._make_room(len(request.tokens) + 1, keep=(slot, donor)):
            return None
        if slot is not donor:
            self.forget(slot)
            if donor is not None:
                self._backend.copy(source=donor.sequence, target=slot.sequence, length=shared)
                slot.cached = request.tokens[:shared]
        elif self._backend.truncate(slot.sequence, shared):
            del slot.cached[shared:]
        else:
            self.forget(slot)
        self._clock += 1
        slot.request, slot.scope, slot.last_used = request, request.scope, self._clock
        return slot

    def forget(self, slot: Slot) -> None:
        self._backend.truncate(slot.sequence, 0)
        slot.cached = []
        slot.last_used = 0

    def evict_idle(self, *, public: bool = False) -> bool:
        """Drop the cached tokens of all idle answer slots, or of all idle prefixes; False when there were none."""
        slots = self.prefixes if public else self.answers
        idle = [slot for slot in slots if slot.request is None and slot.cached]
        for slot in idle:
            self.forget(slot)
        return bool(idle)

    def _all(self) -> list[Slot]:
        return self.answers + self.prefixes

    def _find_donor(self, request: Request) -> tuple[Slot | None, int]:
        """The slot with the longest common prefix among those of the same scope and the public ones.

        The last token of a prompt is always read anew, for its logits.
        """
        best: Slot | None = None
        best_length = 0
        if request.is_prefix:
            return best, best_length
        for slot in self._all():
            if not slot.cached or not (slot.is_public or slot.scope == request.scope):
                continue
            length = min(_common_prefix(slot.cached, request.tokens), len(request.tokens) - 1)
            if not self._can_rewind and (slot.is_public or slot.request or length < len(slot.cached)):
                continue
            if length > best_length:
                best, best_length = slot, length
        return best, best_length

    def _make_room(self, needed: int, *, keep: Sequence[Slot | None]) -> bool:
        """Evict idle slots, least recently used first and public ones last, until `needed` more tokens fit.

        Tokens that the request will reuse count twice here; the error is on the safe side.
        """
        while self._claimed_tokens() - self._replaceable(keep[0]) + needed > self._backend.cells:
            idle = [slot for slot in self._all() if slot.request is None and slot.cached and slot not in keep]
            if not idle:
                # With nothing else at work, waiting would never end.
                return not self.busy()
            self.forget(min(idle, key=lambda slot: (slot.is_public, slot.last_used)))
        return True

    def _claimed_tokens(self) -> int:
        """What is held for all sequences, and what those at work are going to read besides."""
        return sum(len(slot.cached) + slot.unread() for slot in self._all())

    @staticmethod
    def _replaceable(slot: Slot | None) -> int:
        return len(slot.cached) if slot else 0


def _choose(free: list[Slot], *, donor: Slot | None, shared: int) -> Slot:
    """Continue on the donor itself, unless that would throw away more of it than is reused."""
    if donor is not None and donor in free and 2 * shared >= len(donor.cached):
        return donor
    return min(free, key=lambda slot: (slot is donor, slot.last_used))


def _common_prefix(first: list[int], second: list[int]) -> int:
    length = 0
    for left, right in zip(first, second, strict=False):
        if left != right:
            break
        length += 1
    return length
