"""The output in docs/tour.md: `python docs/tour.py [FOLDER]` runs its commands in order and writes it anew.

They run in FOLDER, where an earlier run goes on, or in an empty one.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parent / "tour.md"
_BLOCK = re.compile(r"(```(?:console|pycon)\n)(.*?)(```)", re.DOTALL)


def walked(text: str, folder: Path) -> str:
    """The page with what its commands print in `folder`. RuntimeError where one of them fails."""
    names: dict[str, Any] = {}
    before, environment = Path.cwd(), os.environ.pop("COLUMNS", None)
    os.chdir(folder)
    try:
        return _BLOCK.sub(lambda found: found[1] + _ran(found[2], names) + found[3], text)
    finally:
        os.chdir(before)
        if environment is not None:
            os.environ["COLUMNS"] = environment


def _ran(block: str, names: dict[str, Any]) -> str:
    if block.startswith("$ "):
        return "".join(f"$ {line[2:]}\n{_command(line[2:])}" for line in block.splitlines() if line.startswith("$ "))
    return "".join(_python(example, names) for example in doctest.DocTestParser().get_examples(block))


def _command(line: str) -> str:
    program, *arguments = shlex.split(line)
    if program != "qkdflow":
        raise ValueError(f"a qkdflow command is required; got {line}")
    command = [sys.executable, "-m", "qkdflow.cli", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    if done.returncode or done.stderr:
        raise RuntimeError(f"{line}: exit {done.returncode}, {done.stderr}")
    return _lines(done.stdout)


def _python(example: doctest.Example, names: dict[str, Any]) -> str:
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(example.source, str(PAGE), "single"), names)  # noqa: S102 - it is ours
    first, *more = example.source.splitlines()
    return "".join([f">>> {first}\n", *(f"... {line}\n" for line in more), _lines(said.getvalue())])


def _lines(text: str) -> str:
    """Without the blanks at the ends of lines and of the whole."""
    return "".join(f"{line.rstrip()}\n" for line in text.strip("\n").splitlines() if line.strip() or text.strip())


def missing(text: str, again: str) -> list[str]:
    """Words of the blocks of one page that the same block of another lacks; not of verdicts, which hang on a digit."""
    pairs = zip(_BLOCK.findall(text), _BLOCK.findall(again), strict=True)
    return sorted({word for (_, shown, _), (_, found, _) in pairs for word in _words(shown) - _words(found)})


def _words(block: str) -> set[str]:
    lines = [line for line in block.splitlines() if not re.match(r"! |.*\bfits?\b", line)]
    return set(re.findall(r"[A-Za-z]{3,}", " ".join(lines)))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        page = walked(PAGE.read_text(encoding="utf-8"), Path(*sys.argv[1:2] or [directory]))
    PAGE.write_text(page, encoding="utf-8")
    print(PAGE)
