"""Compression as switches: what each leaves, at equal budgets; post-training quantisation; the command."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pulse_networks import pulses, small_student, small_teacher
from qkdflow import FixedPoint, Key, Sequential, cli, precision, stages, teachers, zoo
from qkdflow.comparison import Comparison
from qkdflow.compression import METHODS, CompressionConfig, fitted_to
from qkdflow.config import RunConfig
from qkdflow.datasets import Dataset, Indices
from qkdflow.errors import ConfigError, DataError
from qkdflow.freeze import freeze
from qkdflow.hypermodels import TeacherMLP
from qkdflow.layers import Activation, Dense, Input, Layer, QDense
from qkdflow.models import Model
from qkdflow.models.weights import FloatArray
from qkdflow.optimizers import Adam
from qkdflow.quantizers import quantized_bits, quantized_relu
from qkdflow.tune import HyperParameters

SHORT = CompressionConfig(sparsity=0.3, epochs=8, learning_rate=3e-3)


data = pytest.fixture(scope="module")(pulses)
student = pytest.fixture(scope="module")(small_student)


@pytest.fixture(scope="module")
def logits(data: Dataset) -> FloatArray:
    return stages.teacher_logits(small_teacher(data), data)


@pytest.mark.parametrize("method", METHODS)
def test_a_method_leaves_what_its_switches_say(data: Dataset, student: Model, logits: FloatArray, method: str) -> None:
    made = stages.compress(student, data, logits, replace(SHORT, method=method), Key(5))
    facts = made.facts(data)
    assert facts["accuracy_test"] > 0.7
    assert facts["steps"] == 8 * -(-len(data.train.x) // 32)
    assert facts["parameters"] == student.count_params()
    integers = method in ("full", "q", "q+p", "q+kd", "ptq")
    assert (facts["bits"], made.fixed is not None) == ((6, True) if integers else (32, False))
    pruned = method in ("full", "p", "q+p", "p+kd")
    assert facts["sparsity"] >= 0.3 if pruned else facts["sparsity"] < 0.3
    if made.fixed is not None:
        np.testing.assert_array_equal(made.fixed.predict(data.test.x), made.model.exact_logits(data.test.x))


def test_all_start_from_the_same_weights(data: Dataset, student: Model) -> None:
    blank = precision.rebuilt(student, student.layers, Key(4))
    plain = precision.floated(student, Key(4))
    assert plain.graph.param_names == blank.graph.param_names
    for mine, other in zip(plain.get_weights().values, blank.get_weights().values, strict=True):
        np.testing.assert_array_equal(mine, other)
    assert not any("Q" in type(layer).__name__ for layer in plain.layers)


def test_distillation_and_seed_are_no_decoration(data: Dataset, student: Model, logits: FloatArray) -> None:
    one = replace(SHORT, method="q", epochs=1)
    plain = stages.compress(student, data, logits, one, Key(5)).model.get_weights().values[0]
    taught = stages.compress(student, data, logits, replace(one, method="q+kd"), Key(5)).model.get_weights().values[0]
    other = stages.compress(student, data, logits, one, Key(6)).model.get_weights().values[0]
    again = stages.compress(student, data, logits, one, Key(5)).model.get_weights().values[0]
    assert not np.array_equal(plain, taught)
    assert not np.array_equal(plain, other)
    np.testing.assert_array_equal(plain, again)


def test_calibration_finds_the_ranges(data: Dataset, student: Model) -> None:
    """Weights within +-0.2 and activations up to a few hundred: the student's own ranges would lose both."""
    trained = precision.floated(student, Key(4))
    made = precision.calibrated(student, trained, data.train.x)
    weights = dict(zip(made.graph.param_names, made.get_weights().values, strict=True))
    for layer in made.layers:
        kernel = getattr(layer, "kernel_quantizer", None)
        if kernel is not None:
            largest = np.abs(weights[f"{layer.name}/kernel"]).max()
            assert largest / 4 <= 2.0**kernel.integer <= 2 * largest
    close = np.abs(made.logits(data.test.x) - trained.logits(data.test.x)).mean()
    own = precision.rebuilt(student, student.layers)
    precision.copy_weights(trained, own)
    assert close < np.abs(own.logits(data.test.x) - trained.logits(data.test.x)).mean() / 2


def test_a_float_network_is_quantised_after_training(data: Dataset) -> None:
    teacher = TeacherMLP(data)(HyperParameters(), Key(1))
    teacher.fit(data.train.x, data.train.y, epochs=5, key=2)
    eight, three = (precision.quantized(teacher, bits, data.train.x) for bits in (8, 3))
    accuracy = [m.evaluate(*data.test)[1] for m in (teacher, eight, three)]
    assert abs(accuracy[0] - accuracy[1]) < 0.02
    assert accuracy[2] < accuracy[1]
    assert {layer.kernel_quantizer.bits for layer in eight.layers if hasattr(layer, "kernel_quantizer")} == {8}


def test_masks_survive_calibration(data: Dataset, student: Model, logits: FloatArray) -> None:
    made = stages.compress(student, data, logits, replace(SHORT, method="p+ptq"), Key(5))
    assert made.fixed is not None
    assert made.fixed.sparsity >= 0.3


def test_a_student_without_types_is_fitted_to_the_data(data: Dataset) -> None:
    whole = fitted_to(zoo.build("psd_student"), data)
    freeze(whole, data.class_names)
    assert [type(layer).__name__ for layer in whole.layers[:2]] == ["Input", "Rescaling"]
    with pytest.raises(ConfigError, match=r"must take \(30,\) and give 4 logits"):
        fitted_to(zoo.build("clyc_student"), data)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "qp"}, "joined by"),
        ({"method": "q+ptq"}, "not together"),
        ({"method": "q+q"}, "joined by"),
        ({"sparsity": 1.0}, "above 0 and below 1"),
        ({"epochs": 0}, "must be positive"),
    ],
)
def test_a_senseless_configuration_is_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        CompressionConfig(**settings)  # type: ignore[arg-type]


def test_distillation_needs_a_teacher(data: Dataset, student: Model) -> None:
    with pytest.raises(ConfigError, match="needs a teacher"):
        stages.compress(student, data, None, SHORT, Key(5))


def test_float_counterparts() -> None:
    made = precision._float_activation(quantized_relu(6, 2, negative_slope=0.25), "a")
    assert type(made).__name__ == "ReLU"
    assert precision._float_activation(quantized_bits(6, 2, alpha=1), "a").config()["activation"] == "linear"


def test_the_command_compares_and_resumes(
    data: Dataset, student: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "dataset", lambda config: data)
    student.save(tmp_path / "student")
    TeacherMLP(data)(HyperParameters(), Key(1)).save(tmp_path / "teacher")
    words = ["compress", "psd", "--student", str(tmp_path / "student"), "--teacher", str(tmp_path / "teacher")]
    words += ["--epochs", "2", "--seeds", "2", "--out", str(tmp_path / "out"), "--method"]
    assert cli.main([*words, "q,ptq"]) == 0
    first = json.loads((tmp_path / "out/compress.json").read_text())
    assert [row["method"] for row in first["methods"]] == ["q", "ptq"]
    assert [row["seeds"] for row in first["methods"]] == [2, 2]
    assert first["methods"][0]["accuracy_test_std"] > 0
    assert "| ptq |" in capsys.readouterr().out
    assert "<svg" in (tmp_path / "out/compress.svg").read_text()
    trained = []
    real = stages.compress
    monkeypatch.setattr(stages, "compress", lambda *a, **k: (trained.append(a[3].method), real(*a, **k))[1])
    assert cli.main([*words, "ptq,full,q"]) == 0
    assert trained == ["full", "full"]
    again = {row["method"]: row for row in json.loads((tmp_path / "out/compress.json").read_text())["methods"]}
    assert again["q"] == first["methods"][0]
    assert cli.main([*words, "q"]) == 0  # fewer methods, and fewer seeds
    assert cli.main([*words, "full", "--seeds", "1"]) == 0
    assert trained == ["full", "full"]


@pytest.fixture(scope="module")
def trained_teacher(data: Dataset) -> Model:
    model = TeacherMLP(data)(HyperParameters(), Key(1))
    model.fit(data.train.x, data.train.y, epochs=10, key=2)
    return model


def test_a_teacher_is_compressed_from_its_own_weights(data: Dataset, trained_teacher: Model, tmp_path: Path) -> None:
    config = replace(SHORT, method="q+p", sparsity=0.6, epochs=6, learning_rate=1e-3)
    made = stages.compress_teacher(trained_teacher, data, 6, config, Key(5))
    found = teachers.before_after(trained_teacher, made, data, tmp_path)
    before, after = found["before"], found["after"]
    assert (before["bits"], after["bits"]) == (32, 6)
    assert before["sparsity"] < 0.01
    assert after["sparsity"] >= 0.6
    assert before["parameters"] == after["parameters"] == trained_teacher.count_params()
    assert after["size_bits"] < before["size_bits"] / 5
    assert after["accuracy_test"] > before["accuracy_test"] - 0.05
    assert before["file_bytes"] < sum(f.stat().st_size for f in (tmp_path / "before").iterdir())
    assert after["file_bytes"] < before["file_bytes"] / 3  # masks do not count
    blank = precision.rebuilt(made.model, made.model.layers, Key(5))
    blank.compile("adam")
    blank.fit(data.train.x, data.train.y, epochs=1, key=6)
    first = made.trained.history.history["loss"][0]
    assert first < blank.evaluate(data.train.x, data.train.y)[0]  # it did not begin anew
    assert made.fixed is None  # its scaling is no power of two
    table = teachers.markdown(found)
    assert f"| parameters | {before['parameters']:,} | {before['parameters']:,} | 1.00 |" in table
    assert "| zeros | 0.0 % | 60." in table


def test_a_compressed_teacher_reads_its_data_as_before(data: Dataset) -> None:
    model = Sequential([Input(data.shape), Dense(16, "tanh"), Dense(data.classes)], key=3)  # of raw counts
    model.compile(Adam(1e-2))
    model.fit(data.train.x, data.train.y, epochs=20, key=4)
    accuracy = model.evaluate(*data.test)[1]
    assert accuracy > 0.5
    config = replace(SHORT, method="q", epochs=1, learning_rate=1e-6)
    made = stages.compress_teacher(model, data, 12, config, Key(5))
    assert made.model.evaluate(*data.test)[1] == pytest.approx(accuracy, abs=0.02)


def test_what_came_to_nothing_is_said_and_does_not_teach(data: Dataset, student: Model, tmp_path: Path) -> None:
    steps = quantized_bits(2, 9, alpha=1, rounding="RND")  # of 256: all weights round to zero
    coarse = Sequential([Input(data.shape), QDense(4, kernel_quantizer=steps, bias_quantizer=steps)], key=1)
    report = Comparison(coarse, data, None, SHORT).run(["q", "none"], tmp_path)
    assert report["methods"][0]["failing"].startswith("seed 0, the network is dead")
    assert report["methods"][1]["failing"] is None
    assert "q came to nothing: seed 0, the network is dead" in (tmp_path / "compress.md").read_text()
    teacher = small_teacher(data)
    with pytest.raises(DataError, match=r"\[--teacher-method q\+p\] the network is dead.*Raise --teacher-bits"):
        stages.compress_teacher(teacher, data, 2, replace(SHORT, method="q+p", sparsity=0.99, epochs=2), Key(1))


def test_facts_of_before_say_of_no_failing(data: Dataset, student: Model, tmp_path: Path) -> None:
    comparison = Comparison(student, data, None, replace(SHORT, epochs=2))
    comparison.run(["q"], tmp_path)
    facts = tmp_path / "q_0/facts.json"
    kept = json.loads(facts.read_text())
    del kept["failing"]
    facts.write_text(json.dumps(kept))
    assert comparison.run(["q"], tmp_path)["methods"][0]["failing"] is None


def test_a_method_costs_what_its_dearest_seed_does(data: Dataset, student: Model, tmp_path: Path) -> None:
    config = replace(SHORT, epochs=2)
    report = Comparison(student, data, None, config, seeds=3).run(["q"], tmp_path)
    facts = [json.loads((tmp_path / f"q_{seed}/facts.json").read_text()) for seed in range(3)]
    for name in ("parameters", "bits", "size_bits", "ebops"):
        assert report["methods"][0][name] == max(f[name] for f in facts)
    assert len({f["ebops"] for f in facts}) == 3


def test_a_compressed_teacher_teaches(
    data: Dataset, student: Model, trained_teacher: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []
    real = stages.teacher_logits
    monkeypatch.setattr(stages, "teacher_logits", lambda t, d: (told.append(t), real(t, d))[1])
    config = replace(SHORT, epochs=2)
    small = replace(config, method="q+p")
    for _ in range(2):  # the second time it is loaded
        comparison = Comparison(student, data, trained_teacher, config, 0, small, 5)
        report = comparison.run(["full"], tmp_path)
    assert report["teacher_compressed"]["after"]["bits"] == 5
    assert [{k.kernel_quantizer.bits for k in t.layers if hasattr(k, "kernel_quantizer")} for t in told] == [{5}, {5}]
    np.testing.assert_array_equal(told[0].logits(data.test.x), told[1].logits(data.test.x))
    assert "| teacher (q+p) | before | after | ratio |" in (tmp_path / "compress.md").read_text()


def test_the_command_takes_data_as_run_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An application, a simulator, or a path; --data for an application that draws none."""
    taken: list[tuple[str | None, str]] = []
    sizes = []

    def dataset(config: RunConfig) -> Dataset:
        taken.append((config.application, config.data))
        sizes.append(config.image_size)
        raise ConfigError("[test] enough")

    monkeypatch.setattr(stages, "dataset", dataset)
    monkeypatch.chdir(tmp_path)
    for words in (["psd"], ["pest-3"], ["a.csv", "--image-size", "8x9"], ["mnist-mlp", "--data", "mnist"]):
        assert cli.main(["compress", *words, "--out", "out", "--method", "q"]) == 2
        assert "[test] enough" in capsys.readouterr().err
    paths = str(tmp_path / "a.csv"), str(tmp_path / "mnist")
    assert taken == [("psd", "psd"), (None, "pest-3"), (None, paths[0]), ("mnist-mlp", paths[1])]
    assert sizes == [None, None, (8, 9), None]
    for words, message in (
        (["mnist-mlp"], "[--data] the folder of MNIST's four IDX files is required"),
        (["psd", "--data", "a.csv"], "[--data] is for an application that draws no data of its own; got psd"),
        (["a.csv", "--data", "b.csv"], "[--data] is for an application that draws no data of its own; got a.csv"),
    ):
        assert cli.main(["compress", *words, "--out", "out", "--method", "q"]) == 2
        assert message in capsys.readouterr().err


def test_the_command_says_what_it_lacks(
    data: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "dataset", lambda config: data)
    assert cli.main(["compress", "psd"]) == 2
    assert "[--out] must name a directory for what is made of data; got none" in capsys.readouterr().err
    assert cli.main(["compress", "psd", "--out", str(tmp_path), "--method", "q", "--student", "resent20"]) == 2
    assert "got 'resent20'; did you mean resnet20?" in capsys.readouterr().err
    assert cli.main(["compress", "psd", "--out", str(tmp_path), "--teacher-method", "q", "--method", "q"]) == 2
    assert "needs a teacher" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--method", "q,kd"], "distillation needs a teacher"),
        (["--method", "foo"], "[--method] must be"),
        (["--method", "q,p,q"], "[--method] must name each method once; got q,p,q"),
        (["--method", "none", "--ebops", "500"], "[--ebops] needs a method that quantizes; got --method none"),
        (["--method", "q,ptq", "--sparsity", "0.9"], "[--sparsity] needs a method that prunes"),
        (["--method", "q,p", "--hint", "features:a=b"], "[--hint] needs a method that distils"),
        (["--method", "q,p", "--alpha", "0.5"], "[--alpha] needs a method that distils"),
        (["--method", "q", "--teacher-bits", "6"], "[--teacher-bits] needs a --teacher-method with q or ptq; got none"),
    ],
)
def test_what_would_do_nothing_is_refused_before_anything_is_read(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "dataset", lambda config: pytest.fail("data were read"))
    assert cli.main(["compress", "psd", "--out", "out", *words]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--label", "kind"], ["--image-size", "8x8"], ["--bits", "6"], ["--data", "a.csv"]])
def test_a_run_has_its_own(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "report.json").write_text("{}")
    assert cli.main(["compress", str(tmp_path), "--method", "q", *words]) == 2
    assert f"[{words[0]}] is for" in capsys.readouterr().err


def test_an_application_compresses_its_own_student(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its family's first student, at its bits and zeros: in mnist-mlp five neurons, no convolution."""
    made: list[Comparison] = []
    images = np.round(Key(1).uniform(100 * 784) * 255).reshape(100, 28, 28, 1).astype(np.float32)
    kind = FixedPoint(8, 8, False, "TRN", "SAT")
    digits = Dataset.make("digits", images, np.arange(100) % 10, tuple("0123456789"), kind, Key(2))
    monkeypatch.setattr(stages, "dataset", lambda config: digits)
    monkeypatch.setattr(Comparison, "run", lambda self, methods, out: made.append(self) or pytest.fail("enough"))
    for words in ([], ["--bits", "4", "--sparsity", "0.3"]):
        with pytest.raises(BaseException, match="enough"):
            cli.main(["compress", "mnist-mlp", "--data", "d/", "--out", "out", "--method", "q+p", *words])
    first = next(layer for layer in made[0].student.layers if isinstance(layer, QDense))
    assert first.units == 5
    bits = [next(iter(precision.widths(m.student).values())) for m in made]
    assert (bits, [m.config.sparsity for m in made]) == ([6, 4], [0.49, 0.3])


@pytest.mark.parametrize(
    ("words", "bits"),
    [(["FLOAT"], 8), (["FLOAT", "--bits", "6"], 6), (["psd_student", "--bits", "5"], 5), (["psd_student"], 8)],
)
def test_a_float_student_gets_quantisers(
    words: list[str], bits: int, data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file's, or a network of the zoo: q could not be frozen without."""
    monkeypatch.setattr(stages, "dataset", lambda config: data)
    source = Sequential([Input(data.shape), Dense(6, "relu"), Dense(data.classes), Activation("softmax")])
    source.save(tmp_path / "float")
    with pytest.raises(ConfigError, match="ptq needs a student with quantisers"):
        stages.compress(source, data, None, replace(SHORT, method="ptq"), Key(5))
    words = [str(tmp_path / "float") if word == "FLOAT" else word for word in words]
    out = tmp_path / "out"
    asked = ["--method", "q,ptq,none", "--epochs", "1", "--out", str(out)]
    assert cli.main(["compress", "psd", "--student", *words, *asked]) == 0
    rows = json.loads((out / "compress.json").read_text())["methods"]
    assert [row["bits"] for row in rows] == [bits, bits, 32]


def test_a_student_of_the_zoo_is_built_for_the_data(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Comparison] = []
    images = Dataset.make(
        "images", data.x[:, :27].reshape(-1, 3, 3, 3), data.y, data.class_names, data.input_type, Key(2)
    )
    monkeypatch.setattr(stages, "dataset", lambda config: images)
    monkeypatch.setattr(Comparison, "run", lambda self, methods, out: made.append(self) or pytest.fail("enough"))
    with pytest.raises(BaseException, match="enough"):
        cli.main(["compress", "psd", "--student", "resnet8", "--method", "q", "--out", "out"])
    assert (made[0].student.input_shape, made[0].student.output_shape) == ((3, 3, 3), (data.classes,))
    assert precision.is_quantized(made[0].student)


def test_a_student_with_quantisers_keeps_its_bits(
    data: Dataset, student: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "dataset", lambda config: data)
    student.save(tmp_path / "student")
    words = ["--student", str(tmp_path / "student"), "--method", "q", "--out", str(tmp_path / "out"), "--bits", "6"]
    assert cli.main(["compress", "psd", *words]) == 2
    assert "[--bits] is for a student that has none" in capsys.readouterr().err


def test_a_diverged_training_is_no_result(data: Dataset, student: Model, tmp_path: Path) -> None:
    wild = replace(SHORT, method="none", learning_rate=1e30)
    with pytest.raises(DataError, match=r"method none.*ended in NaN"):
        stages.compress(student, data, None, wild, Key(5))
    with pytest.raises(DataError, match=r"seed 0 of 0 to 1.*method none"):
        Comparison(student, data, None, wild, seeds=2).run(["none"], tmp_path / "out")


def test_another_split_type_or_topology_is_another_comparison(
    data: Dataset, student: Model, trained_teacher: Model
) -> None:
    def settings(of: Comparison) -> str:
        return json.dumps(of._settings(), sort_keys=True)

    def calm(layer: Layer) -> Layer:
        return replace(layer, activation="tanh") if isinstance(layer, Dense) and layer.activation else layer

    own = Comparison(student, data, trained_teacher, SHORT)
    train, valid, test = data.indices
    turned = replace(data, indices=Indices(train, test, valid))
    wide = replace(data, input_type=FixedPoint(data.input_type.bits + 1, data.input_type.integer + 1, False))
    other = Sequential([calm(layer) for layer in trained_teacher.layers])
    other.set_weights(trained_teacher.get_weights())
    others = [replace(own, data=turned), replace(own, data=wide), replace(own, teacher=other)]
    assert len({settings(own), *map(settings, others)}) == 4
