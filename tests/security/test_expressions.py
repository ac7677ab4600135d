"""C12: no regular expression of the product can be made slow by the text that it reads.

Python's engine backtracks: a repetition inside another one can take time that grows without measure. What users write
as expressions (policies) runs in RE2, which does not.
"""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.architecture.sources import modules

LENGTH, CPU_SECONDS = 3_000, 5
_FUNCTIONS = {"compile", "sub", "subn", "search", "match", "fullmatch", "findall", "finditer", "split"}


def expressions() -> Iterator[tuple[str, str]]:
    """Every literal that is given to a function of `re`, with names of constants and f-strings filled in."""
    for module in modules():
        constants = {
            target.id: node.value
            for node in ast.walk(module.tree)
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(module.tree):
            if _is_call_of_re(node) and isinstance(node, ast.Call) and node.args:
                for text in _texts(node.args[0], constants):
                    yield module.path, text


def _is_call_of_re(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "re"
        and node.func.attr in _FUNCTIONS
    )


def _texts(node: ast.expr, constants: dict[str, ast.expr]) -> list[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.Name) and node.id in constants:
        return _texts(constants[node.id], {})
    if isinstance(node, ast.JoinedStr):
        parts = [_texts(value, constants) for value in node.values]
        return ["".join(part[0] for part in parts)] if all(parts) else []
    if isinstance(node, ast.FormattedValue):
        return _texts(node.value, constants)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _texts(node.left, constants), _texts(node.right, constants)
        return [left[0] + right[0]] if left and right else []
    return []


def attacks(expression: str) -> list[str]:
    """What the expression itself speaks of, over and over, with an end that it does not expect."""
    signs = sorted(set(expression) | set("a1 [x.|-"))
    return [sign * LENGTH + end for sign in signs for end in ("\x01", "!")] + [
        piece * (LENGTH // len(piece)) + "\x01" for piece in ("a.", "1,", "[9", "| ", "a ", "0x", "1]", "(a", ":-")
    ]


EXPRESSIONS = sorted(set(expressions()))
_JUDGE = """
import json, re, resource, sys
resource.setrlimit(resource.RLIMIT_CPU, (int(sys.argv[1]),) * 2)
expression, texts = json.load(sys.stdin)
compiled = re.compile(expression, re.VERBOSE if "\\n  " in expression else 0)
for text in texts:
    compiled.search(text)
"""


def ends(expression: str) -> bool:
    """Whether a process with CPU_SECONDS gets through all attacks; what grows without measure needs years."""
    judge = [sys.executable, "-c", _JUDGE, str(CPU_SECONDS)]
    data = json.dumps([expression, attacks(expression)])
    return subprocess.run(judge, input=data, text=True, check=False).returncode == 0


@pytest.mark.parametrize("expression", [r"(a+)+$", r"^(a|a)*$"])
def test_the_judge_knows_what_to_refuse(expression: str) -> None:
    assert not ends(expression)


def test_expressions_are_found() -> None:
    assert len(EXPRESSIONS) >= 20


@pytest.mark.parametrize("path,expression", EXPRESSIONS, ids=lambda value: ascii(value)[-60:])
def test_c12_an_expression_gets_through_hostile_text(path: str, expression: str) -> None:
    assert ends(expression)
