"""Takes what callers use from their buckets, before it is used, and gives back what was not."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from chatapp.accounts.limits import store
from chatapp.accounts.limits.allowances import (
    bucket_of_failed_keys,
    buckets_of_key,
    buckets_of_person,
    buckets_of_route,
)
from chatapp.accounts.limits.buckets import Bucket, Level, Taken
from chatapp.accounts.limits.notices import TokensUsed, notice_of
from chatapp.accounts.models import ApiKey, LimitUnit, User
from chatapp.errors import ChatappError


@dataclass(frozen=True, slots=True)
class Charge:
    """What became of a request: for the headers of its answer, also when it is refused."""

    taken: Taken

    @property
    def levels(self) -> tuple[Level, ...]:
        return self.taken.levels

    def require(self) -> None:
        """Raises ChatappError: rate_limited, tokens_used_up."""
        _refuse(self.taken)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reservation:
    """Tokens that an answer may use, taken when it was asked for; stored with it as JSON."""

    tokens: int
    buckets: tuple[Bucket, ...]
    key_id: UUID | None = None
    notice: TokensUsed | None = None  # For the page that asked; it is not stored.

    def as_dict(self) -> dict[str, Any]:
        buckets = [[b.name, b.key, b.unit, b.quota, b.period, b.capacity] for b in self.buckets]
        return {"tokens": self.tokens, "buckets": buckets, "key": str(self.key_id) if self.key_id else None}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> "Reservation":
        key = stored["key"]
        return cls(
            tokens=stored["tokens"],
            buckets=tuple(Bucket(*fields) for fields in stored["buckets"]),
            key_id=UUID(key) if key else None,
        )


def charge_request(*, user: User, key: ApiKey | None) -> Charge:
    """One request of the API; the caller must `require` the charge. Tokens are looked at, and none is taken."""
    counted = [*buckets_of_person(user, LimitUnit.REQUESTS), *buckets_of_key(key, LimitUnit.REQUESTS)]
    read = [*buckets_of_person(user, LimitUnit.TOKENS), *buckets_of_key(key, LimitUnit.TOKENS)]
    return Charge(store.take({**dict.fromkeys(counted, 1.0), **dict.fromkeys(read, 0.0)}))


def charge_failed_key(*, address: str | None) -> None:
    """A key that is none, from an address. Raises ChatappError("rate_limited") when there were too many.

    What a valid key does is never refused for it: others at that address may share it.
    """
    _take({bucket_of_failed_keys(address or "unknown"): 1.0})


@contextmanager
def using_tokens(*, user: User, key: ApiKey | None, tokens: int) -> Iterator[None]:
    """Work whose tokens are known beforehand, as of embeddings; what fails costs none.

    Raises ChatappError("tokens_used_up").
    """
    buckets = [*buckets_of_person(user, LimitUnit.TOKENS), *buckets_of_key(key, LimitUnit.TOKENS)]
    taken = _take(dict.fromkeys(buckets, float(tokens)))
    try:
        yield
    except BaseException:
        if not taken.is_local:
            release(Reservation(tokens=tokens, buckets=tuple(buckets)), once=str(uuid4()))
        raise


def reserve_question(*, user: User, key: ApiKey | None, route: str, tokens: int) -> Reservation | None:
    """Before a question is stored: the most that its answer can use, and, from a page, the request itself.

    A call of the API was counted already when its key was read. None when nothing is to be settled at the end. Raises
    ChatappError: rate_limited, tokens_used_up; then nothing was taken.
    """
    of_route = buckets_of_route(user, route)
    counted = [bucket for bucket in of_route if bucket.unit == LimitUnit.REQUESTS]
    if key is None:
        counted += buckets_of_person(user, LimitUnit.REQUESTS)
    metered = [bucket for bucket in of_route if bucket.unit == LimitUnit.TOKENS]
    metered += [*buckets_of_person(user, LimitUnit.TOKENS), *buckets_of_key(key, LimitUnit.TOKENS)]
    taken = _take({**dict.fromkeys(counted, 1.0), **dict.fromkeys(metered, float(tokens))})
    if key is None and not metered:
        return None
    # What this process lent by itself is not in Redis, so nothing is to be given back there.
    buckets = () if taken.is_local else tuple(metered)
    notice = notice_of(taken, reserved=tokens)
    return Reservation(tokens=tokens, buckets=buckets, key_id=key.pk if key else None, notice=notice)


def find_notice(*, user: User) -> TokensUsed | None:
    """Whether the person's tokens of the day are nearly used up, looked up. A question's reservation knows it."""
    return notice_of(store.take(dict.fromkeys(buckets_of_person(user, LimitUnit.TOKENS), 0.0)))


def settle(reservation: Reservation, *, used: int, once: str) -> bool:
    """Gives back what was reserved and not used, or takes what was used beyond it; once for each `once`.

    False when Redis is away: then it must be tried again.
    """
    amounts = {bucket: min(reservation.tokens, bucket.capacity) - float(used) for bucket in reservation.buckets}
    return store.give_back(amounts, once=once)


def release(reservation: Reservation, *, once: str) -> None:
    """Gives all back: nothing was asked after all."""
    settle(reservation, used=0, once=once)


def _take(buckets: dict[Bucket, float]) -> Taken:
    taken = store.take(buckets)
    _refuse(taken)
    return taken


def _refuse(taken: Taken) -> None:
    if taken.refused_by is None:
        return
    if taken.refused_by.unit == LimitUnit.TOKENS:
        raise ChatappError("tokens_used_up", seconds=taken.wait_seconds, wait=_words(taken.wait_seconds))
    raise ChatappError("rate_limited", seconds=taken.wait_seconds)


def _words(seconds: int) -> str:
    """Long waits are told in minutes or hours."""
    if seconds < 120:
        return f"{seconds} seconds"
    return f"{round(seconds / 60)} minutes" if seconds < 7200 else f"{round(seconds / 3600)} hours"
