"""A convolution: the dense kernel of its window, and the memory that holds the lines the window needs.

io_stream: every pixel of the padded image is read; lines of shift registers feed the window, which waits for its own
last product before the next pixel: turn = the window's clocks and two more. io_parallel: the image in registers, out of
which each of `parallel` windows is chosen, one position after another.

The kernel is priced as everywhere. The rest was read off one design (two convolutions, Resource, Vitis HLS 2023.1,
XCVU13P, 5 ns) and of one window of another (Latency, Vitis HLS 2025.2, XCK26, 5 ns): turns of 2, 3 and 4 clocks; LUT
and FF of the surroundings within 30 %. No report of io_parallel was seen. Hence the wide intervals.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from qkdflow.fixed import Codes
from qkdflow.hardware.estimator import laws, prices, stream
from qkdflow.hardware.estimator.dense import BEYOND, dense
from qkdflow.hardware.estimator.kernel import Kernel
from qkdflow.hardware.estimator.target import Multiplier, Target, require
from qkdflow.hardware.estimator.values import LayerEstimate, Quantity

CONTROL_LUT, CONTROL_FF = 600, 160  # counters of the position, 32 bits each
BETWEEN = 2  # clocks between two windows of a stream, beyond the products'


@dataclass(frozen=True)
class Window:
    """What a convolution slides over: sizes of the window, of the padded image and of its result, channels.

    size, image, result: (height, width), height 1 for a sequence.
    """

    size: tuple[int, int]
    image: tuple[int, int]
    result: tuple[int, int]
    channels: int

    @property
    def taps(self) -> int:
        return math.prod(self.size)

    @property
    def pixels(self) -> int:
        return math.prod(self.image)

    @property
    def positions(self) -> int:
        return math.prod(self.result)


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
    """The estimate of a convolution of stride 1 without padding.

    weights: integer codes (height, width, channels, filters); image: (rows, columns).
    """
    kernel = np.asarray(weights)
    require(kernel.ndim == 4, "weights must have 4 axes (height, width, channels, filters)", kernel.shape)
    height, width, channels, filters = kernel.shape
    rows, columns = image
    require(rows >= height and columns >= width, f"the image must be at least {height} x {width}", image)
    require(parallel >= 1, "parallel must be at least 1", parallel)
    target = Target.of(
        part, clock_ns=clock_ns, strategy=strategy, io=io, uncertainty=uncertainty, multiplier=multiplier
    )
    window = Window((height, width), image, (rows - height + 1, columns - width + 1), channels)
    inner = dense(name, kernel.reshape(-1, filters), weight_bits, (input_bits, result_bits), reuse_factor, target)
    return around("conv2d", inner, window, filters, (input_bits, result_bits), target, parallel)


def convolution(
    name: str,
    weights: Codes,
    weight_bits: int,
    window: Window,
    widths: tuple[int, int],
    asked: int,
    target: Target,
    table: prices.Table | None = None,
) -> LayerEstimate:
    """weights: (width, channels, filters) or (height, width, channels, filters)."""
    filters = weights.shape[-1]
    inner = dense(name, weights.reshape(-1, filters), weight_bits, widths, asked, target, table)
    return around(f"conv{weights.ndim - 2}d", inner, window, filters, widths, target)


def depthwise(
    name: str,
    weights: Codes,
    weight_bits: int,
    window: Window,
    widths: tuple[int, int],
    asked: int,
    target: Target,
    table: prices.Table | None = None,
) -> LayerEstimate:
    """weights: (width, channels) or (height, width, channels). Its products never fold, whatever the strategy."""
    channels = weights.shape[-1]
    require(asked >= 1, "reuse_factor must be at least 1", asked)
    taken = laws.taken_reuse_factor(weights.size, channels, asked, target.strategy)
    kernel = replace(Kernel.of(weights.reshape(-1, 1)), n_in=window.taps, n_out=channels)
    unfolded = replace(target, strategy="latency")
    inner = dense(name, kernel, weight_bits, widths, taken, unfolded, table)
    found = around(f"depthwise_conv{weights.ndim - 1}d", inner, window, channels, widths, target)
    return replace(found, asked=asked)


def around(
    kind: str,
    inner: LayerEstimate,
    window: Window,
    filters: int,
    widths: tuple[int, int],
    target: Target,
    parallel: int = 1,
) -> LayerEstimate:
    """The layer that repeats the products `inner` at every position."""
    bits, result_bits = widths
    word = window.channels * bits
    if target.io == "stream":
        (height, _), (_, columns) = window.size, window.image
        lut, ff, blocks = stream.line_buffers(columns, height - 1, window.channels, bits)
        turn = max(inner.ii.value, inner.latency_clk.value + BETWEEN)
        turns = Quantity(turn, min(turn, max(1, inner.ii.low)), max(turn, inner.latency_clk.high + BETWEEN + 1))
        ii = _times(turns, window.pixels)
        lut, ff = lut + CONTROL_LUT, ff + CONTROL_FF + window.taps * word + filters * result_bits
        return _widened(kind, inner, (lut, ff, blocks), 1, ii, BETWEEN, window)
    steps = -(-window.positions // parallel)
    lut = parallel * laws.choice_luts(steps, window.taps * word)
    ff = (window.pixels * word + window.positions * filters * result_bits) * (steps > 1)
    return _widened(kind, inner, (lut, ff, 0), parallel, _times(inner.ii, steps), inner.latency_clk.value, window)


def _times(quantity: Quantity, n: int) -> Quantity:
    return Quantity(quantity.value * n, quantity.low * n, quantity.high * n)


def _widened(
    kind: str,
    inner: LayerEstimate,
    more: tuple[int, int, int],
    copies: int,
    ii: Quantity,
    tail: int,
    window: Window,
) -> LayerEstimate:
    lut, ff, blocks = more
    bram = Quantity(copies * inner.bram.value, copies * inner.bram.low, copies * inner.bram.high + blocks)
    return replace(
        inner,
        kind=kind,
        lut=Quantity.around(copies * inner.lut.value + lut, *BEYOND["lut"]),
        ff=Quantity.around(copies * inner.ff.value + ff, *BEYOND["ff"]),
        dsp=Quantity.around(copies * inner.dsp.value, 0.9, 1.1),
        bram=bram,
        latency_clk=Quantity(ii.value + tail, ii.low, ii.high + 2 * tail),
        ii=ii,
        words=window.positions,
        ebops=inner.ebops * window.positions,
        basis=f"{inner.basis}; around it: two convolutions, Vitis HLS 2023.1",
    )
