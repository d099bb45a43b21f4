"""Algorithm 1 through the driver on a simulated board: answers, status bits, faults that end in words."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from csim_models import compiled, needs_csim
from fixed_models import mlp
from qkdflow import Key, reference
from qkdflow.assess import Assessment, assess
from qkdflow.errors import DataError, ToolError
from qkdflow.fixed import Codes, FixedModel
from qkdflow.hardware.simulated import (
    Faults,
    Network,
    SimulatedComBlock,
    csim_network,
    reference_network,
    simulated_device,
)
from qkdflow.overlay import Overlay, build_overlay
from qkdflow_overlay import Algorithm1, Classifier, ComBlock, DeviceError, DeviceTimeout, FifoStatus
from test_overlay import data

MODEL = mlp(Key(2), (30, 15, 4))
OFIFO_VALUE, OFIFO_CONTROL, OFIFO_STATUS = 4 * 36, 4 * 37, 4 * 38
IFIFO_VALUE, IFIFO_CONTROL, IFIFO_STATUS = 4 * 32, 4 * 33, 4 * 34


def device(overlay: Overlay, network: Network | None = None) -> Algorithm1:
    board = SimulatedComBlock(overlay.manifest, network or reference_network(MODEL))
    return Algorithm1.over(board, overlay.manifest, name="test board")


@pytest.fixture(autouse=True)
def expected_logits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The logits to expect come from the reference: these tests are about the hand-over, not the emulator."""
    monkeypatch.setattr(FixedModel, "run", reference.run, raising=False)


@pytest.mark.parametrize("result", ["fifo", "register"])
def test_right_answers(tmp_path: Path, result: str) -> None:
    overlay = build_overlay(MODEL, data(), tmp_path, result=result)
    found = assess(tmp_path, device(overlay))
    x, y = data().test
    predicted = reference.run(MODEL, x.astype(np.int64)).argmax(axis=1)
    assert (found.device, found.samples, found.outputs_compared) == ("test board", 40, 160)
    assert (found.mismatches, found.first_mismatch) == (0, None)
    assert found.accuracy == float(np.mean(predicted == y))
    confusion = np.array(found.confusion)
    assert confusion.sum() == 40
    assert confusion.trace() == np.count_nonzero(predicted == y)
    assert confusion.sum(axis=1).tolist() == [10, 10, 10, 10]
    assert confusion.sum(axis=0).tolist() == np.bincount(predicted, minlength=4).tolist()
    found.save(tmp_path)
    assert Assessment.load(tmp_path) == found
    assert assess(overlay, device(overlay), samples=3).samples == 3


def test_one_wrong_bit_is_counted(tmp_path: Path) -> None:
    overlay = build_overlay(MODEL, data(), tmp_path)
    served = iter(range(1000))

    def network(codes: Codes) -> Codes:
        logits = reference.run(MODEL, codes)
        if next(served) in (17, 31):
            logits[0, 2] ^= 1
        return logits

    found = assess(overlay, device(overlay, network))
    assert (found.mismatches, found.first_mismatch) == (2, 17)


def test_small_fifos_are_not_overrun(tmp_path: Path) -> None:
    """Less room than a sample's words, and for one result only."""
    overlay = build_overlay(MODEL, data(), tmp_path)
    transport = replace(overlay.manifest.transport, ofifo_depth=7, ififo_depth=4)
    small = replace(overlay, manifest=replace(overlay.manifest, transport=transport))
    assert assess(small, device(small)).mismatches == 0


@needs_csim
@pytest.mark.parametrize("name", ["vitis-parallel", "pynq-z2-stream"])
def test_csim_behind_the_board(tmp_path: Path, name: str) -> None:
    csim = compiled(name)
    overlay = build_overlay(csim.project.fixed, data(), tmp_path)
    board = simulated_device(tmp_path, csim.project)
    found = assess(overlay, board)
    assert found.device == f"simulated ComBlock (hls4ml csim, {csim.project.config.backend})"
    assert (found.outputs_compared, found.mismatches) == (160, 0)
    x = data().test.x.astype(np.int64)
    assert (csim_network(csim)(x) == reference.run(csim.project.fixed, x)).all()


def test_without_a_compiler_the_reference_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from qkdflow.export.hls import HlsConfig, HlsProject

    overlay = build_overlay(MODEL, data(), tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    board = simulated_device(tmp_path, HlsProject(tmp_path, MODEL, HlsConfig(), "00000000"))
    found = assess(overlay, board)
    assert (found.device, found.mismatches) == ("simulated ComBlock (int64 reference, no csim)", 0)


def test_status_bits(tmp_path: Path) -> None:
    """The words that the real core gave in simulation of its VHDL."""
    overlay = build_overlay(MODEL, data(), tmp_path)
    transport = replace(overlay.manifest.transport, ofifo_depth=64)
    board = SimulatedComBlock(replace(overlay.manifest, transport=transport), reference_network(MODEL))
    assert board.read(IFIFO_STATUS) == 0x3
    assert board.read(IFIFO_VALUE) == 0
    assert board.read(IFIFO_STATUS) == 0x7
    assert board.read(IFIFO_STATUS) == 0x3
    board.write(4 * 16, 1)  # hold the network, so that nothing is taken
    for i in range(63):
        board.write(OFIFO_VALUE, i)
    assert board.read(OFIFO_STATUS) == 0x3F0002
    for i in range(2):
        board.write(OFIFO_VALUE, i)
    assert board.read(OFIFO_STATUS) == 0x400007
    assert board.read(OFIFO_STATUS) == 0x400003
    status = ComBlock(board).status()
    assert status == FifoStatus(64, True, True, False, 0, True, True, False)
    assert str(status) == (
        "64 words sent and not taken, 0 received and not read; full, almost full, empty, almost empty"
    )
    board.write(OFIFO_CONTROL, 0)
    assert board.read(OFIFO_STATUS) == 0
    board.write(4 * 16, 0)
    for _ in range(30):
        board.write(OFIFO_VALUE, 5)
    assert board.read(IFIFO_STATUS) == 4 << 16
    board.write(IFIFO_CONTROL, 1)
    assert board.read(IFIFO_STATUS) == 0x3
    assert board.read(4 * 40) == 0
    board.write(4 * 3, 9)  # an input register: the processor cannot write it
    assert board.read(4 * 3) == 0


class Recorder:
    """A bus that notes what is written."""

    def __init__(self) -> None:
        self.writes: list[int] = []

    def write(self, offset: int, value: int) -> None:
        self.writes.append(offset)

    def read(self, offset: int) -> int:
        return 0


def test_output_fifo_is_flushed_first(tmp_path: Path) -> None:
    overlay = build_overlay(MODEL, data(), tmp_path)
    bus = Recorder()
    Algorithm1.over(bus, overlay.manifest).reset()
    assert bus.writes == [4 * 16, OFIFO_CONTROL, IFIFO_CONTROL, 4 * 16]


@pytest.mark.parametrize("result", ["fifo", "register"])
def test_a_stuck_network_ends_in_time_and_the_next_call_works(tmp_path: Path, result: str) -> None:
    overlay = build_overlay(MODEL, data(), tmp_path, result=result)
    faults, served = Faults(), iter(range(1000))

    def network(codes: Codes) -> Codes:
        if next(served) == 4:
            faults.inject("stuck network")
        return reference.run(MODEL, codes)

    board = SimulatedComBlock(overlay.manifest, network, faults)
    driver = Algorithm1.over(board, overlay.manifest, name="stuck board")
    start = time.monotonic()
    pattern = {
        "fifo": r"\[stuck board\] .* within 0.2 s; 1200 of 1200 sent, 20 of 160 received; .*Usual cause",
        "register": r"30 of 30 sent, 5 of 40 received",
    }[result]
    with pytest.raises(ToolError, match=pattern):
        assess(overlay, driver, timeout_s=0.2)
    assert time.monotonic() - start < 30  # and not for ever, on a busy machine too
    faults.inject("stuck network")
    driver.timeout_s = 0.1
    with pytest.raises(DeviceTimeout):
        Classifier(driver, overlay.manifest).run(overlay.vectors.inputs)
    assert assess(overlay, driver).mismatches == 0


def test_a_foreign_write_is_noticed(tmp_path: Path) -> None:
    """Someone else fills the FIFO: the sticky overflow bit tells."""
    overlay = build_overlay(MODEL, data(), tmp_path)
    faults = Faults()
    board = SimulatedComBlock(overlay.manifest, reference_network(MODEL), faults)
    driver = Algorithm1.over(board, overlay.manifest)
    driver.reset()
    for fault in ("overflow", "underflow"):
        faults.inject(fault, 2)  # the first is cleared by the reset's status
        with pytest.raises(DeviceError, match=rf"without overflow or underflow .* {fault}.*another program"):
            Classifier(driver, overlay.manifest).run(overlay.vectors.inputs)
        assert Classifier(driver, overlay.manifest).run(overlay.vectors.inputs).shape == (40, 4)


def test_comblock_refuses(tmp_path: Path) -> None:
    overlay = build_overlay(MODEL, data(), tmp_path)
    board = SimulatedComBlock(overlay.manifest, reference_network(MODEL))
    comblock = ComBlock(board, "cb", overlay.manifest.transport.ofifo_depth)  # type: ignore[union-attr]
    comblock.write_register("OREG0", 1)
    for call, message in (
        (lambda: comblock.read_register("OREG77"), "register of the ComBlock is required; got 'OREG77'"),
        (lambda: comblock.write_register("IREG0", 1), "OREG0 to OREG15, is required; got 'IREG0'"),
        (lambda: comblock.read_fifo(1), r"\[cb input FIFO\] 1 words are required; it holds 0"),
        (lambda: comblock.write_fifo([0] * 1025), "room for 1025 words is required; got 1024"),
    ):
        with pytest.raises(DeviceError, match=message):
            call()
    comblock.write_fifo([1, 2, 3])
    assert comblock.status().sent == 3


def test_classifier_takes_raw_inputs(tmp_path: Path) -> None:
    overlay = build_overlay(MODEL, data(), tmp_path)
    classifier = Classifier(device(overlay), overlay.manifest)
    x = data().test.x
    want = reference.run(MODEL, x.astype(np.int64))
    assert (classifier.predict(x + 0.75) == MODEL.output_type.decode(want)).all()  # truncated, as the type says
    assert (classifier.classify(x) == want.argmax(axis=1)).all()
    assert classifier.predict(x[:0]).shape == (0, 4)


def test_refuses(tmp_path: Path) -> None:
    overlay = build_overlay(MODEL, data(), tmp_path)
    with pytest.raises(DataError, match="as many inputs, logits and labels"):
        assess(overlay, device(overlay), samples=0)
    (tmp_path / "vectors.npz").write_bytes(b"no zip")
    with pytest.raises(DataError, match=r"vectors.npz\] an NPZ"):
        assess(tmp_path, device(overlay))
    with pytest.raises(DataError, match="readable file"):
        Assessment.load(tmp_path)
