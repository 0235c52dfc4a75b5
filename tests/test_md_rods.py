"""Hard rods without a force: exact drift, collisions, transport, structure."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from md_rings import drift

from gbbgky_petsc.errors import InputError
from gbbgky_petsc.md.domains import Domain
from gbbgky_petsc.md.initial import VelocitySampler
from gbbgky_petsc.md.initial import sample as sample_rods
from gbbgky_petsc.md.kernels import exchange, move
from gbbgky_petsc.md.ring import Ring
from gbbgky_petsc.physics.models import HardRods
from gbbgky_petsc.physics.states import BoostedThermal, TabulatedState

STATE = BoostedThermal(0.2, 2.5, 1.0)
MODEL = HardRods(1.0)
VELOCITY = VelocitySampler(STATE, MODEL)


def sample(ring: Ring, realisation: int = 0, seed: int = 5):
    return sample_rods(Domain(ring), VELOCITY, seed, realisation)


@pytest.mark.parametrize("duration", [0.3, 7.0, 400.0, -30.0])
def test_drift_equals_many_small_drifts(duration):
    ring = Ring(200.0, 40, 1.0)
    y, v = sample(ring)
    small_y, small_v, old = y.copy(), v.copy(), np.sort(v)
    drift(y, v, duration, ring.contracted)
    for _ in range(500):
        drift(small_y, small_v, duration / 500, ring.contracted)
    np.testing.assert_allclose(small_y, y, atol=1e-10)
    np.testing.assert_array_equal(small_v, v)
    np.testing.assert_array_equal(np.sort(v), old)  # a permutation
    assert np.all(np.diff(y) >= 0.0) and y[-1] <= y[0] + ring.contracted


def test_drift_equals_collisions_in_order_of_time():
    ring = Ring(200.0, 40, 1.0)
    y, v = sample(ring)
    events_y, events_v = y.copy(), v.copy()
    drift(y, v, 40.0, ring.contracted)
    move(events_y, events_v, 40.0, np.zeros(40), ring.contracted)
    np.testing.assert_allclose(events_y, y, atol=1e-10)
    np.testing.assert_array_equal(events_v, v)


@settings(max_examples=200, deadline=None)
@given(st.floats(0.0, 3.0), st.floats(-1.0, 1.0))
def test_exchange_is_undone_by_its_reverse(closing, kick):
    parting = closing + 2.0 * exchange(closing, kick)
    assert parting >= 0.0
    assert parting + 2.0 * exchange(parting, -kick) == pytest.approx(closing, abs=1e-14)


def test_tracer_variance_is_twice_the_diffusion_constant():
    """Var of the displacement of a quasiparticle of velocity theta is 2 D t, D = (a^2/2 kappa) int |theta - u| rho."""
    ring, duration, theta = Ring(2000.0, 400, 1.0), 60.0, 0.3
    index, displacement = np.arange(400), []
    for realisation in range(4000):
        y, v = sample(ring, realisation)
        v[0] = theta
        carrier, lap = drift(y, v, duration, ring.contracted)
        rod = int(np.flatnonzero(carrier == 0)[0])
        # in x it has moved by theta t and by a for every rod it has passed
        displacement.append(theta * duration + ring.rod * (index[rod] - lap[rod] * ring.particles))
    u = np.linspace(-5.0, 5.0, 2001)
    rho = STATE.sample(u, 0.005, MODEL)
    kappa = 1.0 - ring.rod * ring.density
    expected = 2.0 * duration * ring.rod**2 / (2.0 * kappa) * 0.005 * float((np.abs(theta - u) * rho).sum())
    variance = np.var(displacement, ddof=1)
    assert abs(variance - expected) < 4.0 * expected * np.sqrt(2.0 / len(displacement))
    velocity = theta / kappa  # J = 0
    assert abs(np.mean(displacement) - velocity * duration) < 4.0 * np.sqrt(variance / len(displacement))


def test_structure_factor_at_long_waves():
    """S(k -> 0) = rho (1 - a rho)^2 in the Gibbs state."""
    ring = Ring(2000.0, 400, 1.0)
    wave = 2.0 * np.pi / ring.circumference * np.arange(1, 5)
    samples = []
    for realisation in range(1500):
        x = ring.positions(sample(ring, realisation)[0])
        samples.append((np.abs(np.exp(-1j * np.outer(wave, x)).sum(axis=1)) ** 2).mean() / ring.circumference)
    expected = ring.density * (1.0 - ring.rod * ring.density) ** 2
    assert abs(np.mean(samples) - expected) < 4.0 * np.std(samples) / np.sqrt(len(samples))


def test_sample_does_not_depend_on_the_cut():
    ring = Ring(50000.0, 10000, 1.0)
    y, v = sample(ring)
    cuts = []
    for first, last in ((0, 3000), (3000, 9001), (9001, 10000)):
        part = Domain(ring)
        part.first, part.last = first, last
        cuts.append(sample_rods(part, VELOCITY, 5, 0))
    np.testing.assert_array_equal(np.concatenate([part[0] for part in cuts]), y)
    np.testing.assert_array_equal(np.concatenate([part[1] for part in cuts]), v)
    assert np.all(np.diff(y) > 0.0) and y[-1] < y[0] + ring.contracted


def test_velocities_follow_the_state():
    uniform = (np.arange(200000) + 0.5) / 200000
    v = VELOCITY(uniform)
    assert np.mean(v) == pytest.approx(0.0, abs=1e-8)
    assert np.mean(v**2) == pytest.approx(1.2, rel=1e-5)
    assert np.mean(v**4) / 1.44 - 3.0 == pytest.approx(-25.0 / 18.0, abs=1e-3)
    table = TabulatedState(0.2, [0.0, 1.0, 2.0, 3.0], [1.0, 1.0, 1.0, 1.0])
    assert np.mean(VelocitySampler(table, MODEL)(uniform)) == pytest.approx(1.5, abs=5e-3)


def test_ring_from_density():
    assert Ring.from_density(0.2, 1.0, particles=100).circumference == pytest.approx(500.0)
    assert Ring.from_density(0.2, 1.0, ring=500.0).particles == 100


@pytest.mark.parametrize(
    ("make", "key"),
    [
        (lambda: Ring(99.0, 100, 1.0), "md.ring = 99"),
        (lambda: Ring(100.0, 100, 1.0), "md.ring = 100"),
        (lambda: Ring(100.0, 1, 1.0), "md.particles = 1"),
        (lambda: Ring(float("inf"), 10, 1.0), "md.ring = inf"),
        (lambda: Ring.from_density(1.2, 1.0, particles=100), "md.ring"),
        (lambda: Ring.from_density(0.2, 1.0), "md.particles = None, md.ring = None"),
        (lambda: Ring.from_density(0.2, 1.0, particles=10, ring=50.0), "md.particles = 10"),
        (lambda: Ring.from_density(0.2, 1.0, ring=-1.0), "md.ring = -1"),
    ],
)
def test_bad_rings(make, key):
    with pytest.raises(InputError) as caught:
        make()
    assert key in str(caught.value) and "allowed" in str(caught.value) and "\n" not in str(caught.value)
