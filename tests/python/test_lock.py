"""requirements-ci.txt: each package that set_up installs, once a Python, in a version that pyproject.toml allows."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
PYTHONS = ("3.10", "3.11", "3.12", "3.13")


def locked(python: str) -> dict[str, str]:
    """Version by name, of the lines whose marker holds on x86-64 Linux."""
    machine = {"python_version": python, "python_full_version": f"{python}.0"}
    machine |= {"sys_platform": "linux", "platform_machine": "x86_64", "implementation_name": "cpython"}
    machine |= {"platform_python_implementation": "CPython", "platform_system": "Linux", "os_name": "posix"}
    lines = re.findall(r"^(\w.*?) \\$", (ROOT / "requirements-ci.txt").read_text(), re.MULTILINE)
    found = [Requirement(line) for line in lines]
    fits = [one for one in found if one.marker is None or one.marker.evaluate(machine)]
    assert len({canonicalize_name(one.name) for one in fits}) == len(fits)
    return {canonicalize_name(one.name): str(one.specifier).removeprefix("==") for one in fits}


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_holds_what_is_required(python: str) -> None:
    said = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = ["cmake", "ninja", *said["build-system"]["requires"], *said["project"]["dependencies"]]
    wanted += said["project"]["optional-dependencies"]["dev"]
    lock, missing = locked(python), []
    for one in map(Requirement, wanted):
        if one.marker is None or one.marker.evaluate({"python_version": python}):
            version = lock.get(canonicalize_name(one.name))
            if version is None or not one.specifier.contains(version):
                missing.append(f"{one}, locked: {version}")
    assert missing == [], "stale: tests/lock"
