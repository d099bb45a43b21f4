"""Images in folders walk the line; a run knows its data by their digest."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from qkdflow import Key, hypermodels, load_run, stages, workflow
from qkdflow.config import RunConfig
from qkdflow.errors import ConfigError
from qkdflow.export.hls import HlsConfig
from qkdflow.models.training import Augmentation
from qkdflow.runs import open_run
from qkdflow.tune import HyperParameters
from small_runs import PSD

pytestmark = pytest.mark.usefixtures("small")


def image_tree(root: Path) -> Path:
    """Grey images of 12 x 12: a bright bar, upright or lying, anywhere."""
    rng = np.random.default_rng(0)
    for part, count in (("train", 60), ("test", 20)):
        for label in ("lying", "upright"):
            (root / part / label).mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(0, 60, (12, 12), np.uint8)
                row, column = rng.integers(1, 6, 2)
                pixels[row : row + 5, column + 2] = 220
                turned = pixels if label == "upright" else pixels.T
                Image.fromarray(turned).save(root / part / label / f"{i}.png")
    return root


def test_images_walk_the_line_with_convolutions_and_without(tmp_path: Path) -> None:
    root = image_tree(tmp_path / "bars")
    small = {"kind": "cnn", "convolutions": 2, "pool_every": 1, "dense": 1}
    config = RunConfig(
        str(root),
        sparsity=0.4,
        max_parameters=700,
        transport="axi_dma",
        hls=HlsConfig(io_type="io_stream"),
        teacher_network={**small, "kernels": [4, 8, 4]},
        student_network={**small, "batch_normalization": False},
        effort={"least_steps": 20, "train_rows": 80, "student_restarts": 1},
    )
    report = workflow.run(config, tmp_path / "r")
    assert report["dataset"]["split"] == {"train": 80, "valid": 14, "test": 40}
    assert "80 rows of the train part" in report["dataset"]["source"]
    assert (report["assessment"]["samples"], report["assessment"]["mismatches"]) == (40, 0)
    assert report["float_vs_fixed"]["exact_mismatches"] == 0
    assert report["student"]["sparsity"] >= 0.4
    assert all(t["parameters"] <= 700 for t in report["student_search"]["trials"])
    assert {layer["kind"] for layer in report["student"]["layers"]} >= {"conv", "dense"}
    flat = replace(config, student_network={"kind": "mlp", "widths": [[4, 4, 1]]}, teacher_network={})
    report = workflow.run(flat, tmp_path / "flat")
    assert report["student"]["parameters"] == 144 * 4 + 4 + 4 * 2 + 2
    assert (report["assessment"]["mismatches"], report["float_vs_fixed"]["exact_mismatches"]) == (0, 0)


def test_augmentation_changes_what_teacher_and_student_see(tmp_path: Path) -> None:
    net = {"kind": "cnn", "convolutions": 1, "pool_every": 1, "dense": 1}
    plain = RunConfig(
        str(image_tree(tmp_path / "bars")),
        teacher_network={**net, "kernels": [4, 4, 4]},
        student_network={**net, "batch_normalization": False},
        effort={"least_steps": 1, "teacher_trials": 1, "student_trials": 1, "student_restarts": 1},
    )
    data, weights = stages.dataset(plain), []
    logits = np.zeros((len(data.train.x), 2), np.float32)
    for config in (plain, replace(plain, augmentation=Augmentation(flip=True, crop=2))):
        teachers = stages.search_teacher(data, config, Key(1))
        students = stages.search_student(data, logits, config, Key(2))
        teacher = stages.train_teacher(data, teachers, config, Key(1))
        student = stages.train_student(data, logits, students, config, Key(2))
        weights.append([found.model.get_weights().values[0] for found in (teacher, student)])
    assert all((one != other).any() for one, other in zip(*weights, strict=True))


def test_augmentation_that_the_data_do_not_allow_is_refused_before_a_training(tmp_path: Path) -> None:
    for change in (Augmentation(flip=True), Augmentation(crop=1)):
        with pytest.raises(ConfigError, match=r"\[augmentation\] needs images .* samples are \(30,\)"):
            workflow.run(replace(PSD, augmentation=change), tmp_path / "r")
    bars = RunConfig(str(image_tree(tmp_path / "bars")), augmentation=Augmentation(crop=12))
    with pytest.raises(ConfigError, match=r"larger than its crop of 12; samples are \(12, 12, 1\)"):
        workflow.run(bars, tmp_path / "r2")


def test_a_network_of_the_zoo_begins_with_what_it_learned_of_textures(tmp_path: Path) -> None:
    config = RunConfig(
        str(image_tree(tmp_path / "bars")),
        hls=HlsConfig(io_type="io_stream"),
        transport="axi_dma",
        teacher_network={"kind": "zoo", "network": "resnet8"},
        student_network={"kind": "resnet", "blocks": 1, "width": 4},
        effort={"pretext_samples": 112, "pretext_epochs": 1, "teacher_trials": 1, "student_trials": 1},
    )
    report = workflow.run(config, tmp_path / "r")
    assert (report["pretext"]["task"], report["pretext"]["samples"]) == ("textures", 112)
    assert report["assessment"]["mismatches"] == 0
    base = workflow.load_model(tmp_path / "r" / "02_pretext")
    begun = stages._begun(hypermodels.TeacherZoo(load_run(tmp_path / "r").dataset, "resnet8")(HyperParameters()), base)
    own, given = ({n: model.effective(n) for n in model.graph.param_names} for model in (begun, base))
    same = {name for name in own if own[name].shape == given[name].shape and (own[name] == given[name]).all()}
    assert set(own) - same == {"conv2d/kernel", "dense/kernel", "dense/bias"}


def test_a_changed_file_below_a_folder_is_noticed(tmp_path: Path) -> None:
    root = image_tree(tmp_path / "bars")
    before = workflow.file_digest(root)
    assert workflow.file_digest(root) == before
    (root / "train/lying/0.png").rename(root / "train/lying/x.png")
    assert workflow.file_digest(root) != before


def test_a_digest_is_of_what_is_read_through_links_and_not_of_a_run_beside_it(tmp_path: Path) -> None:
    real, root = image_tree(tmp_path / "bars"), tmp_path / "linked"
    root.mkdir()
    for part in ("train", "test"):
        (root / part).symlink_to(real / part)
    before = workflow.file_digest(root)
    assert before == workflow.file_digest(real)
    (root / "README").write_text("where they are from")
    with open_run(root / "r", PSD.to_dict(), workflow._steps(PSD)):
        assert workflow.file_digest(root) == before
    Image.fromarray(np.zeros((12, 12), np.uint8)).save(real / "train/lying/0.png")
    assert workflow.file_digest(root) != before


def test_large_files_are_hashed_in_pieces(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(bytes(range(200)))
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("read whole"))
    monkeypatch.setattr(workflow, "_PIECE", 64)
    assert workflow.file_digest(tmp_path / "a.csv") == hashlib.sha256(bytes(range(200))).hexdigest()
