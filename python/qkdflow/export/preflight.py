"""What must hold before an hls4ml project is written: names, reuse factors, strategies, widths."""

from __future__ import annotations

import re
from collections.abc import Iterator

from qkdflow._core import FixedPoint
from qkdflow.errors import ConfigError
from qkdflow.fixed import (
    FixedActivation,
    FixedDense,
    FixedDepthwiseConv,
    FixedEmbedding,
    FixedGRU,
    FixedLayer,
    FixedModel,
    FixedPooling,
    FixedReshape,
    FixedWeighted,
    Link,
)
from qkdflow.fixed.model import INPUT

MOST_INDEX_BITS = 16  # of an embedding: hls4ml gets a row for every code of the index's type
AMD = ("Vitis", "Vivado", "VivadoAccelerator")
EXACT_BITS = 53  # csim's inputs, outputs and weights pass through a double
DISTRIBUTED = "distributed_arithmetic"  # a layer as da4ml's graph of adders
SIMPLE = ("linear", "relu")
OTHER_BACKENDS: dict[str, tuple[type[FixedLayer], ...]] = {  # what was, in tests/hls/grid.py; oneAPI's like Quartus's
    "Quartus": (FixedDense, FixedActivation),
    "oneAPI": (FixedDense, FixedActivation),
    "Catapult": (FixedDense, FixedActivation),
}
_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z", re.ASCII)


def valid_reuse_factors(n_in: int, n_out: int) -> list[int]:
    """The reuse factors that hls4ml's Resource strategy takes for a dense layer, ascending.

    The rule of hls4ml 1.3 (backends/fpga/fpga_backend.py, _validate_reuse_factor): rf divides n_in * n_out;
    beyond n_in it is a multiple of n_in; below, ceil(n_in * n_out / rf) is a multiple of n_out.
    """

    def valid(rf: int) -> bool:
        if rf >= n_in:
            return rf % n_in == 0
        return -(-n_in * n_out // rf) % n_out == 0

    divisors = [d for d in range(1, n_in * n_out + 1) if n_in * n_out % d == 0]
    return [d for d in divisors if valid(d)]


def check_names(names: list[str]) -> None:
    """Names become C identifiers, and hls4ml lower-cases them; `input` is its own."""
    for name in names:
        if not _IDENTIFIER.match(name):
            raise ConfigError(f"[hls] a name must be a C identifier (a letter, then letters, digits, _); got {name!r}")
        if name.lower() == "input":
            raise ConfigError(f"[hls] hls4ml keeps the name 'input' for itself; got {name!r}; rename it")
    lowered = [name.lower() for name in names]
    for name in names:
        if lowered.count(name.lower()) > 1:
            raise ConfigError(f"[hls] names must differ in more than upper and lower case; got {name!r} twice")


def check_widths(fixed: FixedModel) -> None:
    """Types that csim or ap_fixed would read differently from us."""
    kinds = [("input", fixed.input_type), ("output", fixed.output_type)]
    for layer in fixed.layers:
        own: dict[str, FixedPoint] = {}
        if isinstance(layer, FixedGRU):
            own = {"kernel": layer.kernel_type, "recurrent_kernel": layer.recurrent_type, "bias": layer.bias_type}
        elif isinstance(layer, FixedEmbedding):
            own = {"embeddings": layer.result_type}
        elif isinstance(layer, FixedWeighted):
            own = {"weight": layer.weight_type, "bias": layer.bias_type}
        kinds += [(f"{layer.name}'s {what}", kind) for what, kind in own.items()]
    for what, kind in kinds:
        if kind.bits > EXACT_BITS:
            raise ConfigError(
                f"[hls] the {what} type must have at most {EXACT_BITS} bits, since csim reads and writes "
                f"doubles; got {kind.ap_type}"
            )
    values = [("the input", fixed.input_type), *((f"layer {n.name}'s result", n.result_type) for n in fixed.layers)]
    for what, kind in values:
        if kind.bits == 1 and kind.is_signed and kind.overflow == "SAT_SYM":  # ap_fixed saturates it to -1
            raise ConfigError(
                f"[hls] {what} type {kind.ap_type} has one bit and no symmetric range; use SAT, or more bits"
            )


def check_reuse_factors(fixed: FixedModel, reuse_factors: dict[str, int], strategies: dict[str, str]) -> None:
    """Raises ConfigError, with every layer's nearest valid values, where hls4ml would silently take another factor."""
    wrong = []
    for layer in fixed.kernels:
        strategy = strategies[layer.name]
        if strategy not in ("Resource", "Unrolled"):
            continue
        rf, (n_in, n_out) = reuse_factors[layer.name], multipliers(layer)
        valid = valid_reuse_factors(n_in, n_out)
        if strategy == "Unrolled":  # of these hls4ml leaves the largest out
            valid.pop()
        if rf not in valid:
            below, above = [v for v in valid if v < rf][-1:], [v for v in valid if v > rf][:1]
            nearest = " and ".join(map(str, below + above))
            wrong.append(f"{rf} for {layer.name} ({n_in} x {n_out}, {strategy}; nearest: {nearest})")
    if wrong:
        raise ConfigError(f"[hls] reuse factors must split their layers evenly; got {', '.join(wrong)}")


def check_layers(fixed: FixedModel, io_type: str) -> None:
    """What hls4ml 1.3 has no code for, or code that computes something else."""
    stream, by_name = io_type == "io_stream", {layer.name: layer for layer in fixed.layers}
    for link in fixed.links:
        layer, where = link.layer, f"[hls] layer {link.layer.name}"
        if isinstance(layer, FixedPooling):
            padded = any(n for pair in layer.padding for n in pair)
            if stream and padded:
                raise ConfigError(f"{where}: io_stream pools without padding; use padding 'valid' or io_parallel")
            if stream and len(layer.size) == 2 and not layer.is_global and layer.strides != layer.size:
                raise ConfigError(
                    f"{where}: io_stream pools with strides equal to the window alone; got strides "
                    f"{layer.strides} of a window {layer.size}; use io_parallel"
                )
            if padded and layer.op == "max" and not link.input_types[0].is_signed:
                raise ConfigError(
                    f"{where}: hls4ml pads the maximum of unsigned values with half their range; put a signed "
                    "type before it, or use padding 'valid'"
                )
        if isinstance(layer, FixedEmbedding):
            _check_embedding(fixed, link, stream)
        if stream and isinstance(layer, FixedActivation) and layer.activation == "relu6":
            raise ConfigError(f"{where}: hls4ml 1.3 has no relu6 for io_stream; use io_parallel, or relu")
        before = [by_name[source] for source in layer.inputs if source != INPUT]
        flat = [b for b in before if isinstance(b, FixedReshape) and len(b.shape) == 1]
        if stream and flat and not isinstance(layer, FixedDense):
            raise ConfigError(
                f"{where}: after {flat[0].name}, which flattens, io_stream takes a dense layer alone; put it before"
            )


def _check_embedding(fixed: FixedModel, link: Link, stream: bool) -> None:
    where = f"[hls] layer {link.layer.name}"
    readers = [layer.name for layer in fixed.layers if INPUT in layer.inputs]
    if link.layer.inputs != (INPUT,) or len(readers) > 1:
        raise ConfigError(
            f"{where}: hls4ml's embedding needs an index that is an integer in C++, as the network's input can be: it "
            f"must read that, and be the only layer that does; it reads {link.layer.inputs[0]}, "
            f"the input goes to {', '.join(readers)}"
        )
    if fixed.input_type.bits > MOST_INDEX_BITS:
        raise ConfigError(
            f"{where}: an index of at most {MOST_INDEX_BITS} bits is required; got {fixed.input_type.bits}; "
            "give the input as few bits as the table needs"
        )
    if stream and len(link.input_shapes[0]) > 1:
        raise ConfigError(f"{where}: io_stream takes a vector of indices; got {link.input_shapes[0]}; use io_parallel")


def alone_warnings(fixed: FixedModel, reuse_factor: object, strategy: object) -> Iterator[str]:
    """One sentence for each layer that a setting of the whole project does not reach: GRUs, depthwise convolutions.

    A strategy that was given layer by layer cannot name one of them (see `HlsConfig.strategies`).
    """
    for layer in fixed.layers:
        if isinstance(layer, FixedGRU) and (reuse_factor, strategy) != (1, "Latency"):
            yield f"layer {layer.name}, a GRU, keeps strategy Latency and reuse factor 1, whatever the others have"
        if isinstance(layer, FixedDepthwiseConv) and isinstance(strategy, str) and strategy != "Latency":
            yield f"layer {layer.name}, a depthwise convolution, keeps strategy Latency, whatever others have"


def multipliers(layer: FixedWeighted) -> tuple[int, int]:
    """Products a result and results a position, as hls4ml counts them."""
    n_out = layer.weights.shape[-1]
    return layer.weights.size // n_out * (n_out if isinstance(layer, FixedDepthwiseConv) else 1), n_out


def check_strategies(
    fixed: FixedModel, backend: str, io_type: str, reuse_factors: dict[str, int], strategies: dict[str, str]
) -> None:
    """Raises ConfigError where hls4ml 1.3 would silently take another strategy, or stop half way."""
    for layer in fixed.kernels:
        strategy, rf, where = strategies[layer.name], reuse_factors[layer.name], f"[hls] layer {layer.name}"
        if strategy == DISTRIBUTED and (rf != 1 or backend not in ("Vitis", "Vivado")):
            raise ConfigError(
                f"{where}: strategy {DISTRIBUTED} unrolls everything (reuse factor 1), for Vitis and Vivado; "
                f"got {rf} for {backend}"
            )
        if strategy != "Unrolled":
            continue
        if backend not in AMD:
            raise ConfigError(f"{where}: strategy {strategy} is for Vitis and Vivado; got backend {backend}")
        if rf == 1:
            raise ConfigError(f"{where}: strategy Unrolled needs a reuse factor above 1; use Latency")
        if io_type == "io_parallel" and not isinstance(layer, FixedDense):
            raise ConfigError(f"{where}: strategy Unrolled takes convolutions in io_stream alone; use Resource")


def check_backend(fixed: FixedModel, backend: str, io_type: str) -> None:
    """What a backend other than AMD's was not shown to compute as the integers do."""
    if backend not in OTHER_BACKENDS:
        return
    known = OTHER_BACKENDS[backend]
    for layer in fixed.layers:
        if not isinstance(layer, known) or (isinstance(layer, FixedActivation) and layer.activation not in SIMPLE):
            what = layer.activation if isinstance(layer, FixedActivation) else layer.kind
            raise ConfigError(
                f"[hls] layer {layer.name}: {what} in hls4ml's {backend} backend was never compared with the integers; "
                "backend Vitis has it"
            )
