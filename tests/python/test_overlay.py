"""The hand-over: manifest, codec, driver; what it refuses, and that it repeats byte for byte."""

from __future__ import annotations

import ast
import json
import math
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import qkdflow_overlay
from fixed_models import COUNTS, codes, mlp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from qkdflow import FixedPoint, Key, reference
from qkdflow.errors import ConfigError, DataError
from qkdflow.fixed import FixedModel
from qkdflow.overlay import Overlay, build_overlay
from qkdflow_overlay import Codec, FixedType, ManifestError, Port, load_manifest
from qkdflow_overlay.comblock import REGISTERS
from qkdflow_overlay.manifest import parse_manifest

ROUNDING = ("TRN", "TRN_ZERO", "RND", "RND_ZERO", "RND_INF", "RND_MIN_INF", "RND_CONV")
OVERFLOW = ("SAT", "SAT_ZERO", "SAT_SYM")


class Part(NamedTuple):
    x: NDArray[Any]
    y: NDArray[Any]


class Data(NamedTuple):
    test: Part


def data(n: int = 40) -> Data:
    shapes = codes(Key(4), COUNTS, (n, 30)) * codes(Key(5), FixedPoint(8, 8, False), (n, 30))
    x = (shapes * (np.arange(n)[:, None] + 1) // (256 * n)).astype(np.float32)  # pulses of every height
    return Data(Part(x, np.arange(n) % 4))


@pytest.fixture(autouse=True)
def expected_logits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The logits to expect come from the reference: these tests are about the hand-over, not the emulator."""
    monkeypatch.setattr(FixedModel, "run", reference.run, raising=False)


def overlay(directory: Path, **options: Any) -> Overlay:
    return build_overlay(mlp(Key(3), (30, 15, 4)), data(), directory, **options)


@settings(max_examples=300, deadline=None)
@given(
    st.builds(
        FixedPoint,
        bits=st.integers(1, 53),
        integer=st.integers(-20, 20),
        is_signed=st.booleans(),
        rounding=st.sampled_from(ROUNDING),
        overflow=st.sampled_from(OVERFLOW),
    ),
    st.lists(st.floats(allow_nan=False), min_size=1, max_size=30),
)
def test_encode_is_fixed_points(kind: FixedPoint, values: list[float]) -> None:
    # Besides anything at all: quarters of the last place around zero, where roundings differ.
    values += [n * kind.step / 4 for n in range(-9, 10)]
    port = Port((len(values),), FixedType(**kind.to_dict()), 64)
    got = Codec(port).encode([values])
    assert got.tolist() == [kind.encode(np.array(values)).tolist()]
    assert (Codec(port).decode(got)[0] == kind.decode(got[0])).all()


def test_a_wrapping_type_saturates() -> None:
    port = Port((4,), FixedType(10, 10, False, "TRN", "WRAP"), 32)
    assert Codec(port).encode([[-1.0, 5.7, 1024.0, 1e30]]).tolist() == [[0, 5, 1023, 1023]]


@pytest.mark.parametrize("code_bits", [8, 16, 32, 64])
@pytest.mark.parametrize("is_signed", [True, False])
@pytest.mark.parametrize("shape", [(1,), (3,), (5, 2)])
def test_pack_and_back(code_bits: int, is_signed: bool, shape: tuple[int, ...]) -> None:
    bits = min(code_bits, 53)
    kind = FixedPoint(bits, 3, is_signed)
    codec = Codec(Port(shape, FixedType(**kind.to_dict()), code_bits))
    values = codes(Key(code_bits), kind, (20, *shape))
    values.reshape(-1)[:2] = kind.low_code, kind.high_code
    words = codec.pack(values)
    size = int(np.prod(shape))
    assert words.dtype == np.uint32
    assert words.shape == (20, -(-size * code_bits // 32))
    assert (codec.unpack(words) == values).all()
    # Little end first, by hand: the whole row as one large number.
    for row, packed in zip(values.reshape(20, -1).tolist(), words.tolist(), strict=True):
        number = sum((code % (1 << code_bits)) << (i * code_bits) for i, code in enumerate(row))
        assert sum(word << (32 * i) for i, word in enumerate(packed)) == number


def test_codec_refuses() -> None:
    codec = Codec(Port((3,), FixedType(8, 8, True, "RND", "SAT"), 8))
    for call, message in (
        (lambda: codec.encode([[1.0, 2.0]]), r"shape \(3,\), many of them, are required; .* \(1, 2\)"),
        (lambda: codec.encode([[1.0, 2.0, float("nan")]]), "got NaN"),
        (lambda: codec.pack([[1.0, 2.0, 3.0]]), "integer codes are required; got float64"),
        (lambda: codec.pack([[1, 2, 128]]), "must lie in -128 to 127; got 1 to 128"),
    ):
        with pytest.raises(ManifestError, match=message):
            call()


def test_hand_over(tmp_path: Path) -> None:
    model = mlp(Key(3), (30, 15, 4))
    built = overlay(tmp_path)
    assert built.samples == 40
    loaded = Overlay.load(tmp_path)
    assert loaded == built
    vectors = loaded.vectors
    assert (vectors.inputs == data().test.x).all()
    assert (vectors.logits == reference.run(model, vectors.inputs)).all()
    assert vectors.labels.tolist() == data().test.y.tolist()
    manifest = load_manifest(tmp_path / "manifest.json")
    assert manifest == built.manifest
    assert (manifest.input.words, manifest.output.words) == (30, 4)
    assert manifest.output.type == FixedType(**model.output_type.to_dict())
    written = json.loads((tmp_path / "manifest.json").read_text())
    assert written["model"]["digest"] == model.digest
    assert written["transport"]["registers"] == REGISTERS
    assert (tmp_path / "README.md").read_text().count("40 encoded test samples") == 1
    shipped = {p.name: p.read_bytes() for p in (tmp_path / "driver" / "qkdflow_overlay").iterdir()}
    installed = Path(qkdflow_overlay.__file__).parent
    assert shipped == {p.name: p.read_bytes() for p in installed.glob("*.py")}


def test_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        overlay(tmp_path / name, samples=7)
    trees = [
        {str(p.relative_to(tmp_path / n)): p.read_bytes() for p in (tmp_path / n).rglob("*") if p.is_file()}
        for n in ("a", "b")
    ]
    assert trees[0] == trees[1]
    assert Overlay.load(tmp_path / "a").vectors.inputs.shape == (7, 30)


def test_build_refuses(tmp_path: Path) -> None:
    model = mlp(Key(3), (30, 15, 4))
    with pytest.raises(ConfigError, match="test samples with a label each are required; got 0"):
        overlay(tmp_path, samples=0)
    many = mlp(Key(3), (30, 20))
    with pytest.raises(ConfigError, match="fit the 16 input registers; got 20 words"):
        build_overlay(many, data(), tmp_path, result="register")
    with pytest.raises(ConfigError, match="result must be fifo or register; got 'email'"):
        build_overlay(model, data(), tmp_path, result="email")
    assert list(tmp_path.iterdir()) == []


def test_manifest_refuses(tmp_path: Path) -> None:
    overlay(tmp_path)
    good = json.loads((tmp_path / "manifest.json").read_text())

    def changed(*path: str, value: Any) -> dict[str, Any]:
        copy = json.loads(json.dumps(good))
        inner = copy
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = value
        return dict(copy)

    for bad, message in (
        (changed("format", value="x/1"), "format must be 'qkdflow.overlay/1'; got 'x/1'"),
        (changed("input", "type", "bits", value=60), "1 to 53 bits"),
        (changed("input", "type", "rounding", value="UP"), "rounding must be one of"),
        (changed("input", "code_bits", value=12), "code_bits must be one of"),
        (changed("input", "code_bits", value=8), "must hold the type's 10 bits; got 8"),
        (changed("input", "shape", value=[0]), "shape must be positive"),
        (changed("input", "shape", value=[math.inf]), "a manifest of qkdflow is required"),
        (changed("class_names", value=["a"]), r"one class name a logit is required \(4\); got 1"),
        (changed("transport", "kind", value="pigeon"), "one of comblock, axi_dma, axi_lite; got 'pigeon'"),
        (changed("transport", "reset", value="OREG99"), "must have OREG99"),
        (changed("transport", "ofifo_depth", value=70_000), "1 to 65535; got 70000"),
        (changed("transport", "speed", value=1), "speed"),
        ([], "a manifest of qkdflow is required"),
    ):
        with pytest.raises(ManifestError, match=message):
            parse_manifest(bad)  # type: ignore[arg-type]
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(ManifestError, match=r"manifest.json\] a manifest is required"):
        load_manifest(tmp_path / "manifest.json")
    with pytest.raises(ManifestError, match="No such file"):
        load_manifest(tmp_path / "none.json")
    with pytest.raises(DataError, match="JSON is required"):
        Overlay.load(tmp_path)
    endless = json.dumps(changed("vectors", "samples", value=math.inf)).replace("Infinity", "1e999")
    (tmp_path / "manifest.json").write_text(endless)
    with pytest.raises(DataError, match="a manifest of qkdflow is required"):
        Overlay.load(tmp_path)


def test_driver_needs_numpy_alone() -> None:
    """pynq is imported by the one module that is imported when a board is opened."""
    for path in Path(qkdflow_overlay.__file__).parent.glob("*.py"):
        allowed = {"numpy", "qkdflow_overlay", *sys.stdlib_module_names, *["pynq"][: path.name == "overlay.py"]}
        for node in ast.walk(ast.parse(path.read_text(), feature_version=(3, 8))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names.append(str(node.module))
            assert {name.split(".")[0] for name in names} <= allowed, path
