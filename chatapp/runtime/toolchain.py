"""What the compiled llama.cpp depends on: the compiler, its flags and the processor it is made for."""

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

# GCC before 13 cannot compile llama.cpp's AMX kernels, and -march=native switches them on where the processor has AMX.
_FIRST_GCC_WITH_AMX = 13
_FIRST_GCC_THAT_KNOWS_AMX = 11
_NO_AMX = "-mno-amx-tile -mno-amx-int8 -mno-amx-bf16"
_RELEVANT_VARIABLES = ("CMAKE_ARGS", "CFLAGS", "CXXFLAGS", "CC", "CXX", "CUDAARCHS", "CUDACXX")
_CUDA_FOLDER = Path("/usr/local/cuda/bin")


@dataclass(frozen=True)
class Compiler:
    path: str
    version: str  # the first line of `--version`

    @property
    def gcc_major(self) -> int | None:
        """None for any other compiler than GCC."""
        if "clang" in self.version.lower():
            return None
        found = re.search(r"\b(\d+)\.\d+\.\d+", self.version.rsplit(")", 1)[-1])
        return int(found[1]) if found else None


def find_compiler() -> Compiler | None:
    for name in (os.environ.get("CXX", ""), "c++", "g++", "clang++"):
        path = shutil.which(name) if name else None
        if path is not None:
            answer = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
            return Compiler(path=path, version=answer.stdout.partition("\n")[0])
    return None


def wants_cuda() -> bool:
    return os.environ.get("CHATAPP_CUDA", "") not in {"", "0"}


def find_cuda_compiler() -> Compiler | None:
    """NVIDIA's nvcc: as CUDACXX names it, on the path, or where its installer puts it."""
    path = shutil.which(os.environ.get("CUDACXX") or "nvcc") or shutil.which("nvcc", path=str(_CUDA_FOLDER))
    if path is None:
        return None
    answer = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    return Compiler(path=path, version=answer.stdout.strip().rpartition("\n")[2])


def choose_flags(compiler: Compiler, machine: str) -> str:
    """Extra flags for C and C++; the caller's own CFLAGS come on top."""
    major = compiler.gcc_major
    needs = machine in {"x86_64", "AMD64"} and major is not None
    return _NO_AMX if needs and major is not None and _FIRST_GCC_THAT_KNOWS_AMX <= major < _FIRST_GCC_WITH_AMX else ""


def build_environment(compiler: Compiler) -> dict[str, str]:
    cuda = find_cuda_compiler() if wants_cuda() else None
    flags = choose_flags(compiler, platform.machine())
    environment = {"CMAKE_BUILD_PARALLEL_LEVEL": str(os.cpu_count() or 1), **os.environ}
    for name in ("CFLAGS", "CXXFLAGS"):
        environment[name] = " ".join(filter(None, [flags, os.environ.get(name, "")]))
    # Image input is not used, and its library is a fifth of the build.
    arguments = ["-DLLAVA_BUILD=OFF", "-DGGML_CUDA=ON" if cuda else "", os.environ.get("CMAKE_ARGS", "")]
    environment["CMAKE_ARGS"] = " ".join(filter(None, arguments))
    if cuda:
        environment["CUDACXX"] = cuda.path
    return environment


def compute_key(*, version: str, compiler: Compiler, processor: str) -> str:
    """Names a build: two machines or settings that differ in any of this must not share one."""
    environment = build_environment(compiler)
    cuda = find_cuda_compiler() if wants_cuda() else None
    facts = {
        "version": version,
        "compiler": asdict(compiler),
        "cuda": asdict(cuda) if cuda else None,
        "machine": platform.machine(),
        "processor": processor,
        "libc": platform.libc_ver(),
        "variables": {name: environment.get(name, "") for name in _RELEVANT_VARIABLES},
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def describe_processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Model and instruction sets: what -march=native looks at."""
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        return platform.processor()
    wanted = ("model name", "flags", "Features", "CPU part")
    return "\n".join(sorted({line for line in lines if line.startswith(wanted)}))
