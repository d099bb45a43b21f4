"""Random graphs: reference, emulator, QONNX, Keras file and csim must give the same bits; a mutant must not.

    python tests/hls/random_graphs.py [--count 200] [--first 0] [--csim 5] [--mutants 5] [--out docs/results] [--again]

Each graph has at least three layers, and a rounding and a saturation event in what is fed to it. A mutant is a graph in
which one activation rounds another way. One that the reference can tell from its graph is written and compiled as the
graph is: its csim must be the mutant's own bits, and differ from the graph. A mutant that no sample tells from its
graph cannot show; it is counted and named. --csim N compiles every Nth graph, --mutants N the mutant of every Nth,
where that is compiled (0: none); g++ takes five seconds each, unoptimised. There are four targets, taken in turn: an
N that is odd compiles for all of them. With --out, each graph with csim leaves its row in OUT/random_graphs.json and
the table OUT/random_graphs.md is made anew; graphs that have a row with its commit are kept and not run, so the same
command goes on where it was stopped; --again runs them all. Exit code 1 where a graph differs or a mutant does not.
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

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "python"))

import numpy as np
from commit import commit
from fixed_graphs import Build
from fixed_models import codes
from ladder import made_with, tools
from numpy.typing import NDArray
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


def showing(fixed: FixedModel, x: Codes) -> list[int]:
    """The places of activations whose mutants give other logits by the reference."""
    want = reference.run(fixed, x)
    return [i for i in activations(fixed) if np.any(reference.run(mutant(fixed, i), x) != want)]


def drawn(number: int) -> tuple[FixedModel, Codes]:
    """The graph of a number, with inputs under which both events occur and a wrong rounding reaches the logits."""
    for attempt in range(TRIES):
        key = Key(2024).fold(number).fold(attempt)
        fixed = graph(key)
        x = codes(key.fold("x"), fixed.input_type, (SAMPLES, *fixed.input_shape))
        if min(events(fixed, reference.trace(fixed, x))) > 0 and showing(fixed, x):
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


def simulated(fixed: FixedModel, x: Codes, number: int, folder: Path) -> NDArray[np.float64]:
    """The logits of hls4ml's csim, in the target that the number has."""
    project = write_hls(fixed, folder, TARGETS[number % len(TARGETS)])
    quicken(project.directory / "build_lib.sh")
    return compile_csim(project).predict(fixed.input_type.decode(x))


def logits(fixed: FixedModel, x: Codes) -> NDArray[np.float64]:
    """What the reference gives."""
    return fixed.output_type.decode(reference.run(fixed, x))


def climb(number: int, with_csim: bool, with_mutant: bool) -> dict[str, Any]:
    """The graph's row: what was compared with the reference, how many outputs differ, which mutants can show."""
    fixed, x = drawn(number)
    rounded, saturated = events(fixed, reference.trace(fixed, x))
    places = showing(fixed, x)
    config = TARGETS[number % len(TARGETS)]
    row: dict[str, Any] = {
        "graph": number,
        "layers": len(fixed.layers),
        "kinds": dict(Counter(layer.kind for layer in fixed.layers)),
        "rounded": rounded,
        "saturated": saturated,
        "outputs": SAMPLES * fixed.outputs,
        "mutants": len(activations(fixed)),
        "cannot_show": [fixed.layers[i].name for i in activations(fixed) if i not in places],
    }
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        row["mismatches"] = readers(fixed, x, folder)
        if with_csim:
            found = compare(logits(fixed, x), simulated(fixed, x, number, folder / "project"))
            row["mismatches"]["csim"] = found.mismatches
            row |= {
                "target": f"{config.backend}, {config.io_type}",
                "tools": tools(),
                "commit": commit("cpp", "python", "tests/python", "tests/hls"),
            }
        if with_csim and with_mutant:
            place = places[number % len(places)]
            wrong = mutant(fixed, place)
            got = simulated(wrong, x, number, folder / "mutant")
            row["compiled_mutant"] = {
                "layer": fixed.layers[place].name,
                "mismatches": compare(logits(wrong, x), got).mismatches,
                "differ": compare(logits(fixed, x), got).mismatches,
            }
    return row


def caught(row: dict[str, Any]) -> bool:
    """Whether the row has a compiled mutant that differs from its graph, by its own wrong rounding alone."""
    made = row.get("compiled_mutant")
    return bool(made and made["differ"] and not made["mismatches"])


def held(row: dict[str, Any]) -> bool:
    return not any(row["mismatches"].values()) and caught(row) == ("compiled_mutant" in row)


def line(row: dict[str, Any]) -> str:
    counts = " ".join(f"{name} {wrong}" for name, wrong in row["mismatches"].items())
    hidden = row["cannot_show"]
    mutants = f"{row['mutants'] - len(hidden)} of {row['mutants']} mutants show"
    if hidden:
        mutants += f", not {', '.join(hidden)}"
    if "compiled_mutant" in row:
        made = row["compiled_mutant"]
        mutants += f"; {made['layer']}'s compiled: {made['differ']} differ" + (", caught" if caught(row) else "")
    about = f"{row['graph']:4} {row['layers']:3} layers {row['rounded']:6} rounded {row['saturated']:6} saturated"
    return f"{about}; {counts}; {mutants}{'' if held(row) else '  WRONG'}"


def said_of_mutants(rows: list[dict[str, Any]]) -> str:
    """How many were caught of how many, and how many could not show."""
    compiled = sum("compiled_mutant" in row for row in rows)
    hidden = sum(len(row["cannot_show"]) for row in rows)
    return (
        f"{sum(map(caught, rows))} of {compiled} compiled mutants caught; "
        f"{hidden} of {sum(row['mutants'] for row in rows)} mutants could not show: no sample's logits tell them"
    )


def table(rows: list[dict[str, Any]]) -> str:
    """By target: what was compared, what differs, the mutants, and the least that any of its graphs has."""
    readers = ("emulator", "qonnx", "keras", "csim")
    mutants = ("mutants compiled", "caught")
    head = ("target", "graphs", "outputs of each", *readers, *mutants, "least layers", "rounded", "saturated")
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    targets = sorted({row["target"] for row in rows})
    for target in (*targets, "all"):
        of = [row for row in rows if target in (row["target"], "all")]
        cells = [len(of), sum(row["outputs"] for row in of)]
        cells += [sum(row["mismatches"][reader] for row in of) for reader in readers]
        cells += [sum("compiled_mutant" in row for row in of), sum(map(caught, of))]
        cells += [min(row[what] for row in of) for what in ("layers", "rounded", "saturated")]
        lines.append("| " + " | ".join((target, *(f"{cell:,}" for cell in cells))) + " |")
    commits = ", ".join(sorted({row["commit"] for row in rows}))
    return (
        "# Random graphs\n\n"
        "Networks drawn by number, held against the NumPy reference bit for bit: outputs that differ, by what\n"
        "computed them (C++ emulator, qonnx's executor, the exported Keras file read back, hls4ml's C simulation).\n"
        "A mutant is a graph in which one activation rounds another way, exported and compiled as the graph is; it is\n"
        "caught where its C simulation differs from the graph, by that rounding alone.\n"
        f"{said_of_mutants(rows)}.\n"
        "The last columns are the least of any graph. By\n"
        "`python tests/hls/random_graphs.py --csim 1 --out docs/results`, of commit "
        f"{commits},\n{made_with(rows)}\n" + "\n".join(lines) + "\n"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="the number of the first graph")
    parser.add_argument("--csim", type=int, default=5, help="compile every Nth; 0: none")
    parser.add_argument("--mutants", type=int, default=5, help="compile the mutant of every Nth, if that is; 0: none")
    parser.add_argument("--out", type=Path, help="a folder for the rows of graphs that are compiled")
    parser.add_argument("--again", action="store_true", help="run graphs that have a row, too")
    arguments = parser.parse_args()
    path = arguments.out / "random_graphs.json" if arguments.out else None
    earlier = read_json(path)["rows"] if path and path.is_file() else []
    kept = {row["graph"]: row for row in earlier if "commit" in row}
    rows = []
    for number in range(arguments.first, arguments.first + arguments.count):
        with_csim, with_mutant = (bool(n) and number % n == 0 for n in (arguments.csim, arguments.mutants))
        known = number in kept and not arguments.again
        row = kept[number] if known else climb(number, with_csim, with_mutant)
        rows.append(row)
        print(line(row), flush=True)
        if path and with_csim and not known:
            kept[number] = row
            of_all = [kept[graph] for graph in sorted(kept)]
            write_json(path, {"rows": of_all})
            write_atomic(path.with_suffix(".md"), table(of_all))
    failed = sum(not held(row) for row in rows)
    print(f"{arguments.count} graphs, {failed} wrong; {said_of_mutants(rows)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
