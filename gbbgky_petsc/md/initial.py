"""Initial rings: samples of a state of the hierarchy, and thermal rings with the full potential.

Random numbers are keyed by (seed, realisation, block of rods), so that a sample is the same on any number of ranks and
however a ring is cut into domains.
"""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.errors import InputError, SolverError
from gbbgky_petsc.md.domains import Domain
from gbbgky_petsc.md.rods import Rods
from gbbgky_petsc.md.stepper import advance
from gbbgky_petsc.physics.models.base import IntegrableModel
from gbbgky_petsc.physics.states import State

#: rods that share one random stream
BLOCK = 4096
#: stream number of what concerns a ring as a whole
WHOLE_RING = 2**31
#: least share of accepted trajectories
LEAST_ACCEPTANCE = 0.25


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


def sample(domain: Domain, velocity: VelocitySampler, seed: int, realisation: int) -> tuple[Array, Array]:
    """A domain's rods of one realisation: uniform in contracted coordinates, velocities independent.

    N points uniform on a circle have spacings that are normalised exponential deviates. Every caller draws the
    spacings of all blocks one after another but keeps only its own, so the result does not depend on the cut.

    Returns
    -------
    y, v : (n,) contracted positions and velocities
    """
    first, last, particles = domain.first, domain.last, domain.ring.particles
    origin = stream(seed, realisation, WHOLE_RING).random()
    y, v = np.empty(last - first), np.empty(last - first)
    total = 0.0
    for number, begin in enumerate(range(0, particles, BLOCK)):
        size = min(BLOCK, particles - begin)
        random = stream(seed, realisation, number)
        spacing = random.exponential(size=size)
        low, high = max(first, begin), min(last, begin + size)
        if low < high:
            before = np.concatenate([[0.0], np.cumsum(spacing[:-1])])
            y[low - first : high - first] = total + before[low - begin : high - begin]
            v[low - first : high - first] = velocity(random.random(size))[low - begin : high - begin]
        total += float(spacing.sum())
    return (y / total + origin) * domain.ring.contracted, v


@dataclass(frozen=True)
class Equilibration:
    """Hybrid Monte Carlo to exp(-beta H), hard core and potential included.

    Fresh Maxwellian velocities, a trajectory of the plain splitting (reversible and volume preserving, hard-core
    collisions exact), accepted with min(1, exp(-beta dH)). Durations are drawn between half and one and a half of
    ``duration``, so that no mode returns to its phase.

    Parameters
    ----------
    moves : number of trajectories
    duration : mean time of one; density waves of wavenumber k forget their phase if it is above 1/(k velocity)
    step : step of their plain splitting
    """

    moves: int = 20
    duration: float = 50.0
    step: float = 0.2

    def __call__(self, rods: Rods, beta: float, seed: int, realisation: int) -> float:
        """Bring a whole ring to equilibrium, in place; returns the acceptance.

        Raises
        ------
        SolverError
            If less than a quarter of the trajectories are accepted: the ring is not equilibrated then.
        """
        n = rods.domain.ring.particles
        random = stream(seed, realisation, WHOLE_RING + 1)
        accepted = 0
        for _ in range(self.moves):
            rods.v = random.normal(0.0, beta**-0.5, n)
            length = self.duration * (0.5 + random.random())
            kept, before = rods.y.copy(), rods.energy()
            advance(rods, length, self.step, "plain")
            change = rods.energy() - before
            if random.random() < np.exp(min(0.0, -beta * n * change)):
                accepted += 1
            else:
                rods.y = kept
        rods.v = random.normal(0.0, beta**-0.5, n)
        share = accepted / max(self.moves, 1)
        if share < LEAST_ACCEPTANCE:
            raise SolverError(f"md.equilibrate: {share:.0%} of the trajectories with step {self.step:g} were accepted")
        return share
