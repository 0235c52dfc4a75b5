"""Steps in time: order, reversal, conservation."""

import numpy as np
import pytest

from gbbgky_petsc.errors import InputError
from gbbgky_petsc.md.forces import FourierForce
from gbbgky_petsc.md.initial import VelocitySampler, equilibrate, sample_part
from gbbgky_petsc.md.kernels import drift
from gbbgky_petsc.md.rods import Ring
from gbbgky_petsc.md.stepper import advance, advance_reference, energies, step_for_tolerance, steps_for
from gbbgky_petsc.physics.models import HardRods
from gbbgky_petsc.physics.potential import Gaussian, Potential, Power
from gbbgky_petsc.physics.states import BoostedThermal

VELOCITY = VelocitySampler(BoostedThermal(0.2, 2.5, 1.0), HardRods(1.0))
RING = Ring(500.0, 100, 1.0)
FIG2 = FourierForce.build(Potential(Power(6.0), 4.0, 20.0), 500.0, 1e-5)
#: few rods, stronger and shorter force: errors of the step stand out
SMALL = Ring(40.0, 8, 1.0)
STRONG = FourierForce.build(Potential(Gaussian(), 6.0, 3.0), 40.0, 1e-9)


def rings(ring: Ring, count: int, seed: int = 11):
    pairs = [sample_part(ring, VELOCITY, seed, r, 0, ring.particles) for r in range(count)]
    return np.stack([p[0] for p in pairs]), np.stack([p[1] for p in pairs])


def errors_against_reference(integrator, steps):
    """rms distance from the reference after t = 4."""
    y, v = rings(SMALL, 10)
    exact_y, exact_v = y.copy(), v.copy()
    for r in range(10):
        advance_reference(SMALL, STRONG, exact_y[r], exact_v[r], 4.0, max_step=0.02)
    found = []
    for step in steps:
        end_y, end_v = y.copy(), v.copy()
        advance(SMALL, STRONG, end_y, end_v, 4.0, step, integrator)
        found.append(np.sqrt(np.mean((end_y - exact_y) ** 2) + np.mean((end_v - exact_v) ** 2)))
    return np.array(found), (exact_y, exact_v), (y, v)


def test_second_order_against_the_reference():
    steps = np.array([0.04, 0.02, 0.01, 0.005])
    found, exact, start = errors_against_reference("splitting", steps)
    order = np.polyfit(np.log(steps), np.log(found), 1)[0]
    assert 1.7 < order < 2.3
    change = energies(SMALL, STRONG, *exact) - energies(SMALL, STRONG, *start)
    assert np.abs(change).max() < 1e-9  # of the reference itself


def test_plain_is_first_order():
    steps = np.array([0.04, 0.02, 0.01, 0.005])
    plain, _, _ = errors_against_reference("plain", steps)
    assert 0.6 < np.polyfit(np.log(steps), np.log(plain), 1)[0] < 1.4


@pytest.mark.parametrize(("sweeps", "bound"), [(1, 1e-7), (4, 1e-10)])
def test_reversal(sweeps, bound):
    y, v = rings(RING, 4)
    end_y, end_v = y.copy(), v.copy()
    advance(RING, FIG2, end_y, end_v, 20.0, 0.1, sweeps=sweeps)
    # the reversed ring: velocities turned round, everything else as it is
    end_v *= -1.0
    advance(RING, FIG2, end_y, end_v, 20.0, 0.1, sweeps=sweeps)
    np.testing.assert_allclose(end_y, y, atol=bound)
    np.testing.assert_allclose(-end_v, v, atol=bound)


def test_energy_and_momentum_of_fig2():
    """The bounds of the project: mean energy error below 5e-6 and rms below 5e-5 per particle at t = 400."""
    y, v = rings(RING, 12)
    start, momentum = energies(RING, FIG2, y, v), v.sum(axis=1)
    advance(RING, FIG2, y, v, 400.0, 0.1)
    error = energies(RING, FIG2, y, v) - start
    assert abs(error.mean()) < 5e-6
    assert np.sqrt(np.mean(error**2)) < 5e-6  # ten times below the bound
    np.testing.assert_allclose(v.sum(axis=1), momentum, atol=1e-11)
    assert np.all(np.diff(y, axis=1) >= -1e-12)


def test_without_a_force_steps_are_the_drift():
    y, v = rings(RING, 1)
    free_y, free_v = y[0].copy(), v[0].copy()
    drift(free_y, free_v, 30.0, RING.contracted)
    advance(RING, FourierForce.none(500.0), y, v, 30.0, 0.1)
    np.testing.assert_allclose(y[0], free_y, atol=1e-10)
    np.testing.assert_array_equal(v[0], free_v)


def test_free_particles():
    """a = 0: the step is Verlet's, crossing particles need no correction."""
    ring = Ring(40.0, 8, 0.0)
    y, v = rings(ring, 4)
    start = energies(ring, STRONG, y, v)
    advance(ring, STRONG, y, v, 50.0, 0.01)
    assert np.abs(energies(ring, STRONG, y, v) - start).max() < 1e-4


def test_step_for_tolerance():
    y, v = rings(RING, 16)
    step = step_for_tolerance(RING, FIG2, y, v, 1e-6)
    start = energies(RING, FIG2, y, v)
    advance(RING, FIG2, y, v, 50.0, step)
    assert 1e-7 < np.sqrt(np.mean((energies(RING, FIG2, y, v) - start) ** 2)) < 1e-5


def test_equilibration_is_stationary():
    """Dynamics leaves the energies of the equilibrated ring where they are; without equilibration they move."""
    ring, beta = Ring(100.0, 20, 1.0), 1.0
    force = FourierForce.build(Potential(Gaussian(), 8.0, 4.0), 100.0, 1e-6)
    y, v = rings(ring, 200)
    accepted = [equilibrate(ring, force, beta, 2, r, y[r], v[r], 8, 10.0, 0.1) for r in range(200)]
    assert np.mean(accepted) > 0.9
    before = 0.5 * (v**2).mean(axis=1)
    bare_y, bare_v = rings(ring, 200)
    bare_v[:] = v
    pair = energies(ring, force, y, v) - before
    bare_pair = energies(ring, force, bare_y, v) - before
    assert bare_pair.mean() - pair.mean() > 5.0 * (pair.std() + bare_pair.std()) / np.sqrt(200)
    advance(ring, force, y, v, 40.0, 0.05)
    change = 0.5 * (v**2).mean(axis=1) - before
    assert abs(change.mean()) < 3.5 * change.std() / np.sqrt(200)


def test_steps_fill_the_duration():
    assert steps_for(1.0, 0.1) == (10, pytest.approx(0.1))
    assert steps_for(1.0, 0.3) == (4, pytest.approx(0.25))
    assert steps_for(0.01, 0.3) == (1, pytest.approx(0.01))


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"step": 0.0}, "md.step = 0"),
        ({"step": float("nan")}, "md.step = nan"),
        ({"step": 0.1, "integrator": "magic"}, "md.integrator = 'magic'"),
    ],
)
def test_bad_steps(options, key):
    y, v = rings(SMALL, 1)
    with pytest.raises(InputError, match="allowed") as caught:
        advance(SMALL, STRONG, y, v, 1.0, **options)
    assert key in str(caught.value)
    with pytest.raises(InputError, match=r"md\.energy_tolerance = -1"):
        step_for_tolerance(SMALL, STRONG, y, v, -1.0)
