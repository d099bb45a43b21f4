"""A convolution: the dense kernel of its window, and the memory that holds the lines the window needs.

Notation: kernel (height, width, channels, filters), stride 1, no padding; image (rows, columns). io_stream: one window
a turn, out of shift registers fed by height - 1 line buffers of a row of all channels; io_parallel: hls4ml makes
`parallel` windows at once of the same kernel, the image in registers.

The dense kernel is priced as everywhere; line buffers and window registers are counted bits. No report of a convolution
was seen: every interval is widened.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from qkdflow.hardware.estimator import laws
from qkdflow.hardware.estimator.dense import BEYOND, dense
from qkdflow.hardware.estimator.target import Multiplier, Target, require
from qkdflow.hardware.estimator.values import LayerEstimate, Quantity

SRL_BITS = 32  # of one LUT used as a shift register


def estimate_conv2d(
    weights: ArrayLike,
    weight_bits: int,
    input_bits: int = 16,
    *,
    image: tuple[int, int],
    part: str = "xc7z020clg400-1",
    clock_ns: float = 5.0,
    reuse_factor: int = 1,
    strategy: str = "latency",
    io: str = "stream",
    parallel: int = 1,
    result_bits: int = 16,
    uncertainty: float | None = None,
    multiplier: Multiplier = "dsp",
    name: str = "conv2d",
) -> LayerEstimate:
    """The estimate of a convolution: integer codes (height, width, channels, filters) on an image (rows, columns)."""
    kernel = np.asarray(weights)
    require(kernel.ndim == 4, "weights must have 4 axes (height, width, channels, filters)", kernel.shape)
    height, width, channels, filters = kernel.shape
    rows, columns = image
    require(rows >= height and columns >= width, f"the image must be at least {height} x {width}", image)
    require(parallel >= 1, "parallel must be at least 1", parallel)
    target = Target.of(
        part, clock_ns=clock_ns, strategy=strategy, io=io, uncertainty=uncertainty, multiplier=multiplier
    )
    matrix = kernel.reshape(-1, filters)
    window = dense(name, matrix, weight_bits, (input_bits, result_bits), reuse_factor, target)
    windows = (rows - height + 1) * (columns - width + 1)
    if target.io == "stream":
        # A window needs new pixels: every pixel of the image is read, those at the edges give no result.
        turn = window.ii.value
        clocks = rows * columns * turn + window.latency_clk.value
        lut, ff, bram = _line_buffers(columns, height, width, channels, input_bits)
        return _widened(window, lut, ff, bram, 1, clocks, rows * columns * turn, windows)
    turns = -(-windows // parallel) * window.ii.value
    registers = rows * columns * channels * input_bits
    return _widened(window, 0, registers, 0, parallel, turns + window.latency_clk.value, turns, windows)


def _line_buffers(columns: int, height: int, width: int, channels: int, bits: int) -> tuple[int, int, int]:
    """LUTs, flip-flops and BRAMs of the lines above the window, and of the window itself."""
    word = channels * bits
    lines, window = height - 1, height * width * word
    if columns * word >= laws.MEMORY_BITS:
        return 0, window, lines * laws.memory_blocks(columns, word)
    return lines * word * -(-columns // SRL_BITS), window, 0


def _widened(
    window: LayerEstimate, lut: int, ff: int, bram: int, copies: int, clocks: int, ii: int, windows: int
) -> LayerEstimate:
    def wide(value: float, low: float, high: float) -> Quantity:
        return Quantity.around(value, low, high)

    return replace(
        window,
        kind="conv2d",
        lut=wide(copies * window.lut.value + lut, *BEYOND["lut"]),
        ff=wide(copies * window.ff.value + ff, *BEYOND["ff"]),
        dsp=wide(copies * window.dsp.value, 0.9, 1.1),
        bram=wide(copies * window.bram.value + bram, 0.5, 2.0),
        latency_clk=wide(clocks, 0.8, 1.5),
        ii=wide(ii, 0.8, 1.5),
        ebops=window.ebops * windows,
        basis=f"{window.basis}; the convolution around it assumed",
    )
