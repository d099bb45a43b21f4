"""QONNX files, run by qonnx's own executor and converted by hls4ml, against the emulator."""

from __future__ import annotations

import contextlib
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from csim_models import needs_csim
from fixed_graphs import GRAPHS, Build
from fixed_models import codes, mlp
from qkdflow import FixedPoint, Key
from qkdflow.errors import ConfigError
from qkdflow.export.qonnx import INPUT_NAME, write_qonnx
from qkdflow.fixed import FixedActivation, FixedModel

ROUNDING = ("TRN", "TRN_ZERO", "RND", "RND_ZERO", "RND_INF", "RND_MIN_INF", "RND_CONV")
SAMPLES = 250


def executed(path: Path, x: np.ndarray) -> np.ndarray:
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx

    (logits,) = execute_onnx(ModelWrapper(str(path)), {INPUT_NAME: x.astype(np.float32)}).values()
    return np.asarray(logits)


def inputs(fixed: FixedModel, samples: int = SAMPLES) -> np.ndarray:
    return fixed.input_type.decode(codes(Key(4), fixed.input_type, (samples, *fixed.input_shape)))


def differ(fixed: FixedModel, path: Path, x: np.ndarray) -> int:
    write_qonnx(fixed, path, len(x))
    return int(np.count_nonzero(executed(path, x) != fixed.predict(x)))


def series() -> FixedModel:
    b = Build(Key(7), (9, 2))
    b.pad((1, 0))
    b.conv(4, (3,), (2,), "same")
    b.relu()
    b.conv(5, (2,))
    b.pool("average")
    b.dense(3)
    return b.model()


@pytest.mark.parametrize("graph", ["conv2d", "series", "residual", "depthwise", "scaled"])
def test_executor_equals_the_emulator(tmp_path: Path, graph: str) -> None:
    fixed = series() if graph == "series" else GRAPHS[graph](Key(3))
    assert differ(fixed, tmp_path / "net.onnx", inputs(fixed)) == 0


def casting(rounding: str, function: str, before: str) -> FixedModel:
    """A dense layer or a merge, one activation of this rounding, a dense layer; so coarse that halves are common."""
    b = Build(Key(5), (6,))
    first = b.dense(5)
    if before == "add":
        b.add(first, first)
    b.activation(function, FixedPoint(6, 6, function == "linear", rounding, "SAT"))
    b.dense(3)
    return b.model()


@pytest.mark.parametrize("rounding", ROUNDING)
@pytest.mark.parametrize("function", ["linear", "relu"])
@pytest.mark.parametrize("before", ["dense", "add"])
def test_every_rounding(tmp_path: Path, rounding: str, function: str, before: str) -> None:
    fixed = casting(rounding, function, before)
    x = inputs(fixed, 1500)
    assert differ(fixed, tmp_path / "net.onnx", x) == 0
    other = "RND" if rounding.startswith("TRN") else "TRN"
    assert np.any(casting(other, function, before).predict(x) != fixed.predict(x))  # the test can tell


def test_the_input_is_quantised(tmp_path: Path) -> None:
    """Raw values between codes and beyond them; half up, in a Quant of its own."""
    plain = mlp(Key(1), (8, 5, 3))
    for rounding in ("RND", "TRN", "RND_CONV"):
        fixed = replace(plain, input_type=FixedPoint(10, 10, False, rounding, "SAT"))
        x = np.floor(Key(2).uniform(2000 * 8) * 2300).reshape(2000, 8) / 2 - 50
        assert differ(fixed, tmp_path / f"{rounding}.onnx", x) == 0


def test_what_cannot_be_said_is_refused(tmp_path: Path) -> None:
    cases = [
        (GRAPHS["tables"](Key(1)), "layer sigmoid2: QONNX has no tables"),
        (GRAPHS["activations"](Key(1)), "hard_sigmoid cannot be written"),
        (GRAPHS["pooling"](Key(1)), "of average poolings the global one"),
    ]
    wrapped = mlp(Key(1), (8, 5, 3))
    act = wrapped.layers[1]
    assert isinstance(act, FixedActivation)
    wraps = replace(act, result_type=FixedPoint(8, 4, False, "RND", "WRAP"))
    cases.append(
        (replace(wrapped, layers=(wrapped.layers[0], wraps, *wrapped.layers[2:])), "saturates and has no WRAP")
    )
    b = Build(Key(2), (6,))
    b.dense(4)
    b.cut(FixedPoint(1, 1, True, "RND", "SAT"))
    b.dense(3)
    cases.append((b.model(), r"means \+1 and -1"))
    for fixed, message in cases:
        with pytest.raises(ConfigError, match=message):
            write_qonnx(fixed, tmp_path / "net.onnx")
        assert not (tmp_path / "net.onnx").exists()


def test_notes_say_where_others_may_differ(tmp_path: Path) -> None:
    wide = mlp(Key(1), (30, 4), FixedPoint(16, 3), FixedPoint(16, 2), FixedPoint(30, 6))
    notes = write_qonnx(wide, tmp_path / "wide.onnx")
    assert any("layer fc1: its sums need" in note for note in notes)
    assert write_qonnx(mlp(Key(1), (8, 5, 3)), tmp_path / "a.onnx") == ()
    assert "no Quant that rounds HALF_UP" in write_qonnx(casting("RND_INF", "relu", "dense"), tmp_path / "b.onnx")[0]


def test_same_bytes_and_versions(tmp_path: Path) -> None:
    fixed = mlp(Key(1), (8, 5, 3))
    for name in ("a.onnx", "b.onnx"):
        write_qonnx(fixed, tmp_path / name)
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()
    model = onnx.load(tmp_path / "a.onnx")
    onnx.checker.check_model(model)
    properties = {p.key: p.value for p in model.metadata_props}
    assert properties["qkdflow.digest"] == fixed.digest
    assert (model.producer_name, properties["onnx"]) == ("qkdflow", onnx.__version__)


@needs_csim
def test_hls4ml_reads_it(tmp_path: Path) -> None:
    import hls4ml
    from qonnx.core.modelwrapper import ModelWrapper

    b = Build(Key(2), (5, 5, 2))
    b.conv(3, (3, 3), padding="same")
    b.relu()
    b.pool("max", (2, 2))
    b.reshape()
    b.dense(3)
    fixed = b.model()
    write_qonnx(fixed, tmp_path / "net.onnx")
    model = ModelWrapper(str(tmp_path / "net.onnx"))
    with contextlib.redirect_stdout(io.StringIO()):
        config = hls4ml.utils.config_from_onnx_model(
            model, granularity="name", backend="Vitis", default_precision="fixed<16,6>"
        )
        config["LayerName"][INPUT_NAME]["Precision"]["result"] = fixed.input_type.hls4ml_type
        made = hls4ml.converters.convert_from_onnx_model(
            model, output_dir=str(tmp_path / "hls"), backend="Vitis", hls_config=config, io_type="io_parallel"
        )
        made.compile()
    x = inputs(fixed)
    np.testing.assert_array_equal(made.predict(x).reshape(SAMPLES, -1), fixed.predict(x))
