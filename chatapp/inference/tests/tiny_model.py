"""A GGUF that says all that a model's header says, with weights of zeros: a few hundred bytes."""

import hashlib
import struct

TEMPLATE = "{% for message in messages %}<{{ message.role }}>{{ message.content }}{% endfor %}<assistant>"
_STRING, _UINT32 = 8, 4


def tiny_model(*, template: str = TEMPLATE, context: int = 8192, padding: int = 0, **extra: str | int) -> bytes:
    """`padding` bytes come after the weights, and make one file another one; `extra` are further keys."""
    values: dict[str, str | int] = {
        "general.architecture": "llama",
        "general.file_type": 7,
        "llama.context_length": context,
        "llama.block_count": 1,
        "llama.embedding_length": 32,
        "llama.feed_forward_length": 64,
        "llama.attention.head_count": 4,
        **{key.replace("__", "."): value for key, value in extra.items()},
    }
    if template:
        values["tokenizer.chat_template"] = template
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, len(values))
    for key, value in values.items():
        head += _text(key) + (
            struct.pack("<I", _STRING) + _text(value) if isinstance(value, str) else struct.pack("<II", _UINT32, value)
        )
    head += _text("token_embd.weight") + struct.pack("<IQQ", 2, 32, 2) + struct.pack("<IQ", 8, 0)
    return head + bytes(-len(head) % 32) + bytes(68) + bytes(padding)


def hash_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data
