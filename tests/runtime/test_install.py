import os
import sys
from pathlib import Path

import pytest

from chatapp.runtime import install as install_command
from chatapp.runtime import toolchain, wheelhouse
from chatapp.runtime.environment import Environment, install
from chatapp.runtime.jobs import InstallError, Job
from chatapp.runtime.toolchain import Compiler, build_environment, choose_flags, compute_key, describe_processor
from chatapp.runtime.wheelhouse import Wheelhouse

GCC_12 = Compiler("/usr/bin/c++", "c++ (Debian 12.2.0-14+deb12u1) 12.2.0")
GCC_13 = Compiler("/usr/bin/c++", "g++ (Ubuntu 13.2.0-23ubuntu4) 13.2.0")
GCC_9 = Compiler("/usr/bin/c++", "g++ (GCC) 9.3.0")
CLANG = Compiler("/usr/bin/c++", "Debian clang version 14.0.6")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "requirements.txt").write_text("django==5.2.19  # the framework\n\nllama-cpp-python==0.3.36\n")
    (tmp_path / "requirements-dev.txt").write_text("-r requirements.txt\nruff==0.17.6\n")
    (tmp_path / "constraints.txt").write_text("sqlparse==0.6.1\n")
    return tmp_path


def make_python(checkout: Path) -> None:
    python = checkout / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)


@pytest.mark.parametrize(
    "compiler,machine,expected",
    [
        (GCC_12, "x86_64", "-mno-amx-tile -mno-amx-int8 -mno-amx-bf16"),
        (GCC_13, "x86_64", ""),
        (GCC_9, "x86_64", ""),  # does not know the flags and makes no AMX code
        (CLANG, "x86_64", ""),
        (GCC_12, "aarch64", ""),
    ],
)
def test_old_gcc_is_kept_from_amx(compiler: Compiler, machine: str, expected: str) -> None:
    assert choose_flags(compiler, machine) == expected


def test_the_flags_of_the_caller_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CMAKE_ARGS", "-DGGML_CUDA=ON")
    monkeypatch.setenv("CFLAGS", "-O2")
    environment = build_environment(GCC_13)
    assert environment["CMAKE_ARGS"] == "-DLLAVA_BUILD=OFF -DGGML_CUDA=ON"
    assert environment["CFLAGS"] == "-O2"


def test_a_build_is_named_by_all_that_it_depends_on(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {
        compute_key(version="1", compiler=GCC_12, processor="avx2"),
        compute_key(version="2", compiler=GCC_12, processor="avx2"),
        compute_key(version="1", compiler=GCC_13, processor="avx2"),
        compute_key(version="1", compiler=GCC_12, processor="avx512"),
    }
    monkeypatch.setenv("CMAKE_ARGS", "-DGGML_CUDA=ON")
    keys.add(compute_key(version="1", compiler=GCC_12, processor="avx2"))
    assert len(keys) == 5


@pytest.fixture
def nvcc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "nvcc"
    program.write_text("#!/bin/sh\necho 'nvcc: NVIDIA (R) Cuda compiler driver'\necho 'Build cuda_12.4.r12.4'\n")
    program.chmod(0o755)
    monkeypatch.setenv("CUDACXX", str(program))
    monkeypatch.setenv("CHATAPP_CUDA", "1")
    return program


def test_cuda_is_compiled_in_when_asked_for(nvcc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = build_environment(GCC_13)
    assert "-DGGML_CUDA=ON" in environment["CMAKE_ARGS"]
    assert environment["CUDACXX"] == str(nvcc)
    monkeypatch.setenv("CHATAPP_CUDA", "0")
    assert "CUDA" not in build_environment(GCC_13)["CMAKE_ARGS"]


def test_builds_with_and_without_cuda_are_kept_apart(
    nvcc: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def name() -> tuple[str, str]:
        key = compute_key(version="1", compiler=GCC_13, processor="avx2")
        return key, Environment(checkout).compute_stamp("requirements.txt")

    key, stamp = name()
    nvcc.write_text(nvcc.read_text().replace("12.4", "13.0"))
    assert name()[0] != key
    monkeypatch.delenv("CHATAPP_CUDA")
    assert name()[0] != key
    assert name()[1] != stamp


def test_a_missing_cuda_compiler_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATAPP_CUDA", "1")
    monkeypatch.setenv("CUDACXX", str(tmp_path / "nvcc"))
    monkeypatch.setattr(toolchain, "_CUDA_FOLDER", tmp_path)
    with pytest.raises(InstallError, match="nvcc is not found"):
        Wheelhouse("llama-cpp-python==1", Path(sys.executable), log=tmp_path / "log")


def test_the_processor_is_described_without_its_changing_clock(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    core = "processor: {}\nmodel name: Example\ncpu MHz: {}\nflags: avx2 fma\n"
    cpuinfo.write_text(core.format(0, 1000) + core.format(1, 3000))
    assert describe_processor(cpuinfo) == "flags: avx2 fma\nmodel name: Example"


def test_requirements_include_the_files_that_they_name(checkout: Path) -> None:
    environment = Environment(checkout)
    assert environment.requirements("requirements-dev.txt") == [
        "django==5.2.19",
        "llama-cpp-python==0.3.36",
        "ruff==0.17.6",
    ]


def test_a_finished_environment_is_recognised(checkout: Path) -> None:
    make_python(checkout)
    environment = Environment(checkout)
    assert not environment.is_current("requirements.txt")
    environment.mark_current(["requirements.txt"])
    assert environment.is_current("requirements.txt")
    assert not environment.is_current("requirements-dev.txt")
    install(environment, dev=False)  # starts nothing: there is no pip here that could


@pytest.mark.parametrize("file", ["requirements.txt", "constraints.txt"])
def test_changed_pins_make_it_stale(checkout: Path, file: str) -> None:
    make_python(checkout)
    environment = Environment(checkout)
    environment.mark_current(["requirements.txt", "requirements-dev.txt"])
    with (checkout / file).open("a") as pins:
        pins.write("added==1\n")
    assert not environment.is_current("requirements.txt")
    assert not environment.is_current("requirements-dev.txt")


def test_a_stamp_without_its_python_does_not_count(checkout: Path) -> None:
    make_python(checkout)
    environment = Environment(checkout)
    environment.mark_current(["requirements.txt"])
    environment.python.unlink()
    assert not environment.is_current("requirements.txt")


def test_an_old_python_is_told_what_is_needed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(install_command, "_LOWEST_PYTHON", (99, 0))
    assert install_command.main([]) == 1
    assert "Chatapp needs Python 99.0 or newer" in capsys.readouterr().err


def test_a_missing_compiler_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(wheelhouse, "find_compiler", lambda: None)
    with pytest.raises(InstallError, match=r"finds no C\+\+ compiler.*apt install g\+\+"):
        Wheelhouse("llama-cpp-python==1", Path(sys.executable), log=tmp_path / "log")


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wheelhouse:
    """Its `pip` leaves a file where the wheel would be."""
    pip = tmp_path / "python"
    pip.write_text(
        '#!/bin/sh\nwhile [ "$1" != --wheel-dir ]; do shift; done\n'
        'echo "[3/7] compiling"; touch "$2/llama_cpp_python-1-py3-none-any.whl"\n'
    )
    pip.chmod(0o755)
    monkeypatch.setattr(wheelhouse, "find_compiler", lambda: GCC_13)
    return Wheelhouse("llama-cpp-python==1", pip, log=tmp_path / "build.log", cache=tmp_path / "cache")


def test_a_wheel_is_built_once(house: Wheelhouse) -> None:
    build = house.start_build()
    assert build is not None
    build.wait()
    wheel = house.take()
    assert wheel.exists()
    assert house.start_build() is None
    assert house.take() == wheel


def test_an_interrupted_build_leaves_no_wheel(house: Wheelhouse, tmp_path: Path) -> None:
    build = house.start_build()
    assert build is not None
    build.stop()
    again = house.start_build()
    assert again is not None
    again.wait()
    assert house.take().parent.parent == tmp_path / "cache"


def test_a_failed_job_shows_the_end_of_its_log(tmp_path: Path) -> None:
    job = Job("Compiling", ["sh", "-c", "echo no space left; exit 1"], log=tmp_path / "log")
    with pytest.raises(InstallError, match="Compiling failed") as caught:
        job.wait()
    assert "no space left" in str(caught.value)


def test_a_long_job_says_how_far_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("chatapp.runtime.jobs._SECONDS_BETWEEN_LINES", 0.2)
    Job("Compiling", ["sh", "-c", "echo '[3/7] x.cpp'; sleep 1"], log=tmp_path / "log").wait()
    assert "so far, step 3 of 7" in capsys.readouterr().out


def test_this_machine_has_a_compiler() -> None:
    compiler = toolchain.find_compiler()
    assert compiler is not None
    assert os.access(compiler.path, os.X_OK)
    assert compiler.version
