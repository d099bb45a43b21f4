"""Netron's own readers on our QONNX and Keras files: what it would draw, without a window.

    pip install netron && python tests/hls/netron_readers.py       (node on PATH)

Exit code 1 where it cannot read a file, or does not see the layers.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "python"))

from fixed_graphs import GRAPHS
from fixed_models import mlp
from qkdflow import Key
from qkdflow.export.keras import write_keras
from qkdflow.export.qonnx import write_qonnx

SEEN = {"mlp": {".onnx": "MatMul, Quant, Relu", ".h5": "QActivation, QDense"}}
SEEN["residual"] = {".onnx": "Add, Conv, Div, MatMul, Quant, ReduceSum, Relu", ".h5": "Add, GlobalAveragePooling2D"}


def main() -> int:
    netron, node = importlib.util.find_spec("netron"), shutil.which("node")
    if netron is None or node is None:
        sys.exit("Netron and node are required: pip install netron; apt install nodejs")
    networks = {"mlp": mlp(Key(1), (12, 6, 4)), "residual": GRAPHS["residual"](Key(1))}
    with tempfile.TemporaryDirectory() as folder:
        (source,) = netron.submodule_search_locations or ()
        shutil.copytree(source, Path(folder) / "netron")
        (Path(folder) / "netron" / "package.json").write_text('{"type": "module"}')
        expected: dict[str, str] = {}
        for name, fixed in networks.items():
            write_qonnx(fixed, Path(folder) / f"{name}.onnx")
            write_keras(fixed, Path(folder) / f"{name}.h5")
            expected |= {name + suffix: kinds for suffix, kinds in SEEN[name].items()}
        script = str(Path(__file__).with_suffix(".mjs"))
        command = [node, script, str(Path(folder) / "netron"), *(str(Path(folder) / name) for name in expected)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    print(done.stdout + done.stderr, end="")
    found = dict(line.split(": ", 1) for line in done.stdout.splitlines())
    seen = all(kinds in found.get(name, "") for name, kinds in expected.items())
    return 0 if done.returncode == 0 and seen else 1


if __name__ == "__main__":
    sys.exit(main())
