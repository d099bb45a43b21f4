"""Everything that the reference pages name says in its docstring what it is."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PAGES = Path(__file__).parents[2] / "docs/api"
MODULES = sorted(name for page in PAGES.glob("*.md") for name in re.findall(r"automodule:: (\S+)", page.read_text()))
NEEDS_PYNQ = {"ClassifierOverlay"}


def public(module: Any) -> Iterator[tuple[str, Any]]:
    """The module's own classes and functions, and the classes' methods and properties."""
    own = [name for name, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__]
    for name in getattr(module, "__all__", [name for name in own if not name.startswith("_")]):
        value = None if name in NEEDS_PYNQ else getattr(module, name)
        if inspect.isfunction(value) or inspect.isclass(value):
            yield name, value
        if inspect.isclass(value) and value.__module__.startswith("qkdflow"):
            for member, inner in vars(value).items():
                what = inner.fget if isinstance(inner, property) else getattr(inner, "__func__", inner)
                if not member.startswith("_") and inspect.isfunction(what):
                    yield f"{name}.{member}", getattr(value, member)


def described(name: str, value: Any) -> bool:
    """A dataclass without a docstring is given its own signature as one, which describes nothing."""
    text = inspect.getdoc(value)
    return bool(text) and not str(text).startswith(f"{name}(")


def test_there_are_pages() -> None:
    assert len(MODULES) > 20
    assert len(MODULES) == len(set(MODULES))  # Sphinx refuses a second description


@pytest.mark.parametrize("name", MODULES)
def test_what_a_page_names_is_described(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__doc__
    assert [found for found, value in public(module) if not described(found, value)] == []


SHAPE = re.compile(r"\(([\w*.=+ -]+(, ?)?)+\)|shape|each")  # (n, *shape), any shape, one each
ARRAYS = re.compile(r"NDArray|ArrayLike|\bF32\b|\bI64\b|Codes|FloatArray|\bArray\b")
REFUSES = re.compile(r"raise (ConfigError|DataError|ToolError|ValueError|KeyError|ManifestError)")

NAMED = re.compile("Error|Raises|[Rr]efuse")


def functions(name: str) -> Iterator[tuple[str, str, str, str]]:
    """(name, signature, source, docstring) of the functions that a page names."""
    for found, value in public(importlib.import_module(name)):
        function = value.fget if isinstance(value, property) else value
        if not inspect.isclass(function):
            yield found, str(inspect.signature(function)), inspect.getsource(function), inspect.getdoc(value) or ""


@pytest.mark.parametrize("name", MODULES)
def test_arrays_have_a_shape_and_errors_a_name(name: str) -> None:
    said = list(functions(name))
    assert [found for found, signature, _, text in said if ARRAYS.search(signature) and not SHAPE.search(text)] == []
    assert [found for found, _, source, text in said if REFUSES.search(source) and not NAMED.search(text)] == []
