"""What the code records in the audit log; `python -m tests.architecture.audit_actions` lists it in docs/audit.md."""

import ast
import re
from collections.abc import Iterator

from tests.architecture.sources import ROOT, Module, modules

DOCUMENT = ROOT / "docs" / "audit.md"
_ACTION = re.compile(r"[a-z_]+\.[a-z_]+")
_PLACE = re.compile(r"(?<=<!-- actions -->\n).*?(?=<!-- /actions -->)", re.DOTALL)
RECORDERS = {"record_event", "record_denied"}


def name_of_call(node: ast.AST) -> str:
    if not isinstance(node, ast.Call):
        return ""
    return node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")


def actions() -> dict[str, set[str]]:
    """By action: the modules that record it. An action is written out, or chosen between two, or a named constant."""
    found: dict[str, set[str]] = {}
    for module in modules():
        wrappers = RECORDERS | _wrappers(module)
        for node in ast.walk(module.tree):
            if name_of_call(node) in wrappers and isinstance(node, ast.Call):
                for action in _actions_in(node, module):
                    found.setdefault(action, set()).add(module.path)
    return dict(sorted(found.items()))


def _wrappers(module: Module) -> set[str]:
    """Functions of the module that record, and take the action from their caller."""
    return {
        node.name
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef)
        and any(argument.arg == "action" for argument in [*node.args.args, *node.args.kwonlyargs])
        and any(name_of_call(inner) in RECORDERS for inner in ast.walk(node))
    }


def _actions_in(call: ast.Call, module: Module) -> Iterator[str]:
    given = [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg == "action")]
    for expression in given:
        for value in _values(expression, module):
            if _ACTION.fullmatch(value):
                yield value


def _values(expression: ast.expr, module: Module) -> Iterator[str]:
    if isinstance(expression, ast.Constant) and isinstance(expression.value, str):
        yield expression.value
    elif isinstance(expression, ast.IfExp):
        yield from _values(expression.body, module)
        yield from _values(expression.orelse, module)
    elif isinstance(expression, ast.Name):
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Assign):
                yield from _assigned(expression.id, node, module)


def _assigned(name: str, node: ast.Assign, module: Module) -> Iterator[str]:
    for target in node.targets:
        pairs = [(target, node.value)]
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            pairs = list(zip(target.elts, node.value.elts, strict=True))
        for one, value in pairs:
            if isinstance(one, ast.Name) and one.id == name and not isinstance(value, ast.Name):
                yield from _values(value, module)


def table() -> str:
    rows = [f"| `{action}` | {', '.join(sorted(map(_place_of, paths)))} |" for action, paths in actions().items()]
    return "\n".join(["| action | recorded in |", "|---|---|", *rows, ""])


def _place_of(path: str) -> str:
    return f"`{path.removeprefix('chatapp/').removesuffix('.py')}`"


def with_table(text: str) -> str:
    return _PLACE.sub(lambda _: table(), text)


if __name__ == "__main__":
    DOCUMENT.write_text(with_table(DOCUMENT.read_text()))
