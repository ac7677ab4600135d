"""Says what this machine and this build of llama.cpp offer, and recommends settings for a model."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from chatapp.inference.artifacts import ArtifactError, default_directory
from chatapp.inference.catalog import ARTIFACTS
from chatapp.inference.doctor.advice import Advice, advise
from chatapp.inference.doctor.findings import Finding, find
from chatapp.inference.doctor.machine import Machine, examine
from chatapp.inference.engine import EngineError, EngineOptions
from chatapp.inference.engine.selftest import Plan, run_selftest


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parse(arguments)
    report: dict[str, Any] = {}
    findings: list[Finding] = []
    try:
        machine = examine()
        report["machine"] = asdict(machine)
        findings += find(machine)
        path = _find_model(options.model)
        if path is not None:
            advice = advise(path, machine, slots=options.slots, context=options.context)
            report["model"], report["advice"] = _name_of(path), asdict(advice)
            if options.test:
                run_selftest(_plan(path, advice))
                findings.append(Finding("ok", "The self-test of the model with these settings passed."))
    except (EngineError, ArtifactError) as error:
        findings.append(Finding("error", str(error)))
    report["findings"] = [asdict(finding) for finding in findings]
    sys.stdout.write(json.dumps(report, indent=2) + "\n" if options.json else _as_text(report))
    return int(any(finding.level == "error" for finding in findings))


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chatapp.inference.doctor", description=__doc__)
    parser.add_argument("--model", help=f"a GGUF file, a sha256, or one of: {', '.join(ARTIFACTS)}")
    parser.add_argument("--slots", type=_positive, help="answers at the same time; by default what suits the machine")
    parser.add_argument("--context", type=_positive, help="tokens of one conversation; by default up to 8,192")
    parser.add_argument("--test", action="store_true", help="load the model with the recommended settings")
    parser.add_argument("--json", action="store_true", help="for programs")
    return parser.parse_args(arguments)


def _positive(text: str) -> int:
    number = int(text)
    if not 0 < number <= 1 << 24:
        raise ValueError
    return number


def _find_model(name: str | None) -> Path | None:
    """Without a name the first known model that is here. Raises EngineError."""
    folder = default_directory()
    if name is None:
        known = (folder / f"{artifact.sha256}.gguf" for artifact in ARTIFACTS.values())
        return next((path for path in known if path.exists()), None)
    stem = ARTIFACTS[name].sha256 if name in ARTIFACTS else name
    for path in (folder / f"{stem}.gguf", Path(name)):
        if path.is_file():
            return path.resolve()
    raise EngineError(f"There is no model {name}: it is no file, and not in {folder}.")


def _name_of(path: Path) -> str:
    return next((name for name, artifact in ARTIFACTS.items() if artifact.sha256 == path.stem), path.name)


def _plan(path: Path, advice: Advice) -> Plan:
    return Plan(
        path=path,
        slots=advice.slots,
        context_per_slot=advice.context_tokens,
        gpu_layers=advice.gpu_layers,
        threads=advice.threads,
        options=EngineOptions(cache_type=advice.cache_type),
    )


def _as_text(report: dict[str, Any]) -> str:
    lines: list[str] = []
    if "machine" in report:
        lines += _machine_lines(Machine(**report["machine"]))
    for finding in report["findings"]:
        lines.append(f"{finding['level'].upper():8} {finding['text']}")
    if "advice" in report:
        lines += _advice_lines(report["model"], report["advice"])
    return "\n".join(lines) + "\n"


def _machine_lines(machine: Machine) -> list[str]:
    gpus: list[Any] = list(machine.gpus)
    return [
        f"llama-cpp-python {machine.version}, {'with' if machine.can_offload else 'without'} GPU offload",
        f"  built with  {' '.join(machine.build_features)}",
        f"  processor   {machine.processor}, {machine.threads} threads on {machine.cores} cores",
        f"  memory      {machine.memory_free / 1e9:.1f} GB free",
        *(f"  GPU         {gpu['description']}, {gpu['memory_free'] / 1e9:.1f} GB free" for gpu in gpus),
        "",
    ]


def _advice_lines(model: str, advice: dict[str, Any]) -> list[str]:
    need = advice["need"]
    device = f", {need['device_bytes'] / 1e9:.1f} GB of them on GPUs" if need["device_bytes"] else ""
    parts = ", ".join(f"{name} {need[f'{name}_bytes'] / 1e9:.1f}" for name in ("weights", "cache", "compute"))
    total = need["weights_bytes"] + need["cache_bytes"] + need["compute_bytes"]
    return [
        "",
        f"For {model}:",
        f"  INFERENCE_THREADS={advice['threads']}",
        f"  INFERENCE_SLOTS={advice['slots']}",
        f"  INFERENCE_GPU_LAYERS={advice['gpu_layers']}",
        f"  the version's context_tokens: {advice['context_tokens']}",
        f'  the version\'s engine_options: {{"cache_type": "{advice["cache_type"]}", "flash_attention": "auto"}}',
        f"  memory: {total / 1e9:.1f} GB ({parts}){device}",
    ]


if __name__ == "__main__":
    sys.exit(main())
