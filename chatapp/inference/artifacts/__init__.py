"""Model files on disk: found by hash, fetched from an ordered list of sources, checked before they are mapped."""

from chatapp.inference.artifacts.gguf import InvalidGGUFError, validate_gguf
from chatapp.inference.artifacts.progress import ArtifactBusyError, ArtifactError, Progress
from chatapp.inference.artifacts.store import default_directory, ensure_artifact, find_artifact, remove_artifact

__all__ = [
    "ArtifactBusyError",
    "ArtifactError",
    "InvalidGGUFError",
    "Progress",
    "default_directory",
    "ensure_artifact",
    "find_artifact",
    "remove_artifact",
    "validate_gguf",
]
