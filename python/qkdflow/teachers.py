"""A teacher before and after it was compressed."""

from __future__ import annotations

import gzip
import time
from pathlib import Path
from typing import Any

import numpy as np

from qkdflow.compression import FLOAT_BITS, Compressed
from qkdflow.datasets import Dataset
from qkdflow.files import npz_bytes
from qkdflow.models import Model

# What is compared: its name in the table, and whether before over after says how much was won.
ROWS = {
    "file_bytes": ("file, packed [bytes]", True),
    "parameters": ("parameters", True),
    "size_bits": ("weights [bits]", True),
    "bits": ("bits", True),
    "sparsity": ("zeros", False),
    "accuracy_test": ("accuracy (test)", False),
    "microseconds": ("inference [us a sample]", True),
}


def before_after(before: Model, after: Compressed, data: Dataset, folder: Path) -> dict[str, dict[str, Any]]:
    """What each of ROWS was and is; both networks are saved in `folder`, in before/ and after/.

    File sizes are `packed_bytes`. Inference is the engine's in float32, the best of many passes over the test part: of
    what trains, not of the hardware.
    """
    before.save(folder / "before")
    after.model.save(folder / "after")
    kernels = [before.effective(before.graph.param_names[i]) for i in before.graph.prunable_params]
    sizes = sum(k.size for k in kernels)
    first = {
        "file_bytes": packed_bytes(before),
        "parameters": before.count_params(),
        "size_bits": FLOAT_BITS * before.count_params(),
        "bits": FLOAT_BITS,
        "sparsity": sum(k.size - int(np.count_nonzero(k)) for k in kernels) / sizes,
        "accuracy_test": before.evaluate(*data.test)[1],
        "microseconds": microseconds(before, data),
    }
    facts = after.facts(data)
    second = {**{k: facts[k] for k in ROWS if k in facts}, "file_bytes": packed_bytes(after.model)}
    second["microseconds"] = microseconds(after.model, data)
    return {"before": first, "after": {**second, "method": facts["method"]}}


def microseconds(model: Model, data: Dataset) -> float:
    """A sample's inference in the engine's float32: the best of the passes over the test part that fit in 0.2 s, five
    at least, because what else the machine does must not fall into all of them."""
    seconds: list[float] = []
    while len(seconds) < 5 or sum(seconds) < 0.2:
        start = time.perf_counter()
        model.logits(data.test.x)
        seconds.append(time.perf_counter() - start)
    return 1e6 * min(seconds) / len(data.test.x)


def markdown(found: dict[str, dict[str, Any]]) -> str:
    """The table: before, after, and before over after where smaller is better."""
    before, after = found["before"], found["after"]
    lines = [f"| teacher ({after['method']}) | before | after | ratio |", "| --- | --- | --- | --- |"]
    for name, (what, is_ratio) in ROWS.items():
        ratio = f"{before[name] / after[name]:.2f}" if is_ratio else ""
        lines.append(f"| {what} | {_text(name, before[name])} | {_text(name, after[name])} | {ratio} |")
    return "\n".join(lines) + "\n"


def _text(name: str, value: float) -> str:
    if name == "sparsity":
        return f"{100 * value:.1f} %"
    if name == "accuracy_test":
        return f"{value:.4f}"
    return f"{value:.2f}" if name == "microseconds" else f"{value:,}"


def packed_bytes(model: Model) -> int:
    """Bytes of the numbers that a network computes with, quantised and pruned, as float32 in an NPZ that gzip packed:
    as TFMOT's guides measure files. What `save` writes has a pruned network's masks and unquantised numbers too, so
    that it may go on learning, and is larger."""
    names = model.graph.param_names
    return len(gzip.compress(npz_bytes({name: model.effective(name) for name in names}), mtime=0))
