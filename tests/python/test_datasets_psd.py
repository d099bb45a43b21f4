"""The simulated pulses: reproducible, inside the ADC, and of the physics that is documented."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from qkdflow import Key
from qkdflow.baselines import boosted_trees
from qkdflow.datasets import psd
from qkdflow.errors import ConfigError

QUIET = replace(
    psd.PARAMETERS,
    noise=0.0,
    wander=0.0,
    jitter=0.0,
    electrons=1e12,
    pedestal=0.0,
    adc_bits=16,
    rail=60_000.0,
)


# The counts of samples 5 to 19 of the first pulse of each class of Key(0); the sum of its first 400 pulses.
GOLDEN = {
    "electromagnetic": [6, 39, 75, 84, 80, 70, 55, 42, 35, 34, 32, 22, 15, 14, 12],
    "muon": [3, 11, 63, 99, 139, 156, 159, 154, 150, 134, 118, 107, 104, 98, 81],
    "double": [61, 81, 82, 79, 62, 53, 41, 29, 20, 15, 6, 6, 5, 32, 50],
    "saturated": [131, 232, 231, 232, 232, 231, 217, 174, 131, 120, 95, 73, 49, 31, 23],
}
GOLDEN_SUM = 731_815


def test_same_key_same_bits_and_other_key_other_bits() -> None:
    one, again, other = psd.simulate(Key(5), 200), psd.simulate(Key(5), 200), psd.simulate(Key(6), 200)
    np.testing.assert_array_equal(one.x, again.x)
    np.testing.assert_array_equal(one.indices.test, again.indices.test)
    assert (one.x != other.x).mean() > 0.5


def test_golden_pulse() -> None:
    """The published scores belong to these bits: a change of the simulator is a change of the problem."""
    got = {kind: psd.pulses(Key(0), kind, 1)[0, 5:20].astype(int).tolist() for kind in psd.CLASS_NAMES}
    assert got == GOLDEN
    assert int(psd.simulate(Key(0), 400).x.sum(dtype=np.float64)) == GOLDEN_SUM


def test_a_larger_draw_begins_with_the_smaller_one() -> None:
    np.testing.assert_array_equal(psd.pulses(Key(1), "double", 200)[:50], psd.pulses(Key(1), "double", 50))


def test_shape_classes_and_type_of_the_adc() -> None:
    d = psd.simulate(Key(0), 400)
    assert (d.samples, d.shape, d.class_names) == (400, (30,), psd.CLASS_NAMES)
    assert d.input_type.ap_type == "ap_ufixed<8,8,AP_RND,AP_SAT>"
    assert d.x.min() >= 0
    assert d.x.max() <= 255
    np.testing.assert_array_equal(d.x, np.rint(d.x))
    assert [len(i) for i in d.indices] == [280, 60, 60]


def test_only_saturated_pulses_reach_the_rail() -> None:
    # Photoelectron statistics carry a few pulses across, as they would in the detector.
    reached = {kind: (psd.pulses(Key(2), kind, 2000).max(axis=1) >= 228).mean() for kind in psd.CLASS_NAMES}
    assert reached["saturated"] > 0.995
    assert max(reached[kind] for kind in psd.CLASS_NAMES[:3]) < 0.005


def _rise(kind: str) -> np.ndarray:
    """10-90 % rise times in ns of noiseless pulses, sampled finely."""
    p = replace(QUIET, period=0.1, samples=900)
    y = psd.pulses(Key(3), kind, 300, replace(p, lowest=20_000.0, highest=50_000.0, hump_muon=30_000.0))
    top = y.max(axis=1, keepdims=True)
    return (np.argmax(y >= 0.9 * top, axis=1) - np.argmax(y >= 0.1 * top, axis=1)) * p.period


def test_rise_times_are_those_of_the_literature() -> None:
    em, muon = _rise("electromagnetic"), _rise("muon")
    assert em.min() > 5.5
    assert em.max() < 9.0
    assert muon.min() > 10.5
    assert muon.max() < 15.5


def test_a_double_has_a_second_pulse_behind_the_first() -> None:
    p = replace(QUIET, lowest=20_000.0, highest=50_000.0, hump_muon=30_000.0, delay=(60.0, 60.0))
    y = psd.pulses(Key(4), "double", 200, replace(p, decay_muon=p.decay_em, pole_muon=p.pole_em))
    peaks = (y[:, 1:-1] > y[:, :-2]) & (y[:, 1:-1] >= y[:, 2:])
    assert (peaks.sum(axis=1) == 2).all()
    apart = [np.diff(np.flatnonzero(row))[0] * p.period for row in peaks]
    assert 52 <= np.mean(apart) <= 68


def test_heights_follow_their_spectra() -> None:
    p = replace(psd.PARAMETERS, noise=0.0, wander=0.0, electrons=1e12, pedestal=0.0)
    heights = {kind: psd.pulses(Key(5), kind, 4000, p).max(axis=1) for kind in ("electromagnetic", "muon")}
    for values in heights.values():
        assert values.min() >= p.lowest
        assert values.max() <= p.highest
    assert abs(np.median(heights["muon"]) - p.hump_muon) < 3
    # The exponential above the threshold, cut at the highest height.
    share = (1 - np.exp(-30 / p.mean_em)) / (1 - np.exp(-160 / p.mean_em))
    assert abs((heights["electromagnetic"] < p.lowest + 30).mean() - share) < 0.03


def test_baseline_noise_is_as_documented() -> None:
    before = psd.pulses(Key(6), "electromagnetic", 4000, replace(psd.PARAMETERS, pedestal=50.0, jitter=0.0))[:, :4]
    assert abs(before.mean() - 50) < 0.2
    within = before.std(axis=1, ddof=1).mean()
    assert 0.8 < within < 1.3  # noise of 1 count, rounding, a little drift
    assert 1.4 < before.mean(axis=1).std() < 2.0  # offset and drift of 1.5 counts each


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"noise": -1.0}, r"\[psd noise\] 0 <= low <= high is required; got -1.0"),
        ({"delay": (60.0, 30.0)}, r"\[psd delay\]"),
        ({"wander": float("nan")}, r"\[psd wander\]"),
        ({"period": 0.0}, r"\[psd period\] must be positive"),
        ({"decay_em": (0.0, 10.0)}, r"\[psd decay_em\] must be positive"),
        ({"samples": 1}, "at least 2 samples"),
        ({"adc_bits": 0}, "1 to 16 bits"),
        ({"highest": 240.0}, "lowest < highest < rail"),
        ({"rail": 256.0}, r"rail < 2\^adc_bits"),
        ({"overshoot": 0.9}, "overshoot >= 1"),
    ],
)
def test_nonsense_parameters_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        replace(psd.PARAMETERS, **change)  # type: ignore[arg-type]


def test_too_few_pulses_and_an_unknown_class_are_refused() -> None:
    for samples in (8, 41):
        with pytest.raises(ConfigError, match=f"a multiple of 4, at least 12; got {samples}"):
            psd.simulate(Key(0), samples)
    with pytest.raises(ConfigError, match="must be one of electromagnetic, muon, double, saturated; got 'pion'"):
        psd.pulses(Key(0), "pion", 1)


def test_boosted_trees_are_repeatable_and_learn() -> None:
    pytest.importorskip("sklearn")
    d = psd.simulate(Key(0), 320)
    first = boosted_trees(d, 1)
    assert first is not None
    assert first == boosted_trees(d, 1)
    assert first["accuracy_test"] > 0.8
    assert first["trees"] == 600


def test_without_scikit_learn_there_are_no_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sklearn.ensemble", None)
    assert boosted_trees(psd.simulate(Key(0), 80)) is None
