"""Which request continues on which cached tokens, and room for them in the KV cache."""

from collections.abc import Iterator, Sequence

from chatapp.inference.engine.backend import Backend
from chatapp.inference.engine.requests import Request, Slot


class Slots:
    """One sequence of the context each. Idle ones keep their tokens until room is needed."""

    def __init__(self, backend: Backend, *, count: int, can_rewind: bool) -> None:
        self._backend = backend
        self._can_rewind = can_rewind
        self._clock = 0
        self._public: list[list[int]] = []
        self._slots = [Slot(sequence) for sequence in range(count)]

    def __iter__(self) -> Iterator[Slot]:
        return iter(self._slots)

    def __len__(self) -> int:
        return len(self._slots)

    def busy(self) -> list[Slot]:
        """Slots at work, longest waiting request first."""
        slots = [(slot.request.order, slot) for slot in self._slots if slot.request]
        return [slot for _order, slot in sorted(slots, key=lambda pair: pair[0])]

    def cached_tokens(self) -> int:
        """Tokens held for all sequences; cells that two of them share count twice."""
        return sum(len(slot.cached) for slot in self._slots)

    def publish(self, tokens: Sequence[int]) -> None:
        """Let all scopes share these tokens at the beginning of their prompts, whoever's request computed them."""
        self._public.append(list(tokens))

    def place(self, request: Request) -> Slot | None:
        """Give the request a slot that begins with the tokens it may reuse; None while there is no slot or room."""
        free = [slot for slot in self._slots if slot.request is None]
        if not free:
            return None
        public = max((common_prefix(text, request.tokens) for text in self._public), default=0)
        reusable = [self._reusable(slot, request, public=public) for slot in self._slots]
        shared = max(reusable)
        donor = self._slots[reusable.index(shared)] if shared else None
        slot = _choose(free, donor=donor, shared=shared)
        if reusable[slot.sequence] == shared:
            donor = slot
        if not self._make_room(len(request.tokens) + 1, keep=(slot, donor)):
            return None
        self._begin_with(slot, request.tokens[:shared], donor=donor)
        self._clock += 1
        slot.request, slot.scope, slot.last_used = request, request.scope, self._clock
        return slot

    def forget(self, slot: Slot) -> None:
        self._backend.truncate(slot.sequence, 0)
        slot.cached = []
        slot.last_used = 0

    def cut(self, slot: Slot, count: int) -> None:
        """Forget the newest `count` tokens of a slot, or what of them it still has."""
        length = max(0, len(slot.cached) - count)
        self._backend.truncate(slot.sequence, length)
        del slot.cached[length:]

    def evict_idle(self) -> bool:
        """Drop the cached tokens of all idle slots; False when there were none."""
        idle = [slot for slot in self._slots if slot.request is None and slot.cached]
        for slot in idle:
            self.forget(slot)
        return bool(idle)

    def _reusable(self, slot: Slot, request: Request, *, public: int) -> int:
        """How many of the slot's tokens the request may begin with.

        The last token of a prompt is always read anew, for its logits.
        """
        length = min(common_prefix(slot.cached, request.tokens), len(request.tokens) - 1)
        if slot.scope != request.scope:
            length = min(length, public)
        if not self._can_rewind and (slot.request or length < len(slot.cached)):
            return 0
        return length

    def _begin_with(self, slot: Slot, tokens: list[int], *, donor: Slot | None) -> None:
        if slot is donor:
            if not self._backend.truncate(slot.sequence, len(tokens)):
                self.forget(slot)
                return
        else:
            self.forget(slot)
            if donor is not None:
                self._backend.copy(source=donor.sequence, target=slot.sequence, length=len(tokens))
        slot.cached = tokens

    def _make_room(self, needed: int, *, keep: tuple[Slot, Slot | None]) -> bool:
        """Evict idle slots, least recently used first, until `needed` more tokens fit.

        Tokens that the request will reuse count twice here; the error is on the safe side.
        """
        while self._claimed_tokens() - len(keep[0].cached) + needed > self._backend.cells:
            idle = [slot for slot in self._slots if slot.request is None and slot.cached and slot not in keep]
            if not idle:
                # With nothing else at work, waiting would never end.
                return not self.busy()
            self.forget(min(idle, key=lambda slot: slot.last_used))
        return True

    def _claimed_tokens(self) -> int:
        """What is held for all sequences, and what those at work are going to read besides."""
        return sum(len(slot.cached) + slot.unread() for slot in self._slots)


def _choose(free: list[Slot], *, donor: Slot | None, shared: int) -> Slot:
    """Continue on the donor itself, unless that would throw away more of it than is reused."""
    if donor is not None and donor in free and 2 * shared >= len(donor.cached):
        return donor
    return min(free, key=lambda slot: (slot is donor, slot.last_used))


def common_prefix(first: list[int], second: list[int]) -> int:
    """How many tokens both begin with. Slices compare far quicker than a loop does."""
    same, different = 0, min(len(first), len(second)) + 1
    while different - same > 1:
        middle = (same + different) // 2
        if first[same:middle] == second[same:middle]:
            same = middle
        else:
            different = middle
    return same
