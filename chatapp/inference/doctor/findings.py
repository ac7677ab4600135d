"""What is worth knowing about a machine, in sentences that say what to do."""

from dataclasses import dataclass
from typing import Literal

from chatapp.inference.doctor.machine import Machine

Level = Literal["ok", "warning", "error"]
# The kernel's names of what makes llama.cpp faster, and ggml's.
_USEFUL = {
    "avx2": "AVX2",
    "fma": "FMA",
    "f16c": "F16C",
    "avx512f": "AVX512",
    "avx512_vnni": "AVX512_VNNI",
    "avx512_bf16": "AVX512_BF16",
    "avx_vnni": "AVX_VNNI",
    "amx_int8": "AMX_INT8",
    "asimddp": "DOTPROD",
    "i8mm": "MATMUL_INT8",
    "sve": "SVE",
}
_MEMORY_OF_A_SMALL_MODEL = 2 << 30


@dataclass(frozen=True, slots=True)
class Finding:
    level: Level
    text: str


def find(machine: Machine) -> list[Finding]:
    return [*_of_gpus(machine), *_of_instructions(machine), *_of_threads(machine), *_of_memory(machine)]


def _of_gpus(machine: Machine) -> list[Finding]:
    if machine.gpus:
        return [Finding("ok", f"llama.cpp can use {len(machine.gpus)} GPU(s); all layers go there by default.")]
    if machine.has_nvidia_gpu and not machine.can_offload:
        return [
            Finding(
                "warning", "There is an NVIDIA GPU, and this llama.cpp was built without CUDA: CHATAPP_CUDA=1 make run"
            )
        ]
    if machine.has_nvidia_gpu or machine.can_offload:
        return [Finding("warning", "llama.cpp or the machine has GPU support, but no GPU answers: check the driver.")]
    return [Finding("ok", "No GPU: models are computed by the processor.")]


def _of_instructions(machine: Machine) -> list[Finding]:
    findings = []
    unused = [ours for theirs, ours in _USEFUL.items() if theirs in machine.processor_features]
    unused = [name for name in unused if name not in machine.build_features and name != "AMX_INT8"]
    if unused:
        text = (
            f"The processor has {', '.join(unused)}, which this build does not use: compile llama.cpp on this machine."
        )
        findings.append(Finding("warning", text))
    else:
        findings.append(Finding("ok", "The build uses what the processor offers."))
    if "AMX_INT8" in machine.build_features:
        text = (
            "The build has AMX code, which GCC before 13 compiles so that it ends the process. So weights are not "
            "repacked. If a newer one built it, the engine option extra_buffers: true makes reading prompts faster."
        )
        findings.append(Finding("warning", text))
    elif "amx_int8" in machine.processor_features:
        findings.append(
            Finding("ok", "The processor has AMX, and the build leaves it out; GCC 13 or newer can use it.")
        )
    return findings


def _of_threads(machine: Machine) -> list[Finding]:
    findings = []
    if machine.cores < machine.threads:
        text = f"{machine.threads} threads share {machine.cores} cores, and more threads than cores are hardly faster."
        findings.append(Finding("ok", text))
    if machine.wait_policy == "active":
        text = "OMP_WAIT_POLICY is active: threads spin while they wait. Only where nothing else needs the cores."
        findings.append(Finding("warning", text))
    return findings


def _of_memory(machine: Machine) -> list[Finding]:
    if machine.memory_free >= _MEMORY_OF_A_SMALL_MODEL:
        return []
    return [Finding("warning", f"Only {machine.memory_free / 1e9:.1f} GB of memory are free.")]
