"""The drivers on simulated boards; every fault ends in its error in time, and the next call works."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixed_models import mlp
from qkdflow import Key
from qkdflow.errors import ConfigError
from qkdflow.hardware.simulated import FAULTS, Faults, SimulatedBoard, emulator_network
from qkdflow.overlay import Overlay, build_overlay
from qkdflow_overlay import (
    Classifier,
    DeviceError,
    DeviceTimeout,
    DmaStream,
    ManifestError,
    SelfTestError,
    load_manifest,
)
from test_overlay import data

MODEL = mlp(Key(2), (30, 15, 4))
TIMEOUT = 0.1
MARGIN = 30  # seconds: a busy machine may be late, but what hangs is seen


def overlay(directory: Path, kind: str = "axi_dma", **options: Any) -> Overlay:
    return build_overlay(MODEL, data(), directory, transport=kind, **options)


def board(built: Overlay, **options: Any) -> tuple[SimulatedBoard, Classifier]:
    """A board and its classifier, which has run once: what a fault strikes is a call, not the first reset."""
    made = SimulatedBoard(built.manifest, emulator_network(MODEL), Faults(2.5 * TIMEOUT), **options)
    classifier = Classifier(made.device(TIMEOUT), built.manifest)
    assert works(classifier, built)
    return made, classifier


def works(classifier: Classifier, built: Overlay) -> bool:
    classifier.device.timeout_s = 10  # the machine that runs the tests may be busy
    return bool((classifier.run(built.vectors.inputs) == built.vectors.logits).all())


@pytest.mark.parametrize("control", ["start", "auto_restart", "free_running"])
@pytest.mark.parametrize("scatter_gather", [False, True])
@pytest.mark.parametrize("length_bits", [9, 14, 26])
def test_dma_streams(tmp_path: Path, control: str, scatter_gather: bool, length_bits: int) -> None:
    """60 bytes in, 12 out a sample: at 9 bits a transfer takes eight samples, a descriptor 448 bytes."""
    built = overlay(tmp_path, control=control)
    assert (built.manifest.input.code_bits, built.manifest.input.words, built.manifest.output.words) == (16, 15, 4)
    made, classifier = board(built, length_bits=length_bits, scatter_gather=scatter_gather)
    assert works(classifier, built)
    stream = classifier.device
    assert isinstance(stream, DmaStream)
    assert stream.rows == (((1 << 22) if scatter_gather else (1 << length_bits) - 1) // 60)
    assert classifier.run(built.vectors.inputs[:1]).tolist() == built.vectors.logits[:1].tolist()
    assert classifier.run(built.vectors.inputs[:0]).shape == (0, 4)
    assert made.memory.blocks == {}  # every buffer was given back


def test_one_packet_a_batch_and_receive_is_armed_first(tmp_path: Path) -> None:
    made, classifier = board(overlay(tmp_path))
    dma, lengths = made.cells["axi_dma_0"], list[tuple[int, int]]()
    write = dma.write

    def spy(offset: int, value: int) -> None:
        if offset in (0x28, 0x58):
            lengths.append((offset, value))
        write(offset, value)

    dma.write = spy  # type: ignore[method-assign]
    classifier.run(data().test.x.astype(np.int64))
    assert lengths == [(0x58, 40 * 16), (0x28, 40 * 60)]


def test_a_sample_must_fit_a_transfer(tmp_path: Path) -> None:
    wide = build_overlay(mlp(Key(1), (200, 4)), _wide(200), tmp_path, transport="axi_dma")
    with pytest.raises(
        DeviceError, match=r"must fit one transfer of 255 bytes. Build the DMA with a length register wider"
    ):
        SimulatedBoard(wide.manifest, emulator_network(MODEL), length_bits=8).device()


def _wide(n: int) -> Any:
    part = data().test
    return type(data())(type(part)(np.zeros((3, n), dtype=np.float32), np.zeros(3, dtype=np.int64)))


DMA_FAULTS = {
    "missing TLAST": (DeviceTimeout, r"all words came and no TLAST.*"),
    "short packet": (DeviceError, r"a packet of 640 bytes is required; TLAST came after 624"),
    "stuck send": (DeviceTimeout, r"send channel: .*busy.* not all of 600 words sent, 0 of 160 received.*Usual cause"),
    "stuck receive": (DeviceTimeout, r"receive channel: .*busy.* 600 of 600 words sent, 0 of 160 received"),
    "send error": (DeviceError, r"without error bits; send channel: status 0x\w+ \(halted;.* decode error"),
    "receive error": (DeviceError, r"receive channel: status 0x\w+ \(halted;.* slave error"),
    "halted": (DeviceError, r"receive channel: status 0x\w+ \(halted[;)]"),
    "slow network": (DeviceTimeout, r"must end within 0.1 s.*IP is not started"),
}


def fails(classifier: Classifier, built: Overlay, error: type[Exception], message: str) -> None:
    """The call ends in this error, at most two waits and a margin later."""
    classifier.device.timeout_s = TIMEOUT
    start = time.monotonic()
    with pytest.raises(error, match=message):
        classifier.run(built.vectors.inputs)
    assert time.monotonic() - start < 2 * TIMEOUT + MARGIN


@pytest.mark.parametrize("fault", DMA_FAULTS)
@pytest.mark.parametrize("control", ["start", "auto_restart", "free_running"])
@pytest.mark.parametrize("scatter_gather", [False, True])
def test_every_fault_of_a_dma_ends_and_the_next_call_works(
    tmp_path: Path, fault: str, control: str, scatter_gather: bool
) -> None:
    built = overlay(tmp_path, control=control)
    made, classifier = board(built, scatter_gather=scatter_gather)
    for _ in range(2):
        made.faults.inject(fault)
        fails(classifier, built, *DMA_FAULTS[fault])
        assert made.memory.blocks == {}
        assert works(classifier, built)


@pytest.mark.parametrize(
    "fault", ["missing TLAST", "stuck send", "stuck receive", "send error", "receive error", "halted"]
)
@pytest.mark.parametrize("length_bits", [8, 26])
def test_a_fault_that_stays_never_hangs(tmp_path: Path, fault: str, length_bits: int) -> None:
    """The recovery meets it too, and ends; with 8 bits a transfer has four rows, too few for a probe."""
    built = overlay(tmp_path)
    made, classifier = board(built, length_bits=length_bits)
    made.faults.inject(fault, 1_000_000)
    for _ in range(3):
        classifier.device.timeout_s = TIMEOUT
        start = time.monotonic()
        with pytest.raises(DeviceError):
            classifier.run(built.vectors.inputs)
        assert time.monotonic() - start < 6 * TIMEOUT + MARGIN
    made.faults.clear()
    classifier.device.timeout_s = 0.5
    assert (classifier.run(built.vectors.inputs) == built.vectors.logits).all()
    assert made.memory.blocks == {}


def test_a_bad_descriptor_address(tmp_path: Path) -> None:
    built = overlay(tmp_path)
    made, classifier = board(built, scatter_gather=True)
    made.faults.inject("descriptor error")
    fails(classifier, built, DeviceError, "descriptor decode error")
    assert works(classifier, built)


def test_the_faults_are_those_tested() -> None:
    elsewhere = {"bit flip", "overflow", "underflow", "stuck network", "descriptor error"}
    assert set(FAULTS) == set(DMA_FAULTS) | elsewhere
    with pytest.raises(ConfigError, match=r"must be one of missing TLAST.*; got 'gremlin'"):
        Faults().inject("gremlin")


@pytest.mark.parametrize("kind", ["axi_dma", "comblock", "axi_lite"])
def test_self_test_names_the_first_difference(tmp_path: Path, kind: str) -> None:
    built = overlay(tmp_path, kind)
    made = SimulatedBoard(load_manifest(tmp_path / "manifest.json"), emulator_network(MODEL))
    classifier = Classifier(made.device(), made.manifest)
    assert classifier.self_test() == 40
    made.faults.inject("bit flip")
    with pytest.raises(
        SelfTestError, match=r"sample \d+, class c0 must give code -?\d+; got -?\d+; 1 of 160 logits in 1 of 40"
    ):
        classifier.self_test(tmp_path / "vectors.npz")
    assert classifier.self_test() == built.samples
    (tmp_path / "vectors.npz").write_bytes(b"")
    with pytest.raises(ManifestError, match=r"vectors.npz\] an NPZ with input_codes"):
        classifier.self_test()
    with pytest.raises(ManifestError, match="vectors are required"):
        Classifier(made.device(), built.manifest).self_test()


@pytest.mark.parametrize("kind", ["axi_dma", "comblock", "axi_lite"])
def test_slow_network(tmp_path: Path, kind: str) -> None:
    built = overlay(tmp_path, kind)
    made, classifier = board(built)
    made.faults.inject("slow network")
    fails(classifier, built, DeviceTimeout, r"within 0.1 s")
    assert works(classifier, built)


def test_axi_lite(tmp_path: Path) -> None:
    built = overlay(tmp_path, "axi_lite")
    transport = built.manifest.transport
    assert (transport.input_offset, transport.output_offset) == (64, 128)  # type: ignore[union-attr]
    made, classifier = board(built)
    assert classifier.run(built.vectors.inputs[:0]).shape == (0, 4)
    made.faults.inject("stuck network")
    fails(classifier, built, DeviceTimeout, r"must be done within 0.1 s; network_0: ap_ctrl 0x01 \(start\); 0 of 40")
    fails(classifier, built, DeviceTimeout, r"must be idle within .*no clock, is held in reset")  # until it is reset


def test_comblock_overflow_and_underflow(tmp_path: Path) -> None:
    built = overlay(tmp_path, "comblock")
    made, classifier = board(built)
    for fault in ("overflow", "underflow"):
        made.faults.inject(fault, 2)  # the reset's own look at the status clears the first
        fails(classifier, built, DeviceError, f"{fault}")
        assert works(classifier, built)


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Python's own answer to Ctrl-C: a shell's background jobs are started with the signal ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("kind", ["axi_dma", "comblock", "axi_lite"])
def test_ctrl_c(tmp_path: Path, kind: str, ctrl_c: None) -> None:
    built = overlay(tmp_path, kind)
    made, classifier = board(built)
    classifier.device.timeout_s = 30
    made.faults.slow_s = 6
    made.faults.inject("slow network")
    main = threading.get_ident()
    ring = threading.Timer(0.2, lambda: signal.pthread_kill(main, signal.SIGINT))
    ring.start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        classifier.run(built.vectors.inputs)
    ring.join()
    assert time.monotonic() - start < made.faults.slow_s - 1
    assert made.memory.blocks == {}
    assert works(classifier, built)


@pytest.mark.parametrize("kind", ["axi_dma", "comblock", "axi_lite"])
def test_probabilities_and_benchmark(tmp_path: Path, kind: str) -> None:
    made, classifier = board(overlay(tmp_path, kind))
    x = data().test.x
    logits = classifier.predict(x)
    probabilities = classifier.predict_proba(x)
    assert np.allclose(probabilities.sum(axis=1), 1)
    assert (probabilities.argmax(axis=1) == logits.argmax(axis=1)).all()
    assert np.allclose(np.log(probabilities[:, 0] / probabilities[:, 1]), logits[:, 0] - logits[:, 1])
    assert classifier.predict_proba(x[:0]).shape == (0, 4)
    measured = classifier.benchmark(x, repeats=2, singles=5)
    assert measured.samples == 40
    assert list(measured.latency_us) == [50, 90, 99]
    assert 0 < measured.latency_us[50] <= measured.latency_us[99]
    assert 0 <= measured.driver_share <= 1
    assert "inferences/s in batches of 40" in str(measured)
    made.faults.inject("slow network", 3 * 40)
    made.faults.slow_s = 0.01
    assert classifier.benchmark(x, repeats=2, singles=1).inferences_per_s < 40 / 0.01
    with pytest.raises(ManifestError, match="at least one sample"):
        classifier.benchmark(x[:0])


def test_a_dead_dma_is_told(tmp_path: Path) -> None:
    made, classifier = board(overlay(tmp_path))
    made.cells["axi_dma_0"].read = lambda offset: 0xFFFFFFFF  # type: ignore[method-assign]
    with pytest.raises(DeviceError, match=r"a reset must end within 0\.1 s; the DMA has no clock"):
        classifier.run(data().test.x.astype(np.int64))
