"""What the environment says about one run of the product."""

import os
from dataclasses import dataclass

from chatapp.runtime.environ import read_variable

# The supervisor has no Django, so these names of chatapp/inference/catalog.py stand here too; a test compares them.
DEFAULT_MODELS = ("qwen2.5-coder-1.5b-instruct-q4_k_m", "qwen2.5-coder-0.5b-instruct-q4_k_m")
DEFAULT_PORT = 8000


@dataclass(frozen=True, kw_only=True)
class Options:
    host: str
    port: int
    demo: bool
    demo_password: str | None
    models: tuple[str, ...]
    inference_slots: int
    drain_seconds: int

    @property
    def local_host(self) -> str:
        """Where this machine itself reaches it, also when it listens on every address."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)

    @property
    def url(self) -> str:
        host = f"[{self.local_host}]" if ":" in self.local_host else self.local_host
        return f"http://{host}:{self.port}"


def read_options() -> Options:
    """ValueError with a sentence when a number is none."""
    models = os.environ.get("CHATAPP_DEMO_MODELS", "").replace(",", " ").split()
    return Options(
        host=os.environ.get("HOST", "127.0.0.1"),
        port=_read_number("PORT", default=DEFAULT_PORT, lowest=1, highest=65535),
        demo=os.environ.get("CHATAPP_DEMO", "0").lower() in {"1", "true", "yes", "on"},
        demo_password=read_variable("CHATAPP_DEMO_PASSWORD"),
        models=tuple(models) or DEFAULT_MODELS,
        inference_slots=_read_number("INFERENCE_SLOTS", default=4, lowest=1, highest=1024),
        drain_seconds=_read_number("DRAIN_SECONDS", default=6, lowest=0, highest=3600),
    )


def _read_number(name: str, *, default: int, lowest: int, highest: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdecimal() or not lowest <= int(text) <= highest:
        raise ValueError(f"{name} is {text!r}: it must be a whole number from {lowest} to {highest}.")
    return int(text)
