"""Requests as OpenAI's clients send them. A key that the product does not know is refused, never passed on."""

from typing import Annotated, Any, Literal
from uuid import UUID

from ninja import Field, Schema
from pydantic import ConfigDict

SAMPLING = ("temperature", "top_p", "top_k", "min_p", "seed", "presence_penalty", "frequency_penalty")
StopText = Annotated[str, Field(min_length=1, max_length=100)]


class Body(Schema):
    model_config = ConfigDict(extra="forbid")


class TextPart(Body):
    type: Literal["text"]
    text: str


class ChatMessage(Body):
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[TextPart] | None = None
    name: str | None = None

    def as_stored(self) -> dict[str, str]:
        parts = self.content if isinstance(self.content, list) else []
        text = self.content if isinstance(self.content, str) else "\n".join(part.text for part in parts)
        return {"role": "system" if self.role == "developer" else self.role, "content": text}


class StreamOptions(Body):
    include_usage: bool = False


class ChatappOptions(Body):
    collections: list[str] = Field(default=[], max_length=100)
    conversation: UUID | None = None
    choice: Annotated[str, Field(max_length=32)] | None = None
    temporary: Annotated[
        bool, Field(description="A new conversation that is in no list and is deleted after some hours.")
    ] = False
    priority: Annotated[
        Literal["batch"] | None, Field(description="batch: after everything that somebody waits for.")
    ] = None


class TextFormat(Body):
    type: Literal["text"]

    @property
    def answer_schema(self) -> dict[str, Any] | None:
        return None


class JsonObjectFormat(Body):
    type: Literal["json_object"]

    @property
    def answer_schema(self) -> dict[str, Any] | None:
        return {"type": "object"}


class NamedSchema(Body):
    name: str = Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")
    description: str | None = Field(None, max_length=1000)
    definition: dict[str, Any] = Field(default={}, alias="schema")
    strict: bool | None = Field(None, description="Ignored: answers always follow the schema.")


class JsonSchemaFormat(Body):
    type: Literal["json_schema"]
    named: NamedSchema = Field(alias="json_schema")

    @property
    def answer_schema(self) -> dict[str, Any] | None:
        return self.named.definition


ResponseFormat = Annotated[TextFormat | JsonObjectFormat | JsonSchemaFormat, Field(discriminator="type")]


class ChatRequest(Body):
    model: str = Field(max_length=100)
    messages: list[ChatMessage] = Field(min_length=1, max_length=1000)
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(None, ge=1, le=1_000_000)
    max_completion_tokens: int | None = Field(None, ge=1, le=1_000_000)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    top_k: int | None = Field(None, ge=0, le=1000)
    min_p: float | None = Field(None, ge=0, le=1)
    seed: int | None = Field(None, ge=0, lt=2**32 - 1)
    presence_penalty: float | None = Field(None, ge=-2, le=2)
    frequency_penalty: float | None = Field(None, ge=-2, le=2)
    stop: StopText | Annotated[list[StopText], Field(max_length=4)] | None = None
    response_format: ResponseFormat | None = None
    n: Literal[1] | None = None
    user: str | None = Field(None, description="Ignored: the key says who asks.")
    safety_identifier: str | None = Field(None, description="Ignored, as `user`.")
    store: bool | None = Field(None, description="Ignored: every answer is kept for its owner, and for nobody else.")
    chatapp: ChatappOptions = ChatappOptions()

    @property
    def sampling(self) -> dict[str, Any]:
        """As the engine names it, where it is not OpenAI's name."""
        schema = self.response_format.answer_schema if self.response_format else None
        given = {name: value for name in SAMPLING if (value := getattr(self, name)) is not None}
        return given if schema is None else {**given, "json_schema": schema}

    @property
    def stops(self) -> list[str]:
        return [self.stop] if isinstance(self.stop, str) else self.stop or []

    @property
    def token_limit(self) -> int | None:
        return self.max_completion_tokens or self.max_tokens


class EmbeddingsRequest(Body):
    model: str = Field(max_length=100)
    input: (
        Annotated[str, Field(min_length=1, max_length=32_000)]
        | Annotated[list[Annotated[str, Field(min_length=1, max_length=32_000)]], Field(min_length=1, max_length=128)]
    )
    encoding_format: Literal["float", "base64"] = "float"
    user: str | None = Field(None, description="Ignored: the key says who asks.")

    @property
    def texts(self) -> list[str]:
        return [self.input] if isinstance(self.input, str) else self.input
