from decimal import Decimal
from uuid import UUID

from chatapp.inference.models import AnswerOutcome, ModelVersion, SideWork, Task

_PRICED_TOKENS = 1_000_000


def record_outcome(
    *,
    generation_id: UUID,
    user_id: UUID | None,
    version_id: UUID | None,
    status: str,
    prompt_tokens: int,
    completion_tokens: int,
    first_token_seconds: float | None,
    duration_seconds: float | None,
    sources: int,
    cited: int,
    flags: int,
    supported: int = 0,
    route: str = "",
    rollout_id: UUID | None = None,
    arm: str = "",
    error_code: str = "",
    is_refusal: bool = False,
    is_cut: bool = False,
    is_trial: bool = False,
    is_fallback: bool = False,
    is_cached: bool = False,
) -> None:
    """Idempotent: the first record of a generation stands. An answer out of the cache used no tokens."""
    if is_cached:
        prompt_tokens = completion_tokens = 0
    AnswerOutcome.objects.bulk_create(
        [
            AnswerOutcome(
                generation_id=generation_id,
                user_id=user_id,
                version_id=version_id,
                status=status,
                prompt_tokens=prompt_tokens,
                completion_tokens=completion_tokens,
                cost=_cost(version_id, prompt_tokens, completion_tokens),
                first_token_seconds=first_token_seconds,
                duration_seconds=duration_seconds,
                sources=sources,
                cited=cited,
                flags=flags,
                supported=supported,
                route=route,
                rollout_id=rollout_id,
                arm=arm,
                error_code=error_code,
                is_refusal=is_refusal,
                is_cut=is_cut,
                is_trial=is_trial,
                is_fallback=is_fallback,
                is_cached=is_cached,
            )
        ],
        ignore_conflicts=True,
    )


def set_thumb(*, generation_id: UUID, thumb: int) -> None:
    """Keeps -1, 0 or 1 with the outcome; before there is one, `record_aftermath` of conversations does it later."""
    AnswerOutcome.objects.filter(generation_id=generation_id).update(thumb=thumb)


def set_flags(*, generation_id: UUID, flags: int) -> None:
    """How many there are now; before there is an outcome, `record_aftermath` counts them."""
    AnswerOutcome.objects.filter(generation_id=generation_id).update(flags=flags)


def record_side_work(
    *, user_id: UUID | None, version_id: UUID | None, task: Task, prompt_tokens: int, completion_tokens: int
) -> SideWork:
    return SideWork.objects.create(
        user_id=user_id,
        version_id=version_id,
        task=task,
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        cost=_cost(version_id, prompt_tokens, completion_tokens),
    )


def _cost(version_id: UUID | None, prompt_tokens: int, completion_tokens: int) -> Decimal:
    """By the prices that the version has now; versions are immutable, so that is what the tokens cost."""
    version = ModelVersion.objects.filter(id=version_id).first() if version_id else None
    if version is None:
        return Decimal(0)
    return (version.prompt_price * prompt_tokens + version.completion_price * completion_tokens) / _PRICED_TOKENS
