"""What the guard tests read: the product's own modules as syntax trees."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Module:
    path: str
    tree: ast.Module

    @property
    def app(self) -> str:
        parts = self.path.split("/")
        return parts[1] if len(parts) > 2 else ""

    def imports(self) -> Iterator[str]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield node.module
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


@lru_cache(maxsize=1)
def modules() -> tuple[Module, ...]:
    """Every module of the product, without tests and migrations."""
    found = []
    for path in sorted((ROOT / "chatapp").rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if "/tests/" not in name and "/migrations/" not in name:
            found.append(Module(name, ast.parse(path.read_text())))
    return tuple(found)
