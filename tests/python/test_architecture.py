"""The arrows point down the two ladders of CONTRIBUTING.md, the only place that lists them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CPP = ROOT / "cpp"
PACKAGE = ROOT / "python/qkdflow"
BOARD = ROOT / "pynq_overlay"


def ladder(heading: str) -> list[str]:
    """The lines of the first code block below a heading of CONTRIBUTING.md."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    found = re.search(rf"^### {heading}:.*?^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert found, f"CONTRIBUTING.md has no ladder '{heading}'"
    return found.group(1).splitlines()


ROOMS = {room.strip(): set(below.split()) for room, below in (line.split("->") for line in ladder("C\\+\\+"))}
RUNGS = {module: -height for height, line in enumerate(ladder("Python")) for module in line.split()}


def entry(name: str) -> str:
    """The longest entry of the ladder that a dotted name starts with; '' is the package itself."""
    parts = name.split(".") if name else ["qkdflow"]
    fits = [".".join(parts[:n]) for n in range(len(parts), 0, -1)]
    return next((f for f in fits if f in RUNGS), parts[0])


def exists(name: str) -> bool:
    path = PACKAGE.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").exists() or path.with_suffix(".pyi").exists()


def imports(tree: ast.AST) -> Iterator[str]:
    """The absolute names that run-time imports load; blocks under `if TYPE_CHECKING` are left out."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute in this package"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        yield from imports(node)


def needs(path: Path) -> set[str]:
    """The ladder's entries that a module imports, its own left out."""
    found = set()
    for name in imports(ast.parse(path.read_text())):
        if name.split(".")[0] == "qkdflow":
            below = name.removeprefix("qkdflow").removeprefix(".")
            found.add(entry(below if exists(below) else below.rpartition(".")[0]))
    return found - {own(path)}


def own(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return entry(".".join(part for part in parts if part != "__init__"))


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


SOURCES = sorted(p for p in CPP.rglob("*") if p.suffix in {".h", ".cpp", ".inc"})
MODULES = sorted(PACKAGE.rglob("*.py"))


def test_the_ladder_names_the_rooms_that_there_are() -> None:
    assert set(ROOMS) == {p.name for p in CPP.iterdir() if p.is_dir()}


def test_the_ladder_of_rooms_has_no_way_back_up() -> None:
    standing = set(ROOMS)
    while standing:
        ground = {room for room in standing if not ROOMS[room] & standing}
        assert ground, f"these rooms stand on each other: {sorted(standing)}"
        standing -= ground


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_a_room_includes_lower_rooms_only(path: Path) -> None:
    room = path.relative_to(CPP).parts[0]
    included = set(re.findall(r'^\s*#\s*include "([^"/]+)/', path.read_text(), re.MULTILINE))
    assert included - {room} <= ROOMS[room]


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_python_stays_at_the_door(path: Path) -> None:
    if path.relative_to(CPP).parts[0] != "bind":
        assert not re.search(r'#\s*include [<"](pybind11|Python\.h|numpy)', path.read_text())


def test_the_ladder_names_the_modules_that_there_are() -> None:
    assert {own(path) for path in MODULES} <= set(RUNGS), "a new module needs its rung in CONTRIBUTING.md"
    assert [name for name in RUNGS if name != "qkdflow" and not exists(name)] == []


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_a_module_imports_lower_rungs_only(path: Path) -> None:
    assert {name for name in needs(path) if name not in RUNGS or RUNGS[name] >= RUNGS[own(path)]} == set()


def test_other_programs_are_started_in_one_place() -> None:
    """tools.call, which stops them with us; a peer of a contest is a conversation, ended by its `close`."""
    found = {
        p.relative_to(PACKAGE).as_posix() for p in MODULES if "subprocess" in set(imports(ast.parse(p.read_text())))
    }
    assert found == {"tools.py", "contest/players.py"}


def test_the_board_imports_nothing_from_the_workshop() -> None:
    found = {named(p): set(imports(ast.parse(p.read_text()))) for p in BOARD.rglob("*.py")}
    assert found, "no module under pynq_overlay/"
    assert [p for p, names in found.items() if any(n.split(".")[0] == "qkdflow" for n in names)] == []
