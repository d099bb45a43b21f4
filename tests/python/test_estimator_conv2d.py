"""The convolution's estimate: its window's kernel, its line buffers, its turns."""

from __future__ import annotations

import numpy as np
import pytest
from qkdflow.errors import ConfigError
from qkdflow.hardware import estimate_conv2d, estimate_dense

WEIGHTS = (np.arange(3 * 3 * 2 * 4).reshape(3, 3, 2, 4) * 37 % 127) - 63


def test_a_stream_holds_lines_and_reads_every_pixel() -> None:
    window = estimate_dense(WEIGHTS.reshape(-1, 4), 8, 8)
    found = estimate_conv2d(WEIGHTS, 8, 8, image=(28, 28))
    assert found.kind == "conv2d"
    assert found.dsp.value == window.dsp.value
    assert found.latency_clk.value == 28 * 28 + window.latency_clk.value
    assert found.ff.value == window.ff.value + 3 * 3 * 2 * 8
    assert found.lut.value == window.lut.value + 2 * (2 * 8)  # two lines of 28 columns: a shift register a bit
    wide = estimate_conv2d(WEIGHTS, 8, 8, image=(28, 512))
    assert wide.bram.value == 2  # two lines of 512 words of 16 bits
    assert found.lut.low < found.lut.value < found.lut.high


def test_parallel_windows_cost_more_and_take_fewer_turns() -> None:
    one, four = (estimate_conv2d(WEIGHTS, 8, 8, image=(10, 10), io="parallel", parallel=n) for n in (1, 4))
    assert four.lut.value == pytest.approx(4 * one.lut.value, abs=4)
    assert (one.ii.value, four.ii.value) == (64, 16)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"image": (2, 9)}, "at least 3 x 3"), ({"parallel": 0}, "parallel"), ({"weights": WEIGHTS[0]}, "4 axes")],
)
def test_a_wrong_convolution_is_named(settings: dict[str, object], message: str) -> None:
    given = {"weights": WEIGHTS, "weight_bits": 8, "image": (9, 9), **settings}
    with pytest.raises(ConfigError, match=message):
        estimate_conv2d(**given)  # type: ignore[arg-type]
