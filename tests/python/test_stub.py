"""_core.pyi against _core: mypy's stubtest compares the names, these the arguments and defaults, which
pybind11 keeps in docstrings alone.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
from qkdflow import _core

STUB = Path(__file__).parents[2] / "python/qkdflow/_core.pyi"
Arguments = list[tuple[str, Any]]
REQUIRED = object()


def arguments(function: ast.FunctionDef) -> Arguments:
    """The arguments' names and defaults, self left out."""
    names = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
    defaults: list[Any] = [ast.literal_eval(d) for d in function.args.defaults]
    pairs = list(zip(names, [REQUIRED] * (len(names) - len(defaults)) + defaults, strict=True))
    return [pair for pair in pairs if pair[0] != "self"]


def stubbed() -> dict[str, list[Arguments]]:
    """What the stub says: the overloads of each function and method that is not an operator."""
    found: dict[str, list[Arguments]] = {}

    def visit(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if isinstance(node, ast.ClassDef):
                visit(node.body, f"{node.name}.")
            elif isinstance(node, ast.FunctionDef) and not is_property(node) and not is_operator(node.name):
                found.setdefault(prefix + node.name, []).append(arguments(node))

    visit(ast.parse(STUB.read_text()).body, "")
    return found


def is_property(node: ast.FunctionDef) -> bool:
    return any(isinstance(d, ast.Name) and d.id == "property" for d in node.decorator_list)


def is_operator(name: str) -> bool:
    return name.startswith("__") and name != "__init__"


def documented(path: str) -> list[Arguments]:
    """What the module says: the signatures in the docstring of a function or method."""
    function: Any = _core
    for part in path.split("."):
        function = getattr(function, part)
    name = path.rpartition(".")[2]
    signatures = re.findall(rf"^(?:\d+\. )?({name}\((?!\*args).*)$", function.__doc__ or "", re.MULTILINE)
    found = []
    for signature in signatures:
        [node] = ast.parse(f"def {signature}: ...").body
        assert isinstance(node, ast.FunctionDef)
        found.append(arguments(node))
    return found


@pytest.mark.parametrize("path", stubbed())
def test_the_stub_has_the_arguments_and_defaults_of_the_module(path: str) -> None:
    assert stubbed()[path] == documented(path)
