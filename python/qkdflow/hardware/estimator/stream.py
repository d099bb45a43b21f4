"""io_stream: FIFOs between layers, and how long one sample takes through layers that work at the same time.

Read off one convolutional design (12 + 6 FIFOs; Vitis HLS 2023.1, XCVU13P, 5 ns), which these rules reproduce.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from qkdflow.hardware.estimator import laws
from qkdflow.hardware.estimator.values import LayerEstimate, Quantity

SHALLOW, SHIFTED = 2, 64  # words of a FIFO of registers, of shift registers; beyond, it is a BRAM
BRAM_WIDTH = 36
CONTROL = 8  # LUTs of a FIFO's counters
WIDEST = 1024  # bits up to which a FIFO is as wide as the next power of two


def fifo(bits: int, depth: int) -> tuple[int, int, int]:
    """LUTs, flip-flops and BRAMs of a FIFO of `depth` words of `bits` bits. hls4ml makes it as deep as the image."""
    wide = max(bits, min(1 << (bits - 1).bit_length(), WIDEST))
    copies = 3 if SHALLOW < depth <= SHIFTED else 2
    bram = -(-wide // BRAM_WIDTH) * -(-depth // 512) if depth > SHIFTED else 0
    return wide + CONTROL, copies * wide + CONTROL, bram


def streamed(layer: LayerEstimate, result_bits: int) -> LayerEstimate:
    """The layer with the FIFO behind it, a word of which is `result_bits` bits wide."""
    lut, ff, bram = fifo(result_bits, layer.words)

    def more(quantity: Quantity, count: int) -> Quantity:
        return Quantity(quantity.value + count, quantity.low + count // 2, quantity.high + 2 * count)

    return replace(layer, lut=more(layer.lut, lut), ff=more(layer.ff, ff), bram=more(layer.bram, bram))


def collected(layer: LayerEstimate, input_bits: int) -> LayerEstimate:
    """A dense layer, which waits for its whole input: registers for it, a clock to read and one to write."""
    ff, clocks = layer.ff, layer.latency_clk
    return replace(
        layer,
        ff=Quantity(ff.value + input_bits, ff.low, ff.high + 2 * input_bits),
        latency_clk=Quantity(clocks.value + 2, clocks.low + 1, clocks.high + 4),
        ii=Quantity(layer.ii.value, layer.ii.low, layer.ii.high + 2),
    )


def latency(layers: Sequence[LayerEstimate], sources: Mapping[str, tuple[str, ...]], stream: bool) -> Quantity:
    """Clocks from a sample's first word to its last result, along the slowest path.

    In parallel a layer starts when its sources are done. A stream's layers all start with the first word, the slowest
    one holds up the others, and each adds what it needs after its own last word. Low: the slowest alone; high: as if no
    two worked at the same time.
    """
    done: dict[str, int] = {}
    for layer in layers:
        start = max((done.get(source, 0) for source in sources[layer.name]), default=0)
        clocks, interval = layer.latency_clk.value, layer.ii.value
        if stream and layer.words > 1:
            done[layer.name] = max(start, interval) + max(0, clocks - interval)
        else:
            done[layer.name] = start + clocks
    value = max(done.values())
    if not stream:
        low, high = (_path(layers, sources, end) for end in ("low", "high"))
        return Quantity(value, low, high)
    low = max(layer.latency_clk.low for layer in layers)
    return Quantity(value, min(low, value), max(value, sum(layer.latency_clk.high for layer in layers)))


def _path(layers: Sequence[LayerEstimate], sources: Mapping[str, tuple[str, ...]], end: str) -> int:
    done: dict[str, int] = {}
    for layer in layers:
        start = max((done.get(source, 0) for source in sources[layer.name]), default=0)
        done[layer.name] = start + int(getattr(layer.latency_clk, end))
    return max(done.values())


def line_buffers(columns: int, lines: int, channels: int, bits: int) -> tuple[int, int, int]:
    """LUTs, flip-flops and, at most, BRAMs of `lines` image lines, a shift register a channel."""
    memories = lines * channels
    lut = memories * (2 * bits * -(-columns // laws.SRL_BITS) + 9 + bits)
    blocks = laws.memory_blocks(columns, bits) if columns * bits >= laws.MEMORY_BITS else 0
    return lut, memories * max(12, 4 * bits), memories * blocks
