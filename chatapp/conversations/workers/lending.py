from collections.abc import Iterator
from contextlib import contextmanager

from chatapp.inference.engine import ChatModel, EngineError
from chatapp.inference.models import ModelVersion
from chatapp.inference.pool import EnginePool


@contextmanager
def lend(pool: EnginePool, version: ModelVersion) -> Iterator[ChatModel]:
    """For judgements, while an answer waits for them: a model that is here, or is reached in a moment.

    Raises EngineError.
    """

    def waiting() -> None:
        raise EngineError(f"{version.name} is being loaded.")

    with pool.using(version, waiting=waiting) as model:
        yield model
