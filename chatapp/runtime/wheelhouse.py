"""llama-cpp-python compiled for this processor, kept in the cache so that the next clone does not compile again."""

import os
import shutil
import tempfile
from pathlib import Path

from chatapp.runtime.jobs import InstallError, Job
from chatapp.runtime.toolchain import (
    build_environment,
    compute_key,
    describe_processor,
    find_compiler,
    find_cuda_compiler,
    wants_cuda,
)


def default_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "chatapp" / "wheels"


class Wheelhouse:
    """pip's own cache does not look at compiler flags or at the processor, so it is bypassed."""

    def __init__(self, requirement: str, python: Path, *, log: Path, cache: Path | None = None) -> None:
        compiler = find_compiler()
        if compiler is None:
            raise InstallError(
                "Chatapp compiles llama.cpp for this processor and finds no C++ compiler. "
                "Install one (on Debian and Ubuntu: apt install g++), or name it in CXX."
            )
        if wants_cuda() and find_cuda_compiler() is None:
            raise InstallError(
                "CHATAPP_CUDA is set, and NVIDIA's compiler nvcc is not found. Install the CUDA toolkit, or name nvcc "
                "in CUDACXX; without CHATAPP_CUDA llama.cpp is compiled for the processor alone."
            )
        self._requirement = requirement
        self._python = python
        self._log = log
        self._environment = build_environment(compiler)
        key = compute_key(version=requirement, compiler=compiler, processor=describe_processor())
        self._folder = (cache or default_cache()) / key
        self._unfinished: Path | None = None

    def start_build(self) -> Job | None:
        """None when the wheel is there already."""
        if self._find() is not None:
            return None
        self._folder.parent.mkdir(parents=True, exist_ok=True)
        self._unfinished = Path(tempfile.mkdtemp(dir=self._folder.parent, prefix="unfinished-"))
        command = [
            *(str(self._python), "-m", "pip", "wheel", "--verbose", "--disable-pip-version-check", "--no-input"),
            *("--no-deps", "--no-cache-dir", "--no-binary", "llama-cpp-python"),
            *("--wheel-dir", str(self._unfinished), self._requirement),
        ]
        minutes = "4 to 10 minutes on 2 cores" + (", several times that with CUDA" if wants_cuda() else "")
        title = f"Compiling llama.cpp (once per machine, {minutes})"
        return Job(title, command, log=self._log, environment=self._environment)

    def take(self) -> Path:
        """The wheel, after its build has ended well."""
        if self._unfinished is not None and self._find() is None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._unfinished.rename(self._folder)
        wheel = self._find()
        if wheel is None:
            raise InstallError(f"The compilation left no wheel; see {self._log}.")
        return wheel

    def _find(self) -> Path | None:
        return next(self._folder.glob("llama_cpp_python-*.whl"), None)
