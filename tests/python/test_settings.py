"""Configurations: one file of RunConfig's own keys, checked; what comes later wins."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from qkdflow import cli, configure, settings, workflow
from qkdflow.applications import APPLICATIONS
from qkdflow.config import RunConfig
from qkdflow.errors import ConfigError
from qkdflow.export.hls import HlsConfig


def made(base: dict[str, Any], *sets: str) -> RunConfig:
    return settings.make_config(settings.merged(base, settings.parse_set(sets)))


@pytest.mark.parametrize("name", APPLICATIONS)
def test_the_file_of_an_application_means_the_same_as_its_name(name: str, tmp_path: Path) -> None:
    text = settings.to_toml(name)
    (tmp_path / "run.toml").write_text(text)
    given = {"data": "./here"} if APPLICATIONS[name].data else {}
    by_file = settings.make_config({**settings.read_toml(tmp_path / "run.toml"), **given})
    by_name = settings.make_config({**settings.preset(name), **given})
    assert by_file == by_name
    assert by_file.work == by_name.work
    for f in fields(RunConfig):  # every key stands there, with a sentence
        assert f"\n{f.name} =" in text or f"\n# {f.name} =" in text or f"\n[{f.name}]" in text


def test_configure_is_an_application_with_changes() -> None:
    found = configure("psd", bits=6, effort={"samples": 600}, hls={"reuse_factor": 15})
    assert found == made(settings.preset("psd"), "bits=6", "effort.samples=600", "hls.reuse_factor=15")
    assert found.work.samples == 600
    assert Path(configure("clyc", data="./pulses.csv").data) == Path("pulses.csv").resolve()
    with pytest.raises(ConfigError, match="did you mean sparsity"):
        configure("psd", sparsty=0.5)


def test_init_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["init", "psd"]) == 0
    assert capsys.readouterr().out == settings.to_toml("psd")
    assert cli.main(["init", "psb"]) == 2
    assert "did you mean psd" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bits = ", r"run.toml\] TOML is required; got: "),
        ("bits = 8\nbits = 6", r"TOML is required; got: "),
        ("bit = 8", r"run.toml\] has a key that is not known: bit; did you mean bits\?"),
        ("qqq = 4", r"not known: qqq; there are data, label, seed"),
        ("bits = 8.5", r"run.toml: bits\] must be a whole number or a list of 2 whole numbers; got 8.5"),
        ("bits = true", r"run.toml: bits\] must be a whole number or a list of 2 whole numbers; got True"),
        ("sparsity = 'half'", r"run.toml: sparsity\] must be a number; got 'half'"),
        ("max_parameters = '529'", r"must be a whole number; got '529'"),
        ("image_size = [80, 'x']", r"image_size\] must be a whole number; got 'x'"),
        ("hls = 'Vitis'", r"hls\] must be a table; got 'Vitis'"),
        (
            "[hls]\nreuse_facto = 2",
            r"run.toml: hls\] has a key that is not known: reuse_facto; did you mean reuse_factor",
        ),
        ("effort = 3", r"effort\] must be a table; got 3"),
    ],
)
def test_a_wrong_file_is_one_line_that_says_where(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        settings.read_toml(tmp_path / "run.toml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        (["effort.student_trial=3"], r"\[effort\] has .*; got 'student_trial'; did you mean student_trials\?"),
        (["effort.student_trials=0"], r"\[effort\] student_trials must be a whole number from 1 on; got 0"),
        (["student_network.kind=rnn"], r"\[student_network\] kind must be mlp, cnn or resnet; got 'rnn'"),
        (["student_network.kind=['mlp']"], r"\[student_network\] kind must be mlp, cnn or resnet; got \['mlp'\]"),
        (["student_network.widths=[5,5,1]"], r"widths\] must be a list of 3 whole numbers; got 5"),
        (["teacher_network={kind='cnn',kernels=[16,32]}"], r"kernels\] must be a list of 3 whole numbers; got \["),
        (["teacher_network={kind='cnn',kernels=16}"], r"kernels\] must be a list of 3 whole numbers; got 16"),
        (["student_network={kind='cnn',convolutions='four'}"], r"convolutions\] must be a whole number; got 'four'"),
        (["student_network={kind='cnn',batch_normalization='false'}"], r"must be true or false; got 'false'"),
        (['data="a\\u0000b.csv"'], r"\[--data\] and --teacher must be names of files; got '.*a\\x00b.csv'"),
        (["constraints.part=5"], r"\[constraints\] part must be the name of a part; got 5"),
        (
            ["student_network.kernels=3"],
            r"\[student_network\] of kind mlp has kind, widths, learning_rate, pool; got 'kernels'",
        ),
        (["teacher_network.kind=cnn", "teacher_network.kernel=3"], r"got 'kernel'; did you mean kernels\?"),
        (["data=psb"], r"\[data\] must be one of psd.*did you mean psd"),
        (["bits=[10, 4]"], r"\[--bits\] must be 2 to 16, or the least and the most of each layer; got \(10, 4\)"),
        (["bits=[4]"], r"bits\] must be a list of 2 whole numbers"),
        (["augmentation.flips=true"], r"augmentation\] has a key that is not known: flips; did you mean flip\?"),
        (["augmentation.crop=-1"], r"\[Augmentation\] crop must be a whole number from 0 to 2\^31 - 1; got -1"),
        (["image_size=[0, 3]"], r"\[--image-size\] must be height and width"),
        (["application=psb"], r"did you mean psd"),
        (["bits"], r"\[--set\] must be KEY=VALUE or TABLE.KEY=VALUE; got 'bits'"),
        (["bit=3"], r"\[--set\] has a key that is not known: bit; did you mean bits\?"),
    ],
)
def test_a_wrong_value_is_refused(sets: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        made(settings.preset("psd"), *sets)


def test_data_must_be_given_where_no_simulator_draws_them() -> None:
    with pytest.raises(ConfigError, match=r"\[--data\] the folder of MNIST's four IDX files is required"):
        made(settings.preset("mnist-cnn"))


def test_later_settings_win_and_tables_mix() -> None:
    config = made(settings.preset("psd"), "bits=6", "hls.clock_ns=4", "hls.part=xc7z020clg484-1", "effort.samples=800")
    assert (config.bits, config.max_parameters, config.work.samples) == (6, 529, 800)
    assert config.hls == HlsConfig(clock_ns=4.0, part="xc7z020clg484-1")
    assert made({"hls": {"board": "pynq-z2"}, "data": "psd"}, "hls.part=xc7z020clg484-1").hls.board is None
    cnn = made({**settings.preset("mnist-mlp"), "data": "./x"}, "student_network.kind=cnn")
    assert cnn.student_network == {"kind": "cnn"}  # an option of the other kind is gone


def test_paths_are_absolute_whoever_gives_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file's begin in its folder, the command line's where it was typed; a run is then resumed from anywhere."""
    seen: list[RunConfig] = []
    monkeypatch.setattr(workflow, "run", lambda config, *_: (seen.append(config), pytest.fail("enough"))[0])
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there" / "run.toml").write_text('data = "../a.csv"\nteacher = "t.keras"\n')
    for args in (
        ["there/run.toml"],
        ["there/run.toml", "--set", "data=./b", "--set", "teacher=t"],
        ["psd", "--teacher", "there/t.onnx"],
    ):
        with pytest.raises(pytest.fail.Exception):
            cli.main(["run", *args, "--out", "r"])
    here = str(tmp_path)
    assert [(config.data, config.teacher) for config in seen] == [
        (f"{here}/a.csv", f"{here}/there/t.keras"),
        (f"{here}/b", f"{here}/t"),
        ("psd", f"{here}/there/t.onnx"),
    ]
    with pytest.raises(ConfigError, match="did you mean psd"):
        settings.make_config(settings.parse_set(["data=psx"]))


def test_the_command_line_is_the_same_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[RunConfig] = []

    def stop(config: RunConfig, out: str, *_: object) -> None:
        seen.append(config)
        raise ConfigError("[stop] enough")

    monkeypatch.setattr(workflow, "run", stop)
    (tmp_path / "run.toml").write_text('data = "psd"\nbits = 7\nsparsity = 0.5\n[hls]\nclock_ns = 8\n')
    out = ["--out", str(tmp_path / "r")]
    for args in (
        ["psd", "--bits", "6", "--clock", "4"],
        [str(tmp_path / "run.toml"), "--set", "bits=5", "--set", "sparsity=0.25", "--sparsity", "0.3"],
        ["mnist-mlp", "--data", str(tmp_path), "--image-size", "8x9"],
        ["--data", "a.csv", "--label", "kind", "--bits", "4-10"],
    ):
        assert cli.main(["run", *args, *out]) == 2
    psd, file, mnist, csv = seen
    assert psd == RunConfig("psd", application="psd", bits=6, max_parameters=529, hls=HlsConfig(clock_ns=4.0))
    assert (file.bits, file.sparsity, file.hls.clock_ns) == (5, 0.3, 8.0)
    assert (mnist.data, mnist.image_size, mnist.work.teacher_trials) == (str(tmp_path), (8, 9), 3)
    assert (Path(csv.data).name, Path(csv.data).is_absolute(), csv.label) == ("a.csv", True, "kind")
    assert csv.bits == (4, 10) == made({}, "data=./a.csv", "bits=[4, 10]").bits
