"""Tries the versions of a route in order: the one that the claim resolved, then its fallbacks, then nobody."""

from collections.abc import Callable

import structlog

from chatapp.conversations import services
from chatapp.conversations.metrics import FALLBACKS
from chatapp.conversations.pipeline.reply import HandedOverError, LeaseLostError, Reply
from chatapp.conversations.services import FinishedAnswer
from chatapp.inference.engine import EngineError, RequestError
from chatapp.inference.models import ModelVersion
from chatapp.inference.pool import can_serve

log = structlog.get_logger(__name__)


def answer_by_first_able(reply: Reply, write: Callable[[], FinishedAnswer]) -> FinishedAnswer:
    """Calls `write` with one version after another until one does not fail; at the end stands the safe answer.

    Once text of a version was shown no other one may go on with it. Raises EngineError then, RequestError when no
    version would help, LeaseLostError, and HandedOverError when the next version is served by other workers only.
    """
    while True:
        try:
            return write()
        except RequestError:
            raise
        except EngineError as error:
            if reply.text or reply.stopped or reply.drained:
                raise
            log.warning(
                "version_failed", generation=str(reply.generation.id), version=reply.version.name, reason=str(error)
            )
        reply.end_stream()
        following = services.find_fallback(reply.generation)
        if following is None:
            return services.safe_ending(reply.generation)
        _move_on(reply, following)


def _move_on(reply: Reply, version: ModelVersion) -> None:
    FALLBACKS.labels(model_version=version.name).inc()
    if not can_serve(version):
        services.hand_over(reply.generation, version)
        raise HandedOverError
    if not services.fall_back(reply.generation, version):
        raise LeaseLostError
    reply.live.note("Another model is asked")
