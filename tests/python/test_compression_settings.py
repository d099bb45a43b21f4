"""Compression beside its method: what is pruned together, what is learnt of a teacher, a budget of EBOPs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pulse_networks import pulses, small_student, small_teacher
from qkdflow import Key, cli, stages
from qkdflow.compression import Compressed, CompressionConfig
from qkdflow.datasets import Dataset
from qkdflow.errors import ConfigError, DataError
from qkdflow.hypermodels import StudentMLP
from qkdflow.models import AttentionHint, FeatureHint, Model
from qkdflow.models.teaching import hint
from qkdflow.sparsity import BramGroups, DspGroups, Neurons, NofM, Weights, structure
from qkdflow.tune import HyperParameters

SHORT = CompressionConfig(method="q+p", sparsity=0.5, epochs=8, learning_rate=3e-3)


data = pytest.fixture(scope="module")(pulses)
student = pytest.fixture(scope="module")(small_student)
teacher = pytest.fixture(scope="module")(small_teacher)


def compressed(data: Dataset, student: Model, config: CompressionConfig, teacher: Model | None = None) -> Compressed:
    logits = None if teacher is None else stages.teacher_logits(teacher, data)
    return stages.compress(student, data, logits, config, Key(5), teacher=teacher)


def kernels(model: Model) -> list[np.ndarray]:
    return [model.effective(model.graph.param_names[i]) for i in model.graph.prunable_params]


def test_the_words_of_pruning() -> None:
    expected = {
        "layer": (Weights(), "layer"),
        "global": (Weights(), "global"),
        "neurons": (Neurons(), "layer"),
        "2:4": (NofM(2, 4), "layer"),
        "dsp:4": (DspGroups(4), "layer"),
        "bram:4:9": (BramGroups(4, 9), "layer"),
    }
    assert {word: structure(word) for word in expected} == expected


@pytest.mark.parametrize("word", ["", "2", "2:", "a:4", "dsp", "dsp:x", "bram:4", "2:4:8", "Layer"])
def test_another_word_is_refused(word: str) -> None:
    with pytest.raises(ConfigError, match=r"\[--pruning\] must be layer, global, neurons, N:M, dsp:R or bram:R:BITS"):
        CompressionConfig(pruning=word)


def test_two_of_four_weights_stay(data: Dataset, student: Model) -> None:
    made = compressed(data, student, replace(SHORT, pruning="2:4"))
    for kernel in kernels(made.model):
        whole = kernel[: len(kernel) // 4 * 4].reshape(-1, 4, kernel.shape[-1])
        assert ((whole != 0).sum(axis=1) <= 2).all()
    with pytest.raises(ConfigError, match=r"--sparsity\] must be 0\.5 where --pruning is 2:4; got 0\.3"):
        replace(SHORT, pruning="2:4", sparsity=0.3)


def test_multipliers_go_as_a_whole(data: Dataset, student: Model) -> None:
    made = compressed(data, student, replace(SHORT, pruning="dsp:5", method="p"))
    kernel = kernels(made.model)[0]  # (30, n): six multipliers of five weights an output
    alive = (kernel.T.reshape(-1, 5) != 0).any(axis=1)
    assert alive.sum() <= np.ceil(0.5 * len(alive))


def test_layers_share_a_global_sparsity(data: Dataset, student: Model) -> None:
    made = compressed(data, student, replace(SHORT, pruning="global", method="p"))
    shares = [float((kernel == 0).mean()) for kernel in kernels(made.model)]
    assert made.facts(data)["sparsity"] >= 0.49
    assert max(shares) - min(shares) > 0.1


def test_without_neurons_a_smaller_network_is_built(data: Dataset, student: Model) -> None:
    made = compressed(data, student, replace(SHORT, pruning="neurons"))
    assert made.fixed is not None
    assert made.fixed.parameters < 0.7 * student.count_params()
    np.testing.assert_array_equal(made.fixed.predict(data.test.x), made.model.exact_logits(data.test.x))


def test_bits_are_learnt_within_a_budget(data: Dataset, student: Model) -> None:
    config = replace(SHORT, method="q", epochs=16, learning_rate=1e-2)
    plain = compressed(data, student, config).facts(data)["ebops"]
    made = compressed(data, student, replace(config, ebops=plain // 2))
    assert made.facts(data)["ebops"] <= plain // 2
    assert made.fixed is not None
    np.testing.assert_array_equal(made.fixed.predict(data.test.x), made.model.exact_logits(data.test.x))
    with pytest.raises(DataError, match=r"no epoch had 1 EBOPs or fewer; the last had [\d,]+\. Raise --ebops"):
        compressed(data, student, replace(SHORT, method="q", ebops=1, epochs=2))


def test_a_budget_that_is_met_from_the_start_does_not_cut_pruning_short(data: Dataset, student: Model) -> None:
    made = compressed(data, student, replace(SHORT, ebops=10**6, learning_rate=1e-2))
    assert made.facts(data)["sparsity"] >= 0.5


@pytest.mark.parametrize("bits", [6, 15])
def test_learned_bits_begin_with_any_grid(data: Dataset, bits: int) -> None:
    student = StudentMLP(data, bits)(HyperParameters())
    made = compressed(data, student, replace(SHORT, method="q", ebops=10**6, epochs=1))
    assert made.fixed is not None


def test_without_neurons_a_network_is_quantised_afterwards_too(data: Dataset, student: Model) -> None:
    made = compressed(data, student, replace(SHORT, pruning="neurons", method="p+ptq"))
    assert made.fixed is not None
    assert made.fixed.parameters < 0.7 * student.count_params()


def test_the_words_of_a_hint() -> None:
    assert hint("features:q1=dense_2") == FeatureHint("q1", "dense_2")
    assert hint("attention:q1=conv@0.25") == AttentionHint("q1", "conv", 0.25)
    for text in ("q1=conv", "features:q1", "features:q1=a@b", "colours:q1=a"):
        with pytest.raises(ConfigError, match=r"\[--hint\] must be features:LAYER=TEACHERS_LAYER"):
            CompressionConfig(hints=(text,))


def test_what_is_learnt_of_the_teacher_matters(data: Dataset, student: Model, teacher: Model) -> None:
    inside = f"features:{student.layers[2].name}={teacher.layers[2].name}"
    once = replace(SHORT, method="q+kd", epochs=1)
    configs = [once, replace(once, distillation="logits_mse"), replace(once, hints=(inside,))]
    found = [compressed(data, student, config, teacher).model.get_weights().values[0] for config in configs]
    assert not any(np.array_equal(found[i], found[j]) for i, j in ((0, 1), (0, 2), (1, 2)))
    with pytest.raises(ConfigError, match="must be logits, logits_mse, probabilities or reference; got 'softmax'"):
        CompressionConfig(distillation="softmax")


def test_the_command_has_them(
    data: Dataset,
    student: Model,
    teacher: Model,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stages, "dataset", lambda config: data)
    student.save(tmp_path / "student")
    teacher.save(tmp_path / "teacher")
    inside = f"features:{student.layers[2].name}={teacher.layers[2].name}@0.5"
    words = ["compress", "psd", "--student", str(tmp_path / "student"), "--teacher", str(tmp_path / "teacher")]
    words += ["--out", str(tmp_path / "out"), "--method", "full", "--epochs", "2", "--pruning", "2:4", "--hint", inside]
    assert cli.main([*words, "--distillation", "probabilities"]) == 0
    assert "EBOPs" in capsys.readouterr().out
    words[words.index("--out") + 1] = str(tmp_path / "taught")
    assert cli.main([*words, "--teacher-method", "q+kd"]) == 0  # hints are the student's
    capsys.readouterr()
    report = json.loads((tmp_path / "taught/compress.json").read_text())
    assert report["settings"]["sparsity"] == 0.5  # of 2:4, not the application's
    assert cli.main([*words, "--pruning", "3:2"]) == 2
    assert "n must be above 0 and below m; got 3 of 2" in capsys.readouterr().err
