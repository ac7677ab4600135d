"""Imports point down the table of docs/architecture.md, and the web process stays light."""

import subprocess
import sys

from tests.architecture.sources import ROOT, modules

BELOW = {
    "accounts": set(),
    "inference": {"accounts"},
    "retrieval": {"accounts"},
    "moderation": {"accounts", "inference", "retrieval"},
    "conversations": {"accounts", "inference", "retrieval", "moderation"},
    "evaluation": {"accounts", "inference", "retrieval", "moderation", "conversations"},
    "privacy": {"accounts", "inference", "retrieval", "moderation", "conversations", "evaluation"},
    "api": {"accounts", "inference", "retrieval", "moderation", "conversations", "evaluation", "privacy"},
    "console": {"accounts", "inference", "retrieval", "moderation", "conversations", "evaluation", "privacy", "api"},
    "demo": {"accounts", "inference", "retrieval", "moderation", "conversations", "evaluation"},
    "runtime": set(),
}
# For workers only: each is big, and the web process must stay under 200 MB.
HEAVY = (
    "torch",
    "onnxruntime",
    "llama_cpp",
    "spacy",
    "presidio_analyzer",
    "detect_secrets",
    "sentence_transformers",
    "transformers",
    "pypdfium2",
    "docx",
    "pptx",
    "openpyxl",
    "PIL",
    "openai",
)


def test_every_app_has_a_line_in_the_table() -> None:
    folders = {path.parent.name for path in (ROOT / "chatapp").glob("*/__init__.py")}
    assert folders == set(BELOW)


def test_imports_point_down() -> None:
    wrong = [
        f"{module.path} imports {name}"
        for module in modules()
        for name in module.imports()
        if module.app in BELOW and name.startswith("chatapp.")
        for target in [name.split(".")[1]]
        if target in BELOW and target not in BELOW[module.app] | {module.app}
    ]
    # The supervisor fetches the weights before Django is up, through modules that need no Django.
    allowed = {name for name in wrong if name.startswith("chatapp/runtime/") and "chatapp.inference." in name}
    assert sorted(set(wrong) - allowed) == []


def test_the_web_process_imports_nothing_heavy() -> None:
    program = (
        "import sys, chatapp.asgi; from django.urls import get_resolver; get_resolver().url_patterns; "
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
