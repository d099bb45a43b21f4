"""Runs notebooks and keeps what they show: python tests/notebooks/execute.py [--fast] [NAME...]

NAME is the beginning of a file's name in notebooks/, such as 01; without one, all are run. Each runs in an empty folder
of its own, so that no earlier result is found there. Nothing of the machine or the hour goes into the file.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "notebooks"
SHARED = Path(os.environ.get("QKDFLOW_SHARED", ROOT.parent / "shared"))
TIMEOUT = 1800  # seconds a cell, on a machine that does much else


def notebooks() -> list[Path]:
    """All of them, in their order."""
    return sorted(FOLDER.glob("*.ipynb"))


def run(path: Path, folder: Path, fast: bool) -> NotebookNode:
    """The notebook with its outputs, run in `folder`. Raises CellExecutionError."""
    notebook = nbformat.read(path, 4)
    client = NotebookClient(
        notebook, timeout=TIMEOUT, kernel_name="python3", record_timing=False, resources={"metadata": {"path": folder}}
    )
    env = {**os.environ, "QKDFLOW_FAST": str(int(fast)), "QKDFLOW_DATA": str(SHARED / "data")}
    return client.execute(env=env)


def tidy(notebook: NotebookNode, name: str) -> NotebookNode:
    """Cells numbered from 0, no metadata but the language: the same source and results give the same file."""
    notebook.metadata = NotebookNode(
        kernelspec={"display_name": "Python 3", "language": "python", "name": "python3"},
        language_info={"name": "python"},
    )
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for number, cell in enumerate(notebook.cells):
        cell.id, cell.metadata = f"{name.partition('_')[0]}-{number}", NotebookNode()
        if cell.cell_type == "code":
            cell.outputs = _joined(cell.outputs)
            for output in cell.outputs:
                if "metadata" in output:
                    output.metadata = NotebookNode()
                    if len(output.data) > 1:  # what is shown is not the text, which may hold seconds or long arrays
                        output.data.pop("text/plain", None)
    return notebook


def _joined(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Lines that were printed one after the other as one output, however they arrived."""
    joined: list[NotebookNode] = []
    for output in outputs:
        if joined and output.output_type == "stream" and output.get("name") == joined[-1].get("name"):
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--fast", action="store_true", help="the mode of the tests")
    args = parser.parse_args()
    chosen = [path for path in notebooks() if not args.names or path.name.startswith(tuple(args.names))]
    if not chosen:
        sys.exit(f"no notebook begins with {' or '.join(args.names)}")
    for path in chosen:
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            done = tidy(run(path, Path(folder), args.fast), path.stem)
        nbformat.write(done, path)
        print(f"{path.name}: {time.perf_counter() - start:.0f} s, {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
