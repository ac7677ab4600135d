from uuid import UUID

from chatapp.inference.models import AnswerOutcome


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
) -> None:
    """Idempotent: the first record of a generation stands."""
    AnswerOutcome.objects.bulk_create(
        [
            AnswerOutcome(
                generation_id=generation_id,
                user_id=user_id,
                version_id=version_id,
                status=status,
                prompt_tokens=prompt_tokens,
                completion_tokens=completion_tokens,
                first_token_seconds=first_token_seconds,
                duration_seconds=duration_seconds,
                sources=sources,
                cited=cited,
                flags=flags,
            )
        ],
        ignore_conflicts=True,
    )
