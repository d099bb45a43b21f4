"""The hls4ml project before any compiler: checks ahead, bytes that repeat, recreation without qkdflow."""

from __future__ import annotations

import errno
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fixed_graphs import GRAPHS, Build
from fixed_models import COUNTS, mlp
from qkdflow import FixedPoint, Key
from qkdflow.errors import ConfigError, DataError, ToolError
from qkdflow.export import recreate
from qkdflow.export.hls import BACKENDS, HlsConfig, HlsProject, write_hls
from qkdflow.export.preflight import valid_reuse_factors
from qkdflow.fixed import FixedModel
from qkdflow.hardware.boards import boards, find_part, parts

DISTRIBUTED = "distributed_arithmetic"
needs_hls4ml = pytest.mark.skipif(importlib.util.find_spec("hls4ml") is None, reason="hls4ml is not installed")


def tree(directory: Path) -> dict[str, bytes]:
    return {str(p.relative_to(directory)): p.read_bytes() for p in directory.rglob("*") if p.is_file()}


def test_every_board_carries_a_known_part() -> None:
    for board, part in boards().items():
        assert find_part(board=board) == parts()[part]
    for part in parts().values():
        assert min(part.lut, part.ff, part.dsp, part.bram36) > 0
        assert part.source
    assert find_part(board="pynq-z2").lut == 53_200
    assert find_part("xc7a35tcpg236-1").dsp == 90


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"part": "xc7z020clg484"}, r"got 'xc7z020clg484'; did you mean xc7z020clg484-1 or xc7z020clg400-1"),
        ({"part": "nothing like it"}, r"known: xc7a100tcsg324-1, "),
        ({"board": "pynqz2"}, r"got 'pynqz2'; did you mean pynq-z2"),
        ({"board": "basys3", "part": "xc7z020clg400-1"}, r"basys3 carries xc7a35tcpg236-1"),
        (
            {"backend": "vitis"},
            r"backend must be one of Vitis, Vivado, VivadoAccelerator, Quartus, oneAPI, Catapult; got 'vitis'",
        ),
        ({"strategy": "DA"}, r"strategy must be one of Latency, Resource, Unrolled, distributed_arithmetic; got 'DA'"),
        ({"strategy": {"fc1": "slow"}}, r"strategy must be one of .* got 'slow'"),
        ({"backend": "oneAPI", "board": "pynq-z2"}, r"oneAPI takes an Intel part, such as Arria10; got pynq-z2"),
        ({"io_type": "axi"}, r"io_type must be one of io_parallel, io_stream; got 'axi'"),
        ({"clock_ns": 0}, r"clock_ns, the period, must lie between 0 and 1000; got 0"),
        ({"clock_ns": float("nan")}, r"got nan"),
        ({"reuse_factor": 0}, r"whole number from 1 on; got 0"),
        ({"reuse_factor": {"fc1": 1.5}}, r"whole number from 1 on"),
        (
            {"backend": "VivadoAccelerator", "board": "basys3"},
            r"one of the boards pynq-z2, zcu102; got basys3",
        ),
        ({"backend": "VivadoAccelerator", "part": "xc7z020clg400-1"}, r"got xc7z020clg400-1"),
    ],
)
def test_config_refuses(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        HlsConfig(**options)  # type: ignore[arg-type]


def test_strategies_and_interfaces_are_also_known_by_the_estimators_words() -> None:
    assert HlsConfig(strategy="latency", io_type="stream") == HlsConfig(strategy="Latency", io_type="io_stream")
    assert HlsConfig(strategy={"fc1": "RESOURCE"}).strategy == {"fc1": "Resource"}


@needs_hls4ml
def test_reuse_factor_rule_is_hls4mls() -> None:
    from hls4ml.backends import get_backend

    backend = get_backend("Vitis")
    for n_in in (1, 2, 5, 12, 16, 30, 31):
        for n_out in (1, 3, 4, 10, 15, 32):
            assert valid_reuse_factors(n_in, n_out) == backend.get_valid_reuse_factors(n_in, n_out)


def renamed(model: FixedModel, old: str, new: str) -> FixedModel:
    """A chain with one layer's name changed."""
    names = {layer.name: layer.name for layer in model.layers} | {old: new}
    layers = tuple(replace(layer, name=names[layer.name], inputs=()) for layer in model.layers)  # type: ignore[type-var]
    return replace(model, layers=layers)


def test_preflight_refuses_before_anything_is_written(tmp_path: Path) -> None:
    model = mlp(Key(1), (30, 15, 4))
    wide = mlp(Key(1), (30, 4), weight_type=FixedPoint(40, 4), bias_type=FixedPoint(60, 6))
    lone = FixedPoint(1, 1, True, "RND", "SAT_SYM")
    one_bit = mlp(Key(1), (30, 15, 4), activation="linear", activation_type=lone)
    b = Build(Key(1), (4,), FixedPoint(3, 3, False))
    rows = b.embedding(5, 2, FixedPoint(54, 3))
    b.cut()
    b.reshape()
    b.dense(2)
    resource = HlsConfig(strategy="Resource", reuse_factor=8)
    cases: list[tuple[FixedModel, HlsConfig, str]] = [
        (
            model,
            resource,
            r"reuse factors must split their layers evenly; got 8 for fc1 \(30 x 15, Resource; nearest: 6 and 10\), "
            r"8 for fc2 \(15 x 4, Resource; nearest: 5 and 15\)",
        ),
        (model, replace(resource, reuse_factor={"fc1": 450, "fc2": 61}), r"evenly; got 61 for fc2 .*nearest: 60\)$"),
        (model, HlsConfig(strategy="Unrolled", reuse_factor=450), r"got 450 for fc1 .*Unrolled; nearest: 150"),
        (model, HlsConfig(strategy={"fc2": "Unrolled"}), r"fc2: strategy Unrolled needs a reuse factor above 1"),
        (
            model,
            HlsConfig(strategy={"fc1": DISTRIBUTED}, reuse_factor=3),
            r"fc1: .* unrolls everything .* got 3 for Vitis",
        ),
        (model, HlsConfig("VivadoAccelerator", strategy=DISTRIBUTED), r"Vitis and Vivado; got 1 for VivadoAccelerator"),
        (
            model,
            HlsConfig("Quartus", strategy="Unrolled"),
            r"strategy Unrolled is for Vitis and Vivado; got .* Quartus",
        ),
        (GRAPHS["conv2d"](Key(1)), HlsConfig("Catapult"), r"layer conv1: conv in hls4ml's Catapult backend was never"),
        (
            GRAPHS["conv2d"](Key(1)),
            HlsConfig(strategy={"conv1": "Unrolled"}, reuse_factor={"conv1": 3}),
            r"conv1: strategy Unrolled takes convolutions in io_stream alone",
        ),
        (model, replace(resource, reuse_factor={"fc9": 2}), r"'fc9'; dense layers and convolutions: fc1, fc2"),
        (renamed(model, "fc1", "fc-1"), HlsConfig(), r"C identifier .* got 'fc-1'"),
        (renamed(model, "fc1", "1st"), HlsConfig(), r"C identifier .* got '1st'"),
        (renamed(model, "fc1", "Input"), HlsConfig(), r"keeps the name 'input' for itself; got 'Input'"),
        (renamed(model, "fc1", "FC2"), HlsConfig(), r"more than upper and lower case; got 'FC2' twice"),
        (model, HlsConfig(project_name="my project"), r"C identifier .* got 'my project'"),
        (wide, HlsConfig(), r"output type must have at most 53 bits"),
        (
            one_bit,
            HlsConfig(),
            r"^\[hls\] layer act1's result type ap_fixed<1,1,.*SAT_SYM.*> has one bit and no symmetric range; "
            r"use SAT, or more bits$",
        ),
        (mlp(Key(1), (30, 4), input_type=lone), HlsConfig(), r"the input type .* no symmetric range"),
        (b.model(), HlsConfig(), rf"the {rows}'s embeddings type must have at most 53 bits"),
    ]
    for fixed, config, message in cases:
        with pytest.raises(ConfigError, match=message):
            write_hls(fixed, tmp_path / "out", config)
        assert not (tmp_path / "out").exists()


@needs_hls4ml
def test_project_says_what_was_asked(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    import yaml

    model = mlp(Key(1), (30, 15, 4))
    here = Path.cwd()
    config = HlsConfig("Vivado", board="basys3", clock_ns=8.0, io_type="io_stream", reuse_factor={"fc2": 3})
    project = write_hls(model, tmp_path / "p", config)
    assert capfd.readouterr() == ("", "")
    assert Path.cwd() == here
    written = yaml.safe_load((tmp_path / "p" / "hls4ml_config.yml").read_text())
    assert written["Part"] == "xc7a35tcpg236-1"
    assert (written["ClockPeriod"], written["IOType"], written["OutputDir"]) == (8.0, "io_stream", ".")
    assert written["Stamp"] == project.stamp
    names = written["HLSConfig"]["LayerName"]
    assert names["network_input"]["Precision"]["result"] == COUNTS.hls4ml_type
    assert names["fc2"]["ReuseFactor"] == 3
    for layer in model.dense:
        kinds = names[layer.name]["Precision"]
        assert kinds["weight"] == layer.weight_type.hls4ml_type
        assert kinds["bias"] == layer.bias_type.hls4ml_type
        assert kinds["accum"] == kinds["result"] == layer.result_type.hls4ml_type
    assert "Precision" not in written["HLSConfig"]["Model"]
    loaded = HlsProject.load(tmp_path / "p")
    assert (loaded.config, loaded.stamp, loaded.warnings) == (config, project.stamp, ())
    assert loaded.fixed.digest == model.digest


@needs_hls4ml
@pytest.mark.parametrize("backend", BACKENDS)
def test_same_bytes_and_recreated_without_qkdflow(tmp_path: Path, backend: str) -> None:
    model, config = mlp(Key(2), (30, 15, 4)), HlsConfig(backend)
    mine = tmp_path / "other.tar.gz"  # hls4ml's name for an archive of a project
    mine.write_text("years of work")
    first = write_hls(model, tmp_path / "a b", config).directory
    second = write_hls(model, tmp_path / "other", config).directory
    assert tree(first) == tree(second)
    assert sorted(tmp_path.iterdir()) == [first, second, mine]
    assert mine.read_text() == "years of work"
    code = (
        "import sys, runpy; sys.modules['qkdflow'] = None; sys.argv = sys.argv[1:]; "
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    command = [sys.executable, "-c", code, "recreate.py", str(tmp_path / "again")]
    subprocess.run(command, cwd=first, check=True, capture_output=True)
    ours = {name: data for name, data in tree(first).items() if name.split("/")[0] not in ("source", "recreate.py")}
    assert tree(tmp_path / "again") == ours
    assert len(ours) > 20


@needs_hls4ml
def test_replaces_its_own_and_nothing_else(tmp_path: Path) -> None:
    model = mlp(Key(2), (30, 15, 4))
    write_hls(model, tmp_path / "p", HlsConfig(project_name="first"))
    write_hls(model, tmp_path / "p", HlsConfig(project_name="second"))
    names = {p.name for p in (tmp_path / "p" / "firmware").iterdir()}
    assert "second.cpp" in names
    assert "first.cpp" not in names
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    with pytest.raises(ConfigError, match="empty directory or an earlier project"):
        write_hls(model, tmp_path / "mine", HlsConfig())
    assert (tmp_path / "mine" / "thesis.tex").exists()


@needs_hls4ml
def test_a_full_disk_is_one_short_line_and_the_same_call_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, out = mlp(Key(2), (30, 15, 4)), tmp_path / "p"
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def copy(*_: object, **__: object) -> None:
        raise shutil.Error([(f"templates/{i}.h", f"firmware/{i}.h", str(full)) for i in range(100)])

    for name in ("hls.json", "model.json", "model.npz", "recreate.py", "firmware"):

        def replace_unless_full(source: str, target: Path, name: str = name, real: Any = os.replace) -> None:
            if Path(target).name == name:
                raise full
            real(source, target)

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", replace_unless_full)
            if name == "firmware":
                patch.setattr("hls4ml.writer.vivado_writer.copytree", copy)
            with pytest.raises(ToolError, match=r"No space left on device. Make room.*the same command again") as said:
                write_hls(model, out, HlsConfig())
        assert len(str(said.value)) < 200 + len(str(out))
    assert write_hls(model, out, HlsConfig()).directory == out


def test_without_hls4ml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hls4ml.model.graph", None)
    with pytest.raises(ToolError, match=r"hls4ml 1.3 is required; .* pip install 'hls4ml>=1.3,<1.4'"):
        write_hls(mlp(Key(2), (30, 15, 4)), tmp_path / "p", HlsConfig())


def test_what_draws_graphs_of_adders_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a stand-in that is installed as da4ml would be; hls4ml, which calls it, is left out."""
    (tmp_path / "da4ml").mkdir()
    (tmp_path / "da4ml/__init__.py").touch()
    (tmp_path / "da4ml-0.5.9.dist-info").mkdir()
    (tmp_path / "da4ml-0.5.9.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: da4ml\nVersion: 0.5.9\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(recreate, "write_project", lambda *_: None)
    model = mlp(Key(2), (6, 3, 2))
    for strategy, tools in (("Latency", {"hls4ml", "qkdflow"}), (DISTRIBUTED, {"da4ml", "hls4ml", "qkdflow"})):
        write_hls(model, tmp_path / strategy, HlsConfig(strategy={"fc2": strategy}))
        versions = json.loads((tmp_path / strategy / "source/hls.json").read_text(encoding="utf-8"))["versions"]
        assert set(versions) == tools
    assert versions["da4ml"] == "0.5.9"


def test_without_da4ml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "da4ml", None)
    with pytest.raises(ToolError, match=r"distributed_arithmetic needs da4ml 0\.5; pip install 'qkdflow\[da\]'"):
        write_hls(mlp(Key(2), (6, 3, 2)), tmp_path / "p", HlsConfig(strategy={"fc1": DISTRIBUTED}))
    assert not (tmp_path / "p").exists()


def test_hls4ml_is_imported_late() -> None:
    code = "import sys, qkdflow.export.csim, qkdflow.assess; sys.exit('hls4ml' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_load_refuses(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"hls.json\] a readable file is required"):
        HlsProject.load(tmp_path)


def test_what_hls4ml_builds_to_other_values_is_refused(tmp_path: Path) -> None:
    def flat_then_scale() -> FixedModel:
        b = Build(Key(1), (4, 4, 2))
        b.reshape()
        b.scale()
        b.dense(3)
        return b.model()

    def unsigned_padded_maximum() -> FixedModel:
        b = Build(Key(1), (5, 5, 2))
        b.relu()
        b.pool("max", (3, 3), (2, 2), "same")
        b.reshape()
        b.dense(3)
        return b.model()

    def overlapping() -> FixedModel:
        b = Build(Key(1), (5, 5, 2))
        b.pool("max", (3, 3), (2, 2))
        b.reshape()
        b.dense(3)
        return b.model()

    cases = [
        (
            flat_then_scale(),
            "io_stream",
            r"layer bn2: after flat1, which flattens, io_stream takes a dense layer alone",
        ),
        (unsigned_padded_maximum(), "io_parallel", "layer max2: hls4ml pads the maximum of unsigned values"),
        (overlapping(), "io_stream", r"layer max1: .* got strides \(2, 2\) of a window \(3, 3\)"),
        (GRAPHS["padded_pooling"](Key(1)), "io_stream", "layer max3: io_stream pools without padding"),
        (GRAPHS["activations"](Key(1)), "io_stream", "layer relu62: hls4ml 1.3 has no relu6 for io_stream"),
    ]
    for model, io_type, message in cases:
        with pytest.raises(ConfigError, match=message):
            write_hls(model, tmp_path / "p", HlsConfig(io_type=io_type))
        assert not (tmp_path / "p").exists()
