"""The simulated scintillator and the simulated trap: reproducible, in range, and hard in the way that is documented."""

from __future__ import annotations

import numpy as np
import pytest
from qkdflow import Key
from qkdflow.datasets import SIMULATORS, digits, gamma_neutron, pest, textures
from qkdflow.errors import ConfigError


@pytest.mark.parametrize("name", ["digits", "gamma-neutron", "pest-2", "pest-3", "textures"])
def test_same_key_same_bits_and_other_key_other_bits(name: str) -> None:
    one, again, other = (SIMULATORS[name](Key(k), 112 if name == "textures" else 30) for k in (5, 5, 6))
    np.testing.assert_array_equal(one.x, again.x)
    np.testing.assert_array_equal(one.indices.test, again.indices.test)
    assert (one.x != other.x)[one.x + other.x > 0].mean() > 0.5
    np.testing.assert_array_equal(one.x, np.rint(one.x))
    assert (one.x.min() >= 0, one.x.max() <= one.input_type.high) == (True, True)


def test_golden_samples() -> None:
    """The published scores belong to these bits: a change of a simulator is a change of the problem."""
    assert int(gamma_neutron.simulate(Key(0), 400).x.sum(dtype=np.float64)) == 1_290_935
    assert int(pest.images(Key(0), "moth", 2).sum(dtype=np.float64)) == 6_809_556
    assert int(digits.images(Key(0), 3, 2).sum(dtype=np.float64)) == 61_710


def test_a_larger_draw_begins_with_the_smaller_one() -> None:
    few, many = (gamma_neutron.pulses(Key(1), "neutron", n) for n in (20, 200))
    np.testing.assert_array_equal(many[:20], few)
    few, many = (digits.images(Key(1), 8, n) for n in (3, 70))
    np.testing.assert_array_equal(many[:3], few)
    few, many = (pest.images(Key(1), "moth", n) for n in (3, 70))
    np.testing.assert_array_equal(many[:3], few)


def test_shapes_classes_and_types() -> None:
    pulses = gamma_neutron.simulate(Key(0), 400)
    assert (pulses.shape, pulses.class_names, [len(i) for i in pulses.indices]) == (
        (30,),
        ("gamma", "neutron"),
        [280, 60, 60],
    )
    assert pulses.input_type.ap_type == "ap_ufixed<10,10,AP_RND,AP_SAT>"
    for classes, names in ((2, ("moth", "other")), (3, pest.KINDS)):
        traps = pest.simulate(Key(0), 30, classes)
        assert (traps.shape, traps.class_names) == ((80, 80, 3), names)
        assert traps.input_type.ap_type == "ap_ufixed<8,8,AP_RND,AP_SAT>"
        np.testing.assert_array_equal(np.bincount(traps.y), [30 // classes] * classes)


def test_digits_have_the_form_of_mnist_and_their_own_mean_images() -> None:
    written = SIMULATORS["digits"](Key(4), 600)
    assert (written.shape, written.class_names) == ((28, 28, 1), tuple("0123456789"))
    assert written.input_type.ap_type == "ap_ufixed<8,8,AP_RND,AP_SAT>"
    ink = (written.x > 0).mean(axis=(1, 2, 3))
    assert 0.04 < ink.min() < ink.max() < 0.5  # MNIST's lie between 0.04 and 0.45
    means = np.stack([written.train.x[written.train.y == digit].mean(axis=0).ravel() for digit in range(10)])
    distance = ((written.test.x.reshape(len(written.test.x), 1, -1) - means) ** 2).sum(axis=2)
    nearest = (distance.argmin(axis=1) == written.test.y).mean()
    assert 0.4 < nearest < 0.95  # neither chance nor given away


def test_a_texture_changes_across_its_direction_and_not_along() -> None:
    made = textures.simulate(Key(0), 160)
    assert (made.shape, made.classes, made.input_type.ap_type) == ((32, 32, 3), 16, "ap_ufixed<8,8,AP_RND,AP_SAT>")
    x = made.x[made.y == textures.CLASS_NAMES.index("stripes 0")]
    across, along = (np.abs(np.diff(x, axis=axis)).mean() for axis in (2, 1))
    assert across > 1.2 * along


def test_a_gamma_begins_faster_and_captures_make_a_peak() -> None:
    gamma, neutron = (gamma_neutron.pulses(Key(2), kind, 4000) - 24.0 for kind in gamma_neutron.CLASS_NAMES)
    share = [np.median((x[:, :10].sum(axis=1) / x.sum(axis=1))[x.max(axis=1) > 200]) for x in (gamma, neutron)]
    assert share[0] > share[1] + 0.02
    heights = neutron.max(axis=1)
    assert 0.45 < ((heights > 340) & (heights < 500)).mean() < 0.75
    assert ((gamma.max(axis=1) > 340) & (gamma.max(axis=1) < 500)).mean() < 0.25


def test_a_histogram_does_not_tell_the_moths_apart() -> None:
    moth, other = (pest.images(Key(3), kind, 128).mean(axis=(1, 2)) for kind in pest.KINDS[:2])
    apart = np.abs(moth.mean(axis=0) - other.mean(axis=0)) / np.sqrt((moth.var(axis=0) + other.var(axis=0)) / 2)
    assert apart.max() < 0.35


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: gamma_neutron.simulate(Key(0), 5), "must be even and at least 6; got 5"),
        (lambda: gamma_neutron.pulses(Key(0), "muon", 1), "must be gamma or neutron; got 'muon'"),
        (lambda: digits.simulate(Key(0), 25), "a multiple of 10 and at least 30; got 25"),
        (lambda: digits.images(Key(0), 10, 1), "must be 0 to 9; got 10"),
        (lambda: pest.simulate(Key(0), 20), "a multiple of 6 and at least 18; got 20"),
        (lambda: textures.simulate(Key(0), 96), "a multiple of 16 and at least 112; got 96"),
        (lambda: pest.simulate(Key(0), 18, 4), "classes must be 2 or 3; got 4"),
        (lambda: pest.images(Key(0), "wasp", 1), "must be one of moth, other moth, other insect; got 'wasp'"),
    ],
)
def test_nonsense_is_refused(draw: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        draw()  # type: ignore[operator]
