"""Initial rings: samples of a state of the hierarchy, and thermal rings with the full potential.

Random numbers are keyed by (seed, realisation, block of rods), so that a sample is the same on any number of ranks and
however a ring is cut into domains.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from gbbgky_petsc.errors import InputError
from gbbgky_petsc.md.forces import FourierForce
from gbbgky_petsc.md.rods import Ring
from gbbgky_petsc.md.stepper import advance, energies
from gbbgky_petsc.physics.models.base import IntegrableModel
from gbbgky_petsc.physics.states import State

Array = NDArray[np.float64]

#: rods that share one random stream
BLOCK = 4096
#: stream number of what concerns a ring as a whole
WHOLE_RING = 2**31


def stream(seed: int, realisation: int, block: int) -> np.random.Generator:
    """Independent random stream of one block of one realisation."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, realisation, block])))


class VelocitySampler:
    """Draws velocities from rho(theta) by its inverse distribution function.

    Parameters
    ----------
    state, model
        The state and the integrable model that give rho.
    points
        Points of the table of rho; the distribution is the exact integral of its monotone cubic interpolant.

    Raises
    ------
    InputError
        If no window holds the state.
    """

    def __init__(self, state: State, model: IntegrableModel, points: int = 1024) -> None:
        top = 1e-3
        while state.weight_outside(top, model) > 1e-14:
            top *= 1.25
            if top > 1e4:
                raise InputError("md.state: velocities beyond 1e4 or below 1e-3; allowed: a state between them")
        theta = np.linspace(-top, top, points)
        rho = state.profile(theta, model)
        rho = np.where(rho > 1e-16 * rho.max(), rho, 0.0)  # the interpolant's slopes overflow on denormal numbers
        cumulative = PchipInterpolator(theta, rho).antiderivative()
        fine = np.linspace(-top, top, 64 * points)
        total = cumulative(fine)
        rising = np.concatenate([[True], np.diff(total) > 0.0])
        self._theta, self._share = fine[rising], (total / total[-1])[rising]

    def __call__(self, uniform: Array) -> Array:
        """Velocities for uniform deviates in [0, 1)."""
        return np.asarray(np.interp(uniform, self._share, self._theta))


def sample_part(
    ring: Ring, velocity: VelocitySampler, seed: int, realisation: int, first: int, last: int
) -> tuple[Array, Array]:
    """Rods first..last-1 of one realisation: uniform in contracted coordinates, velocities independent.

    N points uniform on a circle have spacings that are normalised exponential deviates. Every caller draws the
    spacings of all blocks one after another but keeps only its own, so the result does not depend on the cut.

    Returns
    -------
    y, v : (last - first,)
    """
    origin = stream(seed, realisation, WHOLE_RING).random()
    blocks = range(0, ring.particles, BLOCK)
    y, v = np.empty(last - first), np.empty(last - first)
    total = 0.0
    for number, begin in enumerate(blocks):
        size = min(BLOCK, ring.particles - begin)
        random = stream(seed, realisation, number)
        spacing = random.exponential(size=size)
        low, high = max(first, begin), min(last, begin + size)
        if low < high:
            before = np.concatenate([[0.0], np.cumsum(spacing[:-1])])
            y[low - first : high - first] = total + before[low - begin : high - begin]
            v[low - first : high - first] = velocity(random.random(size))[low - begin : high - begin]
        total += float(spacing.sum())
    return (y / total + origin) * ring.contracted, v


def equilibrate(
    ring: Ring,
    force: FourierForce,
    beta: float,
    seed: int,
    realisation: int,
    y: Array,
    v: Array,
    moves: int,
    duration: float,
    step: float,
) -> float:
    """Bring one ring to exp(-beta H), hard core and potential included, in place; returns the acceptance.

    Hybrid Monte Carlo: fresh Maxwellian velocities, a trajectory of the plain splitting (reversible and volume
    preserving, hard-core collisions exact), accepted with min(1, exp(-beta dH)). Durations are drawn between half and
    one and a half of ``duration``, so that no mode returns to its phase.

    Parameters
    ----------
    y, v : (N,) contracted positions and velocities
    """
    random = stream(seed, realisation, WHOLE_RING + 1)
    accepted = 0
    for _ in range(moves):
        start = random.normal(0.0, beta**-0.5, (1, ring.particles))
        length = duration * (0.5 + random.random())
        trial_y, trial_v = y[None, :].copy(), start.copy()
        advance(ring, force, trial_y, trial_v, length, step, "plain")
        change = energies(ring, force, trial_y, trial_v) - energies(ring, force, y[None, :], start)
        if random.random() < np.exp(min(0.0, -beta * ring.particles * float(change[0]))):
            accepted += 1
            y[:] = trial_y[0]
    v[:] = random.normal(0.0, beta**-0.5, ring.particles)
    return accepted / max(moves, 1)
