"""Steps in time: order, reversal, conservation."""

import numpy as np
import pytest
from md_rings import copies, drift, of, whole_rings

from gbbgky_petsc.errors import InputError
from gbbgky_petsc.md.forces import FourierForce
from gbbgky_petsc.md.initial import Equilibration, VelocitySampler
from gbbgky_petsc.md.ring import Ring
from gbbgky_petsc.md.stepper import (
    advance,
    advance_reference,
    compiled,
    interpreted,
    splitting,
    step_for_tolerance,
    steps_for,
)
from gbbgky_petsc.physics.models import HardRods
from gbbgky_petsc.physics.potential import Gaussian, Potential, Power
from gbbgky_petsc.physics.states import BoostedThermal

VELOCITY = VelocitySampler(BoostedThermal(0.2, 2.5, 1.0), HardRods(1.0))
RING = Ring(500.0, 100, 1.0)
FIG2 = FourierForce.build(Potential(Power(6.0), 4.0, 20.0), 500.0, 1e-5)
#: few rods, stronger and shorter force: errors of the step stand out
SMALL = Ring(40.0, 8, 1.0)
STRONG = FourierForce.build(Potential(Gaussian(), 6.0, 3.0), 40.0, 1e-9)


def errors_against_reference(integrator, steps):
    """rms distance from the reference after t = 4."""
    start = whole_rings(SMALL, STRONG, VELOCITY, 10)
    exact = copies(start)
    for rods in exact:
        advance_reference(rods, 4.0, max_step=0.02)
    found = []
    for step in steps:
        end = copies(start)
        for rods in end:
            advance(rods, 4.0, step, integrator)
        distance = [np.mean((of(end, name) - of(exact, name)) ** 2) for name in ("y", "v")]
        found.append(np.sqrt(sum(distance)))
    return np.array(found), exact, start


def test_second_order_against_the_reference():
    steps = np.array([0.04, 0.02, 0.01, 0.005])
    found, exact, start = errors_against_reference("splitting", steps)
    order = np.polyfit(np.log(steps), np.log(found), 1)[0]
    assert 1.7 < order < 2.3
    change = of(exact, "energy") - of(start, "energy")
    assert np.abs(change).max() < 1e-9  # of the reference itself


def test_plain_is_first_order():
    steps = np.array([0.04, 0.02, 0.01, 0.005])
    plain, _, _ = errors_against_reference("plain", steps)
    assert 0.6 < np.polyfit(np.log(steps), np.log(plain), 1)[0] < 1.4


@pytest.mark.parametrize(("sweeps", "bound"), [(1, 1e-7), (4, 1e-10)])
def test_reversal(sweeps, bound):
    start = whole_rings(RING, FIG2, VELOCITY, 4)
    end = copies(start)
    for rods in end:
        splitting(rods, 20.0, 0.1, sweeps=sweeps)
        # the reversed ring: velocities turned round, everything else as it is
        rods.v *= -1.0
        splitting(rods, 20.0, 0.1, sweeps=sweeps)
    np.testing.assert_allclose(of(end, "y"), of(start, "y"), atol=bound)
    np.testing.assert_allclose(-of(end, "v"), of(start, "v"), atol=bound)


@pytest.mark.parametrize(("correct", "sweeps"), [(False, 0), (True, 1), (True, 3)])
def test_the_compiled_loop_is_the_interpreted_one(correct, sweeps):
    (one,) = whole_rings(RING, FIG2, VELOCITY, 1)
    (other,) = copies([one])
    assert compiled(one, 0.2, 50, correct, sweeps)
    interpreted(other, 0.2, 50, correct, sweeps)
    np.testing.assert_allclose(one.y, other.y, atol=1e-12)
    np.testing.assert_allclose(one.v, other.v, atol=1e-12)


def test_energy_and_momentum_of_fig2():
    """The bounds of the project: mean energy error below 5e-6 and rms below 5e-5 per particle at t = 400."""
    rings = whole_rings(RING, FIG2, VELOCITY, 12)
    start, momentum = of(rings, "energy"), of(rings, "v").sum(axis=1)
    for rods in rings:
        advance(rods, 400.0, 0.1)
    error = of(rings, "energy") - start
    assert abs(error.mean()) < 5e-6
    assert np.sqrt(np.mean(error**2)) < 5e-6  # ten times below the bound
    np.testing.assert_allclose(of(rings, "v").sum(axis=1), momentum, atol=1e-11)
    assert np.all(np.diff(of(rings, "y"), axis=1) >= -1e-12)


def test_without_a_force_steps_are_the_drift():
    (rods,) = whole_rings(RING, FourierForce.none(500.0), VELOCITY, 1)
    free_y, free_v = rods.y.copy(), rods.v.copy()
    drift(free_y, free_v, 30.0, RING.contracted)
    advance(rods, 30.0, 0.1)
    np.testing.assert_allclose(rods.y, free_y, atol=1e-10)
    np.testing.assert_array_equal(rods.v, free_v)


def test_free_particles():
    """a = 0: the step is Verlet's, crossing particles need no correction."""
    rings = whole_rings(Ring(40.0, 8, 0.0), STRONG, VELOCITY, 4)
    start = of(rings, "energy")
    for rods in rings:
        advance(rods, 50.0, 0.01)
    assert np.abs(of(rings, "energy") - start).max() < 1e-4


def test_step_for_tolerance():
    rings = whole_rings(RING, FIG2, VELOCITY, 16)
    start = of(rings, "energy")
    step = step_for_tolerance(copies(rings), 1e-6)
    for rods in rings:
        advance(rods, 50.0, step)
    assert 1e-7 < np.sqrt(np.mean((of(rings, "energy") - start) ** 2)) < 1e-5


def test_equilibration_is_stationary():
    """Dynamics leaves the energies of the equilibrated ring where they are; without equilibration they move."""
    ring, beta = Ring(100.0, 20, 1.0), 1.0
    force = FourierForce.build(Potential(Gaussian(), 8.0, 4.0), 100.0, 1e-6)
    bare = whole_rings(ring, force, VELOCITY, 200)
    rings, equilibrate = copies(bare), Equilibration(moves=8, duration=10.0, step=0.1)
    accepted = [equilibrate(rods, beta, 2, r) for r, rods in enumerate(rings)]
    assert np.mean(accepted) > 0.9
    before = 0.5 * (of(rings, "v") ** 2).mean(axis=1)
    pair, bare_pair = of(rings, "interaction_energy") / 20, of(bare, "interaction_energy") / 20
    assert bare_pair.mean() - pair.mean() > 5.0 * (pair.std() + bare_pair.std()) / np.sqrt(200)
    for rods in rings:
        advance(rods, 40.0, 0.05)
    change = 0.5 * (of(rings, "v") ** 2).mean(axis=1) - before
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
    rings = whole_rings(SMALL, STRONG, VELOCITY, 1)
    with pytest.raises(InputError, match="allowed") as caught:
        advance(rings[0], 1.0, **options)
    assert key in str(caught.value)
    with pytest.raises(InputError, match=r"md\.energy_tolerance = -1"):
        step_for_tolerance(rings, -1.0)
