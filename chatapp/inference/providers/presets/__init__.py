"""One small module for each server that speaks OpenAI's chat completions in its own way."""

from chatapp.inference.providers.presets import azure, bedrock, llama_server, openai, sagemaker, triton, vertex, vllm
from chatapp.inference.providers.presets.preset import Preset

PRESETS: dict[str, Preset] = {
    module.PRESET.name: module.PRESET
    for module in (openai, azure, vertex, bedrock, vllm, llama_server, triton, sagemaker)
}

__all__ = ["PRESETS", "Preset"]
