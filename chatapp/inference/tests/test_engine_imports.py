import subprocess
import sys
from pathlib import Path

import chatapp.inference.engine


def run(program: str) -> None:
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120, env={"PATH": ""})


def test_types_and_errors_need_neither_llama_cpp_nor_django_settings() -> None:
    run("import sys, chatapp.inference.engine, chatapp.inference.testing; assert 'llama_cpp' not in sys.modules")


def test_openmp_is_told_to_let_threads_sleep_before_llama_cpp_is_loaded() -> None:
    run("import os; from chatapp.inference.engine import Engine; assert os.environ['OMP_WAIT_POLICY'] == 'passive'")
    importers = [
        path.name
        for path in Path(chatapp.inference.engine.__file__).parent.glob("*.py")
        if "\nimport llama_cpp" in path.read_text()
    ]
    assert importers == ["native.py"]
