"""What no line of the package may do: unpickle, evaluate, start a shell, read YAML into objects, know a password."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import qkdflow
import qkdflow_overlay
from qkdflow.errors import ConfigError
from qkdflow.hardware.devices import assess_device

ROOTS = [Path(module.__file__ or "").parent for module in (qkdflow, qkdflow_overlay)]
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "joblib", "commands", "popen2"}
NAMES = {"eval", "exec", "compile", "__import__"}
CALLS = {
    *(f"os.{name}" for name in ("system", "popen", "spawnl", "spawnlp", "spawnv", "spawnvp", "execl", "execlp")),
    *("subprocess.getoutput", "subprocess.getstatusoutput", "yaml.load", "yaml.unsafe_load", "yaml.full_load"),
    *("numpy.load", "tempfile.mktemp"),
}
# Both say allow_pickle=False, else `faults` would name that; they stand here so that a new one is looked at.
ALLOWED = {("qkdflow/export/recreate.py", "np.load"), ("qkdflow_overlay/classifier.py", "np.load")}


def test_the_package_evaluates_and_unpickles_nothing() -> None:
    found = {
        (str(path.relative_to(root.parent)), fault)
        for root in ROOTS
        for path in sorted(root.rglob("*.py"))
        for fault in faults(path.read_text("utf-8"))
    }
    assert found == ALLOWED


CREDENTIALS = re.compile(
    r"passw(or)?d|passphrase|credential|secret|getpass|keyring|netrc|pgpass|paramiko|private_key", re.I
)


def test_the_package_knows_no_credentials() -> None:
    """What it does not hold it does not print. The two files that speak of one refuse it."""
    found = {
        (str(path.relative_to(root.parent)), word[0].lower())
        for root in ROOTS
        for path in sorted(root.rglob("*"))
        if path.suffix in (".py", ".toml", ".json", ".j2")
        for word in CREDENTIALS.finditer(path.read_text("utf-8"))
    }
    assert found == {("qkdflow/hardware/devices.py", "password"), ("qkdflow/tune/sampler.py", "password")}


@pytest.mark.parametrize("place", ["board", "board:x", "board:70000", "board:5/path", "bo[ard"])
def test_a_password_in_a_boards_name_is_not_repeated(place: str) -> None:
    for scheme in ("pynq", "udma"):
        with pytest.raises(ConfigError, match=r"HOST\[:PORT\] is required") as caught:
            assess_device(None, f"{scheme}://xilinx:hunter2@{place}")  # type: ignore[arg-type]
        error: BaseException | None = caught.value
        while error is not None:
            assert "hunter2" not in str(error)
            error = error.__cause__ or error.__context__


def test_what_is_forbidden_is_seen() -> None:
    for text, fault in (
        ("import pickle", "pickle"),
        ("from joblib import load", "joblib"),
        ("eval('1')", "eval"),
        ("import os\nos.system('ls')", "os.system"),
        ("import subprocess\nsubprocess.run('ls', shell=True)", "shell=True"),
        ("import subprocess\nsubprocess.run('ls')", "a command as text"),
        ("import yaml\nyaml.load(x)", "yaml.load"),
        ("import numpy as np\nnp.load(x, allow_pickle=True)", "allow_pickle"),
        ("import numpy as np\nnp.load(x, allow_pickle=False)", "np.load"),
        ("import torch\ntorch.load(x)", "torch.load"),
    ):
        assert fault in list(faults(text)), text
    assert list(faults("import subprocess\nsubprocess.run(['ls'], timeout=5)\nmodel.eval()\nre.compile('a')")) == []


def faults(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.partition(".")[0] in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] in MODULES:
            yield node.module
        elif isinstance(node, ast.Call):
            yield from _of_call(node)


def _of_call(node: ast.Call) -> Iterator[str]:
    name = ast.unparse(node.func)
    if name in NAMES or name in CALLS or name in ("np.load", "torch.load"):
        yield name
    if name.startswith("subprocess.") and node.args and isinstance(node.args[0], (ast.Constant, ast.JoinedStr)):
        yield "a command as text"
    for keyword in node.keywords:
        is_false = isinstance(keyword.value, ast.Constant) and keyword.value.value is False
        if keyword.arg in ("shell", "allow_pickle") and not is_false:
            yield "shell=True" if keyword.arg == "shell" else "allow_pickle"
