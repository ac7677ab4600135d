"""What a version needs of this machine before anything of it is loaded."""

from dataclasses import replace
from pathlib import Path

from django.conf import settings

from chatapp.inference.artifacts import ArtifactError, find_artifact
from chatapp.inference.engine import EngineError, EngineOptions
from chatapp.inference.engine.options import parse_options
from chatapp.inference.engine.selftest import Plan
from chatapp.inference.health import has_open_problem
from chatapp.inference.models import ModelVersion, Provider


class NotNowError(EngineError):
    """What is missing may come by itself, such as a file or memory: it is looked for again, without a limit."""


class NotHereError(NotNowError):
    """Other workers may well have it; it is a problem only where a route asks for the version."""


_ABSENT: dict[str, str] = {
    Provider.SCRIPTED: "The scripted model is switched off on this worker.",
    Provider.LLAMA_CPP: "Its weights are not on this machine.",
}


def can_serve(version: ModelVersion) -> bool:
    """Whether this process can answer with it, as far as a glance tells, and has not found that it cannot."""
    return has_what_it_needs(version) and not has_open_problem(version)


def has_what_it_needs(version: ModelVersion) -> bool:
    """A glance that costs next to nothing; `make_plan` looks at the files' content."""
    if version.provider == Provider.SCRIPTED:
        return bool(settings.SCRIPTED_MODEL)
    if version.provider == Provider.LLAMA_CPP:
        return version.sha256 != "" and weights_path(version).exists()
    return version.endpoints.exists()


def weights_path(version: ModelVersion) -> Path:
    return settings.MODELS_DIR / f"{version.sha256}.gguf"


def check_needs(version: ModelVersion) -> Plan | None:
    """Looks at all that loading would look at first; a plan where weights are to be loaded.

    Raises NotNowError, EngineError.
    """
    if not has_what_it_needs(version):
        raise NotHereError(_ABSENT.get(version.provider, "It has no endpoint."))
    return make_plan(version) if version.provider == Provider.LLAMA_CPP else None


def make_plan(version: ModelVersion) -> Plan:
    """How its engine will be made. Each file's content has then been found to have its hash and a sound header.

    Raises NotNowError for a file that is missing or another one, EngineError for options that cannot be.
    """
    options: EngineOptions = parse_options(version.engine_options, models=settings.MODELS_DIR)
    if version.chat_template:
        options = replace(options, chat_template=version.chat_template)
    hashes = [version.sha256, *(adapter.path.stem for adapter in options.adapters)]
    try:
        path, *_adapters = [find_artifact(sha256, directory=settings.MODELS_DIR) for sha256 in hashes]
    except ArtifactError as error:
        raise NotNowError(str(error)) from error
    return Plan(
        path=path,
        slots=settings.INFERENCE_SLOTS,
        context_per_slot=version.context_tokens,
        gpu_layers=settings.INFERENCE_GPU_LAYERS,
        threads=settings.INFERENCE_THREADS,
        options=options,
    )
