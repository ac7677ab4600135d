"""Models that run elsewhere, each as a `ChatModel`; docs/providers.md tells the whole.

Imports nothing heavy: the clients are loaded by `open_provider`, in workers only.
"""

from typing import TYPE_CHECKING

from chatapp.inference.providers.errors import ProviderError
from chatapp.inference.providers.options import RequestOptions, parse_request_options

if TYPE_CHECKING:
    from chatapp.inference.engine.types import ChatModel
    from chatapp.inference.models import ModelVersion

__all__ = ["ProviderError", "RequestOptions", "open_provider", "parse_request_options"]


def open_provider(version: "ModelVersion") -> "ChatModel":
    """The model that an external version names, reached through its endpoints; nothing is sent before it is asked.

    Raises `EngineError` when the version's record cannot be used.
    """
    from chatapp.inference.providers.opening import open_model

    return open_model(version, list(version.endpoints.all()))
