"""`qkdflow.load_model` of other people's files: a model that predicts what they predict, and trains."""

from __future__ import annotations

import warnings
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import qkdflow
from golden_files import cases, folder, predicted
from h5_files import dense, layer, sequential, small, tensors_of, write_h5
from numpy_forward import forward
from qkdflow import Key, importers, stages
from qkdflow.datasets import csv
from qkdflow.errors import ConfigError, DataError
from qkdflow.layers import Dense, Input, QConv2DBatchnorm

CHANGED = {"binary_ternary"}  # a file with layers that the engine has in another form


def loaded(path: Path) -> qkdflow.Model:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore" if path.stem in CHANGED else "error")
        return qkdflow.load_model(path)


@pytest.mark.parametrize(("archive", "file"), cases())
def test_a_model_predicts_what_keras_predicted(archive: str, file: str) -> None:
    model = loaded(folder(archive) / file)
    x, y = predicted(archive, file)
    np.testing.assert_allclose(model.predict(x), y, rtol=1e-4, atol=1e-4)


def test_what_was_changed_is_said() -> None:
    with pytest.warns(UserWarning, match=r"bn: QBatchNormalization is kept at its quantised values"):
        qkdflow.load_model(folder("keras2_files") / "binary_ternary.h5")


def folded_convolution(path: Path, **options: Any) -> Path:
    """One QConv2DBatchnorm of 2 x 2, as QKeras 0.9 writes it, trained for 11 steps."""
    names = ("kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance")
    arrays = {f"c/{n}:0": np.asarray(Key(2).fold(n).uniform(3), np.float32) + 0.5 for n in names}
    arrays["c/kernel:0"] = np.asarray(Key(3).normal(24), np.float32).reshape(2, 2, 2, 3)
    arrays["c/iteration:0"] = np.array(10, np.int64)
    quantizers = {f"{k}_quantizer": f"quantized_bits(8,2,alpha={options.pop('alpha', 1)})" for k in ("kernel", "bias")}
    conv = layer("QConv2DBatchnorm", "c", filters=3, kernel_size=[2, 2], use_bias=True, **quantizers, **options)
    return write_h5(path, sequential(conv, layer("Flatten", "f"), shape=(None, 3, 3, 2)), {"c": arrays})


def test_a_folded_convolution_goes_on_where_it_was(tmp_path: Path) -> None:
    path = folded_convolution(tmp_path / "f.h5", ema_freeze_delay=12, folding_mode="batch_stats_folding")
    model = loaded(path)
    found = model.layers[1]
    assert isinstance(found, QConv2DBatchnorm)
    assert (found.ema_freeze_delay, found.folding_mode) == (12, "batch_stats_folding")
    x = np.asarray(Key(4).normal(8 * 18), np.float32).reshape(8, 3, 3, 2)
    np.testing.assert_allclose(model.predict(x), forward(importers.read(path), x), rtol=1e-5, atol=1e-5)
    followed = []
    for _ in range(5):
        model.fit(x, np.arange(8), batch_size=8)
        followed.append(model.parameter("c/moving_mean")[0].copy())
    assert model.parameter("c/steps")[0] == 16
    moves = [not np.array_equal(a, b) for a, b in pairwise(followed)]
    assert moves == [True, True, False, False]  # steps 12, 13 and 14 follow: QKeras counts them 10 to 12
    model.save(tmp_path / "own")
    np.testing.assert_array_equal(qkdflow.load_model(tmp_path / "own").predict(x), model.predict(x))


def test_a_folded_convolution_whose_quantiser_is_not_trained_keeps_its_values(tmp_path: Path) -> None:
    path = folded_convolution(tmp_path / "f.h5", alpha=0.5)
    with pytest.warns(UserWarning, match=r"c: QConv2DBatchnorm is folded"):
        model = qkdflow.load_model(path)
    x = np.asarray(Key(4).normal(8 * 18), np.float32).reshape(8, 3, 3, 2)
    np.testing.assert_allclose(model.predict(x), forward(importers.read(path), x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("file", ["branches.h5", "recommender.h5", "pruned.h5", "sequences.h5", "qkeras_conv.h5"])
def test_a_model_trains(file: str) -> None:
    model = loaded(folder("keras2_files") / file)
    x, _ = predicted("keras2_files", file)
    y = np.arange(len(x)) % model.output_shape[-1]
    before = model.evaluate(x, y)[0]
    model.compile(optimizer="adam")
    model.fit(x, y, epochs=30, batch_size=4)
    assert model.evaluate(x, y)[0] < before


def test_a_pruned_model_stays_pruned() -> None:
    model = loaded(folder("keras2_files") / "pruned.h5")
    x, _ = predicted("keras2_files", "pruned.h5")
    zeros = model.effective("fc/kernel") == 0
    assert 0 < zeros.mean() < 1
    model.fit(x, np.zeros(len(x), int), epochs=2)
    assert (model.effective("fc/kernel")[zeros] == 0).all()


def test_a_loaded_model_is_saved_as_ours(tmp_path: Path) -> None:
    model = loaded(folder("keras3_files") / "branches.keras")
    model.save(tmp_path / "own")
    x, _ = predicted("keras3_files", "branches.keras")
    np.testing.assert_array_equal(qkdflow.load_model(tmp_path / "own").predict(x), model.predict(x))


def test_nans_are_warned_of_by_name_and_refused_as_a_teacher(tmp_path: Path) -> None:
    tensors = tensors_of("fc", 2, 2)
    tensors["fc"]["fc/kernel:0"][0, 1] = np.nan
    path = write_h5(tmp_path / "nan.h5", sequential(dense("fc", 2), shape=(None, 2)), tensors)
    with pytest.warns(UserWarning, match=r"nan\.h5\] weights should be finite; NaN or infinity in fc/kernel \(1\)"):
        model = qkdflow.load_model(path)
    assert np.isnan(model.parameter("fc/kernel")[0]).sum() == 1
    student = qkdflow.Sequential([Input((2,)), Dense(2)])
    with pytest.raises(DataError, match=r"\[teacher\] logits must be finite"):
        student.fit(np.ones((4, 2)), np.zeros(4, int), teacher=model)
    with (
        pytest.warns(UserWarning, match="nan"),
        pytest.raises(ConfigError, match=r"must be finite; NaN or infinity in fc/kernel"),
    ):
        stages.given_teacher(str(path), data(tmp_path))


def test_a_keras_file_may_be_the_teacher(tmp_path: Path) -> None:
    path = write_h5(tmp_path / "t.h5", sequential(dense("fc", 2), shape=(None, 2)), tensors_of("fc", 2, 2))
    teacher = stages.given_teacher(str(path), data(tmp_path))
    assert stages.teacher_logits(teacher, data(tmp_path)).shape[1] == 2


def test_a_file_that_does_not_fit_is_no_teacher(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"must take \(2,\).*it takes \(3,\)"):
        stages.given_teacher(str(small(tmp_path / "t.h5")), data(tmp_path))


def data(tmp_path: Path) -> Any:
    """Two columns of counts, two classes."""
    rows = [f"{10 + i % 7},{20 + i % 5},{i % 2}" for i in range(80)]
    (tmp_path / "d.csv").write_text("\n".join(["a,b,class", *rows]))
    return csv.load_csv(tmp_path / "d.csv", key=Key(0))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (layer("QActivation", "a", activation="quantized_relu(4,1,1)"), "no use_sigmoid"),
        (layer("GRU", "g", units=2, reset_after=False), "reset_after must be True"),
    ],
)
def test_what_the_engine_cannot_compute_is_named(wrong: dict[str, Any], message: str, tmp_path: Path) -> None:
    arrays = {"g": {"g/kernel:0": np.ones((3, 6)), "g/recurrent_kernel:0": np.ones((2, 6)), "g/bias:0": np.ones(6)}}
    path = write_h5(tmp_path / "no.h5", sequential(wrong, shape=(None, 4, 3)), arrays)
    with pytest.raises(DataError, match=message) as error:
        qkdflow.load_model(path)
    assert "no.h5" in str(error.value)


def test_what_is_no_path_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"the path of a file or folder is required; got 3"):
        qkdflow.load_model(3)  # type: ignore[arg-type]


def test_the_files_of_a_network_are_known(tmp_path: Path) -> None:
    whole = small(tmp_path / "net.h5")
    assert importers.parts(whole) == [whole]
    (tmp_path / "net.json").write_text("{}")
    assert importers.parts(whole) == [whole, tmp_path / "net.json"]
    assert importers.parts(tmp_path / "net.json") == [tmp_path / "net.json", whole]
