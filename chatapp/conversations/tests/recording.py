"""Models that note what they were given, for tests of who is asked what."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from chatapp.conversations.pipeline.reply import Reply
from chatapp.inference.engine import ChatMessage, ChatModel, EngineError, Stream
from chatapp.inference.engine.types import EngineStats
from chatapp.inference.models import ModelVersion
from chatapp.inference.testing import ScriptedModel


@dataclass(frozen=True)
class Asked:
    generation_id: UUID
    version: ModelVersion
    messages: Sequence[ChatMessage]


@dataclass
class Recorder:
    """A source of models. Those named in `failing` note the prompt, as an upstream would have it, and then fail."""

    failing: Collection[str] = ()
    asked: list[Asked] = field(default_factory=list)
    script: ScriptedModel = field(default_factory=ScriptedModel)

    def __call__(self, reply: Reply) -> ChatModel:
        return RecordedModel(self, reply)


@dataclass
class RecordedModel:
    recorder: Recorder
    reply: Reply

    def chat(
        self,
        messages: Sequence[ChatMessage],
        *,
        max_tokens: int,
        sampling: Mapping[str, object] | None = None,
        stop: Sequence[str] = (),
        cache_scope: str = "",
        time_limit: float | None = None,
    ) -> Stream:
        version = self.reply.version
        self.recorder.asked.append(Asked(self.reply.generation.id, version, messages))
        if version.name in self.recorder.failing:
            reason = f"{version.name} does not answer."
            raise EngineError(reason)
        return self.recorder.script.chat(
            messages,
            max_tokens=max_tokens,
            sampling=sampling,
            stop=stop,
            cache_scope=cache_scope,
            time_limit=time_limit,
        )

    def count_tokens(self, text: str) -> int:
        return self.recorder.script.count_tokens(text)

    def stats(self) -> EngineStats:
        return self.recorder.script.stats()

    def close(self) -> None:
        """The script is the recorder's."""
