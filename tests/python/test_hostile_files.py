"""Files made to harm: each is refused in one printable line, before anything of the size it claims is allocated."""

from __future__ import annotations

import json
import math
import sys
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixed_models import mlp
from hostile_h5 import (
    CLAIM,
    GOES_ON,
    HEAP,
    LONG,
    claiming_h5,
    external_h5,
    going_back,
    h5,
    huge_h5,
    linked_h5,
    looping_h5,
    of_several_files,
    reaching_h5,
    shared_h5,
    small_h5,
    virtual_h5,
    with_attributes,
    with_block,
    with_cache_image,
    with_short_block,
)
from little_memory import little_memory
from qkdflow import Key, Sequential, load_model, settings
from qkdflow.assess import Assessment
from qkdflow.datasets import Dataset, load
from qkdflow.datasets.idx import read_idx
from qkdflow.errors import ConfigError, DataError
from qkdflow.explain import run_config, students
from qkdflow.files import npz_bytes, read_npy, read_npz
from qkdflow.fitted import fitted
from qkdflow.fixed import FixedModel
from qkdflow.hardware.boards import find_part
from qkdflow.hardware.vendor_reports import read_report
from qkdflow.hdf5 import open_hdf5
from qkdflow.importers import keras_h5
from qkdflow.layers import Conv2D, Flatten, Input
from qkdflow.overlay import Overlay
from qkdflow.tune import Study
from qkdflow_overlay import DeviceError, ManifestError, load_manifest, read_design
from test_overlay import overlay
from test_tune_study import mixed

sys.path.append(str(Path(__file__).parent / "importers"))
import onnx_models

HUGE = 10**12
DEEP = 100_000


def npy(shape: tuple[int, ...], version: tuple[int, int] = (1, 0)) -> bytes:
    """An NPY whose header alone is there."""
    file = BytesIO()
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    write = np.lib.format.write_array_header_1_0 if version == (1, 0) else np.lib.format.write_array_header_2_0
    write(file, header)
    return file.getvalue() + bytes(64)


def zipped(content: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("x.npy", content)
    return file.getvalue()


def forged_zip() -> bytes:
    """A member of a few bytes that its directory says to be nearly 4 GiB."""
    packed = bytearray(zipped(npy((1 << 29,))))
    directory = packed.index(b"PK\x01\x02")
    packed[directory + 24 : directory + 28] = (0xFFFFFF00).to_bytes(4, "little")
    return bytes(packed)


def huge_onnx() -> bytes:
    b = onnx_models.Builder((3,))
    model = b.model(b("MatMul", "x", b.w(3, 2)))
    model.graph.initializer[0].dims[:] = [10**6, 10**6]
    return bytes(model.SerializeToString())


LAUGHS = "".join(f'<!ENTITY l{i + 1} "{f"&l{i};" * 10}">' for i in range(9))
XML = f'<!DOCTYPE profile [<!ENTITY l0 "ha">{LAUGHS}]><profile>&l9;</profile>'.encode()
JSON = b'{"a":' * DEEP + b"1" + b"}" * DEEP
IDX = b"\0\0\x08\x03" + (10_000).to_bytes(4, "big") * 3


def load_data(path: Path) -> Dataset:
    return load(path, key=Key(0))


HOSTILE: dict[str, tuple[str, bytes | Callable[[], bytes], Callable[[Path], object], str]] = {
    "an IDX of 10^12 bytes": ("train-images-idx3-ubyte", IDX, read_idx, "at most 536,870,912 values"),
    "an NPY of 10^12 numbers": ("x.npy", npy((HUGE,)), read_npy, "claims 4,000,000,000,000 bytes"),
    "an NPY of a 4 GiB header": ("x.npy", b"\x93NUMPY\2\0" + b"\xff" * 9, read_npy, "header of x.npy claims"),
    "an NPZ of 10^12 numbers": ("d.npz", zipped(npy((HUGE,))), load_data, "claims 4,000,000,000,000 bytes"),
    "an NPZ that lies of its size": ("d.npz", forged_zip(), load_data, "more than it can hold"),
    "an HDF5 of 10^12 numbers": ("d.h5", lambda: h5(huge_h5), load_data, "must hold what the dataset claims"),
    "an HDF5 whose block is longer than it": ("d.h5", reaching_h5, load_data, "must hold what its blocks"),
    "an HDF5 of another file's numbers": ("d.h5", lambda: h5(external_h5), load_data, "in this file itself"),
    "an HDF5 of another HDF5's numbers": ("d.h5", lambda: h5(virtual_h5), load_data, "in this file itself"),
    "an HDF5 that links elsewhere": ("d.h5", lambda: h5(linked_h5), load_data, "links to elsewhere"),
    "a Keras .h5 whose text never ends": ("n.h5", lambda: looping_h5(2**64 - 16, b"\1\0"), load_model, "bytes where"),
    "a Keras .h5 whose text leads back": ("n.h5", lambda: looping_h5(2**64 - 40, b"\2\0"), load_model, "bytes where"),
    "a Keras .h5 whose text claims 4 GiB": ("n.h5", lambda: claiming_h5(small_h5()), load_model, f"claims {CLAIM}"),
    "such a text in a last block": ("n.h5", lambda: claiming_h5(with_attributes(99)), load_model, f"claims {CLAIM}"),
    "such a text among shared messages": ("n.h5", shared_h5, load_model, "in the file's table of shared messages"),
    "an HDF5 whose header goes on": ("n.h5", lambda: with_block(GOES_ON, 16, LONG), load_model, f"{CLAIM} bytes at"),
    "an HDF5 whose group goes on": (
        "n.h5",
        lambda: with_block(GOES_ON, 16, LONG, "model_weights"),
        load_model,
        f"{CLAIM} bytes at",
    ),
    "an HDF5 whose header ends before it goes on": ("d.h5", with_short_block, load_data, "-4 bytes at"),
    "an HDF5 whose header leads back": ("n.h5", going_back, load_model, "the same bytes in many places"),
    "an HDF5 of names of 4 GiB": ("n.h5", lambda: with_block(HEAP, 8, LONG), load_model, f"{CLAIM} bytes at"),
    "an HDF5 with an image of a cache": ("d.h5", with_cache_image, load_data, "an image of the library's cache"),
    "an HDF5 of several files": ("n.h5", of_several_files, load_model, f"{CLAIM} bytes at"),
    "an ONNX tensor of 10^12 numbers": ("n.onnx", huge_onnx, load_model, "as many numbers as its dims say"),
    "a deep JSON of Keras": ("n.json", JSON, lambda p: keras_h5.read_json_beside(p, p, None), "must be JSON"),
    "a deep JSON of ours": ("model.json", JSON, lambda p: load_model(p.parent), "JSON is required"),
    "a deep JSON of a manifest": ("manifest.json", JSON, load_manifest, "a manifest is required"),
    "a deep TOML": ("run.toml", b"a = " + b"[" * DEEP + b"]" * DEEP, settings.read_toml, "TOML is required"),
    "a billion laughs in a report": ("csynth.xml", XML, read_report, "without a DTD or entities"),
    "a billion laughs in a block design": ("design.hwh", XML, read_design, "without a DTD or entities"),
    "letters beyond Unicode": (
        "y.npy",
        npy((20,)).replace(b"<f4", b"<U1") + b"\xff" * 16,
        read_npy,
        "letters that Unicode",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_unread(name: str, tmp_path: Path) -> None:
    file, content, read, message = HOSTILE[name]
    (tmp_path / file).write_bytes(content if isinstance(content, bytes) else content())
    with little_memory(), pytest.raises((ConfigError, DataError, ManifestError), match=message) as caught:
        read(tmp_path / file)
    assert str(caught.value).isprintable()
    assert file in str(caught.value)


def test_a_harm_that_nothing_looks_at_is_none(tmp_path: Path) -> None:
    (tmp_path / "n.h5").write_bytes(looping_h5(0, b"\0\0"))
    assert len(load_model(tmp_path / "n.h5").layers) == 2
    whole = claiming_h5(small_h5()).replace(b"model_config\0", b"layer_names0\0")
    with little_memory(), open_hdf5(whole, "n.h5") as file:
        assert file.has_attribute("layer_names")  # whose parts are never read


@pytest.mark.parametrize("kind", [ConfigError, DataError, ManifestError, DeviceError])
def test_a_message_is_one_printable_line(kind: type[Exception]) -> None:
    text = str(kind("[a.csv] a number is required; got \x1b[2J\n\r\u202e\udcff;\tcure"))
    assert text == r"[a.csv] a number is required; got \x1b[2J \u202e\udcff; cure"


def test_a_message_keeps_its_ends() -> None:
    text = str(DataError("[begin] " + "9" * 10_000 + " end"))
    assert text.startswith("[begin] 9")
    assert text.endswith("9 end")
    assert len(text) <= 2000


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_other_compressions_are_refused(method: int, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w", method) as archive:
        archive.writestr("x.npy", b"\x93NUMPY" + bytes(5000))
    with pytest.raises(DataError, match=r"x\.npy is neither stored nor deflated"):
        read_npz(tmp_path / "a.npz")


def test_vectors_of_text_are_refused(tmp_path: Path) -> None:
    overlay(tmp_path)
    vectors = dict(read_npz(tmp_path / "vectors.npz"), labels=np.array(["a"]))
    (tmp_path / "vectors.npz").write_bytes(npz_bytes(vectors))
    with pytest.raises(DataError, match="whole numbers are required"):
        _ = Overlay.load(tmp_path).vectors


SPACES = [[1], [{}], ["x"], {"a": 1}, 3, None]


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_a_journal_whose_space_is_none_is_refused(space: object, tmp_path: Path) -> None:
    path = tmp_path / "study.jsonl"
    Study(mixed, seed=3, journal=path)
    header = {**json.loads(path.read_text()), "space": space}
    path.write_text(json.dumps(header) + "\n")
    with pytest.raises((ConfigError, DataError), match=r"study\.jsonl"):
        Study(mixed, seed=3, journal=path)


EVENTS = [
    {"ask": "0", "values": {}},
    {"ask": 10**200, "values": {}},
    {"ask": 0, "values": [["kind", "dense"]]},
    {"report": 0, "step": "1", "value": 1.0},
    {"report": 0, "step": 1, "value": math.nan},
    {"tell": 0, "state": "../../x", "value": 1.0, "info": {}},
    {"tell": 0, "state": "complete", "value": "1.0", "info": {}},
    {"tell": 0, "state": "complete", "value": 1.0, "info": []},
]


@pytest.mark.parametrize("event", EVENTS, ids=str)
def test_a_line_that_no_study_wrote_is_refused(event: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "study.jsonl"
    values = Study(mixed, seed=3, journal=path).ask().values
    last = {**event, "values": event["values"] or values} if "values" in event else event
    path.write_text(path.read_text() + json.dumps(last) + "\n")
    with pytest.raises(DataError, match="line 3 does not belong to this search"):
        Study(mixed, seed=3, journal=path)


def test_a_deeply_nested_line_of_a_journal_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "study.jsonl"
    Study(mixed, seed=3, journal=path)
    path.write_text(path.read_text() + "[" * 100_000 + "\n")
    with pytest.raises(DataError, match="line 2 is not a JSON object"):
        Study(mixed, seed=3, journal=path)


@pytest.mark.parametrize(
    "line", ['{"state": "complete"}', '["state"]', '{"state": "complete", "tell": 9, "value": 1}', "[" * 100_000]
)
def test_a_damaged_search_is_not_explained(line: str, tmp_path: Path) -> None:
    (tmp_path / "04_student_search").mkdir()
    (tmp_path / "04_student_search" / "journal.jsonl").write_text("{}\n" + line + "\n")
    with pytest.raises(DataError, match="is no journal of a search"):
        students(tmp_path)


def test_an_onnx_graph_that_no_engine_computes_is_refused(tmp_path: Path) -> None:
    b = onnx_models.Builder((3,))
    onnx_models.onnx.save(b.model(b("Concat", "x", axis=1)), tmp_path / "net.onnx")
    with pytest.raises(DataError, match="Concatenate takes two sources"):
        load_model(tmp_path / "net.onnx")


def test_an_onnx_operator_whose_name_is_no_text_is_refused(tmp_path: Path) -> None:
    b = onnx_models.Builder((3,))
    whole = b.model(b("Sigmoid", "x")).SerializeToString()
    (tmp_path / "net.onnx").write_bytes(whole.replace(b"\x07Sigmoid", b"\x07\xff\xfemoid"))
    with pytest.raises(DataError, match=r"net\.onnx"):
        load_model(tmp_path / "net.onnx")


@pytest.mark.parametrize(("operator", "weights"), [("MaxPool", ()), ("Conv", ((2, 1, 2, 2),))])
def test_an_onnx_window_that_does_not_move_is_refused(
    operator: str, weights: tuple[tuple[int, ...], ...], tmp_path: Path
) -> None:
    b = onnx_models.Builder((1, 4, 4))
    node = b(operator, "x", *(b.w(*shape) for shape in weights), kernel_shape=[2, 2], strides=[0, 1])
    onnx_models.onnx.save(b.model(node), tmp_path / "net.onnx")
    with pytest.raises(DataError, match="a stride of at least 1 is required; got 0"):
        load_model(tmp_path / "net.onnx")


ALPHA = {"class_name": "quantized_bits", "bits": 4, "integer": 0, "alpha": 10**400}


@pytest.mark.parametrize(
    "change",
    [{"kernel_size": [math.inf, 3]}, {"class_name": "QConv2D", "kernel_quantizer": ALPHA}],
    ids=["inf", "alpha"],
)
def test_a_saved_network_of_numbers_without_end_is_refused(change: dict[str, object], tmp_path: Path) -> None:
    model = Sequential([Input((6, 6, 1)), Conv2D(2, 3), Flatten()], "net")
    model.compile()
    model.save(tmp_path)
    about = json.loads((tmp_path / "model.json").read_text())
    about["layers"][1] |= change
    (tmp_path / "model.json").write_text(json.dumps(about).replace("Infinity", "1e999"))
    with pytest.raises(DataError, match="net"):
        load_model(tmp_path)


@pytest.mark.parametrize("change", [{"input_shape": [math.inf]}, {"layers": 3}], ids=str)
def test_a_fixed_model_that_is_none_is_refused(change: dict[str, object], tmp_path: Path) -> None:
    mlp(Key(2), (6, 5, 3)).save(tmp_path)
    about = json.loads((tmp_path / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps({**about, **change}).replace("Infinity", "1e999"))
    with pytest.raises(DataError, match="a saved fixed-point model is required"):
        FixedModel.load(tmp_path)


@pytest.mark.parametrize(
    "change",
    [{"effort": 3}, {"constraints": 1.5}, {"student_network": 7}, {"hls": {"part": 1.5}}, {"hls": {"backend": []}}],
    ids=str,
)
def test_settings_of_a_run_that_are_none_are_refused(change: dict[str, object], tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"config": {"data": "psd", "hls": {}, **change}}))
    with pytest.raises(DataError, match="the settings of a run are required"):
        run_config(tmp_path)


def test_a_run_that_does_not_say_what_it_builds_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"config": {"data": "psd"}}))
    with pytest.raises(DataError, match="the settings of a run are required; 'hls'"):
        run_config(tmp_path)


@pytest.mark.parametrize(
    "change",
    [{"shape": 3}, {"class_names": 1}, {"input_type": []}, {"input_type": {"bits": 8, "integer\ud800": 5}}],
    ids=str,
)
def test_a_saved_data_set_that_is_none_is_refused(change: dict[str, object], tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=np.arange(18.0).reshape(9, 2), y=np.arange(9) % 2)
    load_data(tmp_path / "d.npz").save(tmp_path)
    about = json.loads((tmp_path / "dataset.json").read_text())
    (tmp_path / "dataset.json").write_text(json.dumps({**about, **change}))
    with pytest.raises(DataError, match="a saved data set is required"):
        Dataset.load(tmp_path)


def test_a_damaged_archive_of_a_design_is_refused(tmp_path: Path) -> None:
    packed = bytearray(zipped(b"<EDKSYSTEM/>" * 400).replace(b"x.npy", b"x.hwh"))
    packed[40:44] = b"\xff" * 4
    (tmp_path / "design.xsa").write_bytes(packed)
    with pytest.raises(ManifestError, match=r"an \.xsa, or a \.bit with its \.hwh beside it"):
        read_design(tmp_path / "design.xsa")


@pytest.mark.parametrize(
    "change", [{"benchmark": {"a": []}}, {"accuracy": []}, {"confusion": [["x"]]}, {"x": 1}], ids=str
)
def test_an_assessment_that_is_none_is_refused(change: dict[str, object], tmp_path: Path) -> None:
    Assessment("sim", 2, 4, 0, None, 1.0, ((1, 0), (0, 1)), ("a", "b"), 0.5, 1.0, {"cycles": {"50": 3}}).save(tmp_path)
    assert Assessment.load(tmp_path).samples == 2
    about = json.loads((tmp_path / "assessment.json").read_text())
    (tmp_path / "assessment.json").write_text(json.dumps({**about, **change}))
    with pytest.raises(DataError, match="an assessment is required"):
        Assessment.load(tmp_path)


def test_numbers_beyond_what_a_machine_holds_are_refused(tmp_path: Path) -> None:
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': (0, %d), }" % 10**30  # noqa: UP031 - braces
    (tmp_path / "x.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode())
    with pytest.raises(DataError, match="claims the shape"):
        read_npy(tmp_path / "x.npy")
    with pytest.raises(ConfigError, match="must be a number; got 1000"):
        fitted(10**400, float, "settings: rate")


@pytest.mark.parametrize("given", [{"part": 7}, {"part": ["xc7z020clg400-1"]}, {"board": 7}])
def test_a_part_that_is_no_text_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"known (part|board) is required; got"):
        find_part(**given)
