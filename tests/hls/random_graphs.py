"""Random graphs: reference, emulator, QONNX, Keras file and csim must give the same bits; a mutant must not.

    python tests/hls/random_graphs.py [--count 200] [--first 0] [--csim 4] [--out docs/results]

Each graph has at least three layers, and a rounding and a saturation event in what is fed to it; a mutant, in which one
activation rounds another way, must differ from csim. --csim N compiles every Nth graph (0: none); g++ takes five
seconds each, unoptimised. With --out, each graph with csim leaves its row in OUT/random_graphs.json and the table
OUT/random_graphs.md is made anew; graphs that have a row are kept and not run, so the same command goes on where it was
stopped. Exit code 1 where a graph differs or a mutant does not.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "python"))

import numpy as np
from fixed_graphs import Build
from fixed_models import codes
from ladder import made_with, tools
from qkdflow import FixedPoint, Key, _core, load_model, reference
from qkdflow.export.csim import compare, compile_csim
from qkdflow.export.hls import HlsConfig, write_hls
from qkdflow.export.keras import write_keras
from qkdflow.export.qonnx import write_qonnx
from qkdflow.files import read_json, write_atomic, write_json
from qkdflow.fixed import Codes, FixedActivation, FixedAdd, FixedLayer, FixedModel, FixedWeighted
from qkdflow.fixed.model import append, sized

SAMPLES = 300
TRIES = 40  # seeds that a graph may need until both events occur
TARGETS = (
    HlsConfig(),
    HlsConfig(io_type="io_stream"),
    HlsConfig("VivadoAccelerator", board="pynq-z2"),
    HlsConfig("VivadoAccelerator", board="pynq-z2", io_type="io_stream"),
)


class Draw:
    """Choices from a key, one after the other."""

    def __init__(self, key: Key) -> None:
        self.key, self.count = key, 0

    def below(self, n: int) -> int:
        self.count += 1
        return min(int(self.key.fold(self.count).uniform(1)[0] * n), n - 1)

    def kind(self, is_signed: bool) -> FixedPoint:
        """A type so coarse that it rounds, and so narrow that it saturates."""
        bits, integer = 4 + self.below(4), 1 + is_signed + self.below(2)
        rounding = ("RND", "RND", "RND_CONV", "TRN")[self.below(4)]
        return FixedPoint(bits, integer, is_signed, rounding, "SAT")


def activate(b: Build, draw: Draw) -> str:
    return b.relu(draw.kind(False)) if draw.below(3) else b.cut(draw.kind(True))


def graph(key: Key) -> FixedModel:
    """Dense layers; or a small image with convolutions, a residual sum and a pooling, then dense ones."""
    draw = Draw(key.fold("draw"))
    if draw.below(2):
        b = Build(key, (4 + draw.below(12),))
        for _ in range(2 + draw.below(3)):
            b.dense(3 + draw.below(8))
            activate(b, draw)
    else:
        b = Build(key, (4 + draw.below(3), 4 + draw.below(3), 1 + draw.below(2)))
        channels = 2 + draw.below(2)
        b.conv(channels, (3, 3), padding="same")
        start = activate(b, draw)
        branch = draw.below(4)
        if branch == 0:
            b.conv(channels, (3, 3), padding="same")
            activate(b, draw)
            b.add(b.last, start)
        elif branch == 1:
            b.depthwise((2, 2))
            activate(b, draw)
        elif branch == 2:
            b.conv(3, (2, 2), (2, 2))
        elif branch == 3:
            b.scale()
        activate(b, draw)
        b.pool("max", (2, 2))
        b.reshape()
    b.dense(2 + draw.below(4))
    activate(b, draw)
    b.dense(2 + draw.below(3))
    return b.model()


def events(fixed: FixedModel, traced: dict[str, Codes]) -> tuple[int, int]:
    """How many results of activations were rounded, and how many saturated."""
    rounded = saturated = 0
    for link in fixed.links:
        if not isinstance(link.layer, FixedActivation):
            continue
        kind, source = link.layer.result_type, traced.get(link.layer.inputs[0])
        if source is None:
            continue
        x = np.maximum(source, 0) if link.layer.activation == "relu" else source
        exact, got = link.input_type.decode(x), kind.decode(traced[link.layer.name])
        beyond = (exact > kind.high) | (exact < kind.low)
        saturated += int(beyond.sum())
        rounded += int((~beyond & (exact != got)).sum())
    return rounded, saturated


def mutant(fixed: FixedModel, place: int) -> FixedModel:
    """The network whose layer at `place` rounds another way; the sums behind it are as wide as they then must be."""
    emulator, made = _core.Emulator(fixed.input_shape, fixed.input_type), list[FixedLayer]()
    for i, layer in enumerate(fixed.layers):
        changed: FixedLayer = layer
        if i == place:
            kind, other = layer.result_type, "TRN" if layer.result_type.rounding != "TRN" else "RND"
            wrong = FixedPoint(kind.bits, kind.integer, kind.is_signed, other, kind.overflow)
            changed = replace(layer, result_type=wrong)  # type: ignore[type-var]
        elif isinstance(layer, (FixedWeighted, FixedAdd)):
            changed = sized(emulator, layer)
        append(emulator, changed)
        made.append(changed)
    return replace(fixed, layers=tuple(made))


def activations(fixed: FixedModel) -> list[int]:
    return [i for i, layer in enumerate(fixed.layers) if isinstance(layer, FixedActivation)]


def caught(fixed: FixedModel, x: Codes) -> list[int]:
    """The places of activations whose mutants give other logits."""
    want = reference.run(fixed, x)
    return [i for i in activations(fixed) if np.any(reference.run(mutant(fixed, i), x) != want)]


def drawn(number: int) -> tuple[FixedModel, Codes]:
    """The graph of a number, with inputs under which both events occur and a wrong rounding reaches the logits."""
    for attempt in range(TRIES):
        key = Key(2024).fold(number).fold(attempt)
        fixed = graph(key)
        x = codes(key.fold("x"), fixed.input_type, (SAMPLES, *fixed.input_shape))
        if min(events(fixed, reference.trace(fixed, x))) > 0 and caught(fixed, x):
            return fixed, x
    raise RuntimeError(f"graph {number}: none of {TRIES} seeds rounds and saturates, and shows it")


def readers(fixed: FixedModel, x: Codes, folder: Path) -> dict[str, int]:
    """Outputs that differ from the reference, by what computed them."""
    import onnxruntime
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx

    onnxruntime.set_default_logger_severity(3)  # qonnx runs single nodes under opset 1, which is warned of each time
    want = reference.run(fixed, x)
    real, logits = fixed.input_type.decode(x), fixed.output_type.decode(want)
    found = {"emulator": int(np.count_nonzero(fixed.run(x) != want))}
    write_qonnx(fixed, folder / "net.onnx", len(x))
    inputs = {"network_input": real.astype(np.float32)}
    (got,) = execute_onnx(ModelWrapper(str(folder / "net.onnx")), inputs).values()
    found["qonnx"] = int(np.count_nonzero(got != logits))
    write_keras(fixed, folder / "net.h5")
    found["keras"] = int(np.count_nonzero(load_model(folder / "net.h5").exact_logits(real) != logits))
    return found


def quicken(script: Path) -> None:
    """The same C++ in one call of g++, which reads ap_fixed's headers once, unoptimised: few samples follow."""
    text = script.read_text().replace("-O3", "-O0 -w")
    *others, last = re.findall(r" -c (\S+)", text)
    together = " ".join([f"-include {source}" for source in others] + [last])
    link = "".join(line for line in text.splitlines(keepends=True) if " -c " not in line)
    script.write_text(re.sub(r"-shared (\S+\.o )+", f'-shared -D WEIGHTS_DIR="${{WEIGHTS_DIR}}" {together} ', link))


def simulated(fixed: FixedModel, wrong: FixedModel, x: Codes, number: int, folder: Path) -> tuple[int, int]:
    """csim's outputs that differ from the network, and from the mutant."""
    project = write_hls(fixed, folder / "project", TARGETS[number % len(TARGETS)])
    quicken(project.directory / "build_lib.sh")
    got = compile_csim(project).predict(fixed.input_type.decode(x))
    right, other = (fixed.output_type.decode(reference.run(f, x)) for f in (fixed, wrong))
    return compare(right, got).mismatches, compare(other, got).mismatches


def climb(number: int, with_csim: bool) -> dict[str, Any]:
    """The graph's row: what was compared with the reference, how many outputs differ, which mutants do."""
    fixed, x = drawn(number)
    rounded, saturated = events(fixed, reference.trace(fixed, x))
    places = caught(fixed, x)
    config = TARGETS[number % len(TARGETS)]
    row: dict[str, Any] = {
        "graph": number,
        "layers": len(fixed.layers),
        "kinds": dict(Counter(layer.kind for layer in fixed.layers)),
        "rounded": rounded,
        "saturated": saturated,
        "outputs": SAMPLES * fixed.outputs,
        "mutants": len(activations(fixed)),
        "mutants_differ": len(places),
    }
    with tempfile.TemporaryDirectory() as directory:
        row["mismatches"] = readers(fixed, x, Path(directory))
        if with_csim:
            wrong, other = simulated(fixed, mutant(fixed, places[0]), x, number, Path(directory))
            row["mismatches"]["csim"] = wrong
            row |= {
                "target": f"{config.backend}, {config.io_type}",
                "csim_differs_from_mutant": other,
                "tools": tools(),
            }
    return row


def held(row: dict[str, Any]) -> bool:
    return not any(row["mismatches"].values()) and row.get("csim_differs_from_mutant", 1) > 0


def line(row: dict[str, Any]) -> str:
    counts = " ".join(f"{name} {wrong}" for name, wrong in row["mismatches"].items())
    mutants = f"{row['mutants_differ']} of {row['mutants']} mutants differ"
    if row.get("csim_differs_from_mutant"):
        mutants += ", csim's caught"
    about = f"{row['graph']:4} {row['layers']:3} layers {row['rounded']:6} rounded {row['saturated']:6} saturated"
    return f"{about}; {counts}; {mutants}{'' if held(row) else '  WRONG'}"


def table(rows: list[dict[str, Any]]) -> str:
    """By target: what was compared, what differs, and the least that any of its graphs has."""
    readers = ("emulator", "qonnx", "keras", "csim")
    head = ("target", "graphs", "outputs of each", *readers, "mutants caught", "least layers", "rounded", "saturated")
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    targets = sorted({row["target"] for row in rows})
    for target in (*targets, "all"):
        of = [row for row in rows if target in (row["target"], "all")]
        caught = sum(row["csim_differs_from_mutant"] > 0 for row in of)
        cells = [len(of), sum(row["outputs"] for row in of)]
        cells += [sum(row["mismatches"][reader] for row in of) for reader in readers]
        cells += [caught, *(min(row[what] for row in of) for what in ("layers", "rounded", "saturated"))]
        lines.append("| " + " | ".join((target, *(f"{cell:,}" for cell in cells))) + " |")
    return (
        "# Random graphs\n\n"
        "Networks drawn by number, held against the NumPy reference bit for bit: outputs that differ, by what\n"
        "computed them (C++ emulator, qonnx's executor, the exported Keras file read back, hls4ml's C simulation).\n"
        "Each has a mutant, in which one activation rounds another way; it is caught where csim's outputs differ from\n"
        "it. The last columns are the least of any graph. By\n"
        "`python tests/hls/random_graphs.py --csim 1 --out docs/results`,\n"
        f"{made_with(rows)}\n" + "\n".join(lines) + "\n"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="the number of the first graph")
    parser.add_argument("--csim", type=int, default=4, help="compile every Nth; 0: none")
    parser.add_argument("--out", type=Path, help="a folder for the rows of graphs that are compiled")
    arguments = parser.parse_args()
    path = arguments.out / "random_graphs.json" if arguments.out else None
    kept = {row["graph"]: row for row in read_json(path)["rows"]} if path and path.is_file() else {}
    failed = 0
    for number in range(arguments.first, arguments.first + arguments.count):
        with_csim = bool(arguments.csim) and number % arguments.csim == 0
        row = kept.get(number) or climb(number, with_csim)
        failed += not held(row)
        print(line(row), flush=True)
        if path and with_csim and number not in kept:
            kept[number] = row
            rows = [kept[graph] for graph in sorted(kept)]
            write_json(path, {"rows": rows})
            write_atomic(path.with_suffix(".md"), table(rows))
    print(f"{arguments.count} graphs, {failed} wrong")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
