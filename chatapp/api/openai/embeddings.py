import re
import struct
from base64 import b64encode
from typing import Any

from django.db import close_old_connections
from ninja import Router

from chatapp.accounts import limits, services
from chatapp.api.auth import ApiRequest, BearerKey
from chatapp.api.openai.schemas import EmbeddingsRequest
from chatapp.errors import ChatappError
from chatapp.inference.budgets import require_budget
from chatapp.inference.models import Task
from chatapp.inference.services import record_side_work
from chatapp.retrieval.client import lookup_embeddings
from chatapp.retrieval.embedding import EMBEDDING_MODEL

router = Router(auth=BearerKey("embeddings"))
_WORDS = re.compile(r"\w+|[^\w\s]")


def count_words(text: str) -> int:
    """Words and marks, as the embedder's tokens begin; its exact tokens are known to the workers only."""
    return len(_WORDS.findall(text))


def encode(vector: list[float], encoding: str) -> list[float] | str:
    """OpenAI's client asks for base64 of little-endian 32-bit floats unless told otherwise."""
    return b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode() if encoding == "base64" else vector


@router.post("", auth=BearerKey("embeddings", only_reads=True))
def create_embeddings(request: ApiRequest, body: EmbeddingsRequest) -> dict[str, Any]:
    if body.model.lower() != EMBEDDING_MODEL.lower():
        raise ChatappError("model_unknown", name=body.model)
    require_budget(user=request.auth)
    tokens = sum(count_words(text) for text in body.texts)
    with limits.using_tokens(user=request.auth, key=request.api_key, tokens=tokens):
        close_old_connections()  # a worker embeds: no connection is held while waiting for it
        vectors = [encode(vector, body.encoding_format) for vector in lookup_embeddings(body.texts)]
    services.add_key_usage(key_id=request.api_key.id, tokens=tokens)
    record_side_work(
        user_id=request.auth.pk, version_id=None, task=Task.EMBEDDING, prompt_tokens=tokens, completion_tokens=0
    )
    data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "model": EMBEDDING_MODEL, "data": data, "usage": usage}
