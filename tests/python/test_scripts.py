"""The tests' scripts run by themselves, most of them not here: what one takes from another must be there."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[1]
TREES = {path: ast.parse(path.read_text()) for path in sorted(TESTS.rglob("*.py"))}
MODULES: dict[str, list[Path]] = {}  # a name may be that of a script in more than one folder
for file in TREES:
    MODULES.setdefault(file.stem, []).append(file)


def names(tree: ast.AST) -> Iterator[str]:
    """What a module defines or imports, whatever `if` or `try` it stands in, but not what is a function's own."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from (a.asname or a.name for a in node.names)
        yield from names(node)


def missing(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module in MODULES:
            there = {n for path in MODULES[node.module] for n in names(TREES[path])}
            yield from (f"{node.module}.{a.name}" for a in node.names if a.name not in there)


def test_what_a_script_imports_from_another_is_there() -> None:
    assert {str(path.relative_to(TESTS)): m for path, tree in TREES.items() if (m := sorted(missing(tree)))} == {}


def test_what_is_not_there_is_found() -> None:
    tree = ast.parse("from fixed_models import mlp, drawn\nfrom numpy import whatever")
    assert list(missing(tree)) == ["fixed_models.drawn"]
