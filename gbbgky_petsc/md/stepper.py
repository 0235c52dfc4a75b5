"""Steps of one ring in time.

`advance` is kick-drift-kick. Plain ("plain"), it is symplectic but of first order: a collision at time s of a step h
exchanges the carriers of two forces, and the half kicks leave the carrier moving from rod i to rod i+1 with an error
(s - h/2)(F_i - F_{i+1}). In "splitting" the collision itself adds that amount. With F linear in time between the ends
of the step and in space across the two rods the terms in their relative speed cancel if the difference is the one *at
contact*; it is taken as the mean of the differences at both ends of the step, each scaled from the rods' distance to a.
This is symmetric in time. The end of the step depends on the correction only through a shift of O(h^3), hence one
repetition of the drift: `sweeps` = 1 uses the forces of the first pass (error O(h^4) per collision in the reversal),
more sweeps evaluate them again and reach rounding. Second order; momentum is conserved to rounding.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import DOP853
from scipy.optimize import brentq

from gbbgky_petsc.errors import InputError
from gbbgky_petsc.md.forces import FourierForce
from gbbgky_petsc.md.kernels import advance_ring
from gbbgky_petsc.md.rods import Ring

Array = NDArray[np.float64]

INTEGRATORS = ("splitting", "plain", "reference")


def steps_for(duration: float, step: float) -> tuple[int, float]:
    """Number of equal steps, none longer than ``step``, that fill ``duration``, and their length."""
    count = max(1, int(np.ceil(duration / step - 1e-9)))
    return count, duration / count


def advance(
    ring: Ring,
    force: FourierForce,
    y: Array,
    v: Array,
    duration: float,
    step: float,
    integrator: str = "splitting",
    sweeps: int = 1,
) -> None:
    """Move rings by ``duration`` > 0 in place, in compiled code.

    Parameters
    ----------
    y, v : (R, N) contracted positions and velocities of R rings
    step : longest step; the duration is cut into equal ones
    integrator : ``splitting`` (second order), ``plain`` (first order) or ``reference``
    sweeps : evaluations of the force in a step with collisions, see the module

    Raises
    ------
    InputError
        For an unknown integrator or a step that is not positive.
    """
    if integrator not in INTEGRATORS:
        raise InputError(f"md.integrator = {integrator!r}: allowed: {', '.join(INTEGRATORS)}")
    if not (np.isfinite(step) and step > 0.0):
        raise InputError(f"md.step = {step:g}: allowed: finite and positive")
    if integrator == "reference":
        for r in range(y.shape[0]):
            advance_reference(ring, force, y[r], v[r], duration, min(step, REFERENCE_STEP))
        return
    count, length = steps_for(duration, step)
    args = (ring.rod, ring.circumference, force.weight, length, count, integrator == "splitting", sweeps)
    for r in range(y.shape[0]):
        advance_ring(y[r], v[r], *args)


#: longest step of the paper's integrator
REFERENCE_STEP = 0.0005


def advance_reference(
    ring: Ring, force: FourierForce, y: Array, v: Array, duration: float, max_step: float = REFERENCE_STEP
) -> None:
    """Event-driven DOP853 of one ring in place: every collision is located on the dense output and restarts it.

    Tolerances are 1e-12 relative and absolute. Two rods that meet and part again within one step are missed; with
    the default step that takes a closing speed of the order of step times force.

    Parameters
    ----------
    y, v : (N,) contracted positions and velocities
    """
    n = ring.particles
    index = ring.rod * np.arange(n)

    def rhs(_: float, state: Array) -> Array:
        x = state[:n] + index
        return np.concatenate([state[n:], force.forces(x, force.sums(x))])

    def gaps(state: Array) -> Array:
        return np.append(np.diff(state[:n]), state[0] + ring.contracted - state[n - 1])

    state, time = np.concatenate([y, v]), 0.0
    while time < duration:
        solver = DOP853(rhs, time, state, duration, max_step=max_step, rtol=1e-12, atol=1e-12)
        while solver.status == "running":
            solver.step()
            begin, end = gaps(state), gaps(solver.y)
            closing = state[n:] - np.roll(state[n:], -1)
            # a pair in contact that separates has a gap of rounding size and either sign
            met = np.flatnonzero((end < 0.0) & ((begin > 0.0) | (closing > 0.0)))
            if met.size == 0:
                state, time = solver.y, solver.t
                continue
            dense = solver.dense_output()
            when = [_root(dense, gaps, i, float(solver.t_old), float(solver.t)) for i in met]
            first = int(np.argmin(when))
            i, time = int(met[first]), when[first]
            state = dense(time)
            j = (i + 1) % n
            state[n + i], state[n + j] = state[n + j], state[n + i]
            break
    y[:], v[:] = state[:n], state[n:]


def _root(
    dense: Callable[[float], Array], gaps: Callable[[Array], Array], pair: int, begin: float, end: float
) -> float:
    """Time at which a gap closes on the dense output."""
    if gaps(dense(begin))[pair] <= 0.0:
        return begin
    return float(brentq(lambda t: gaps(dense(t))[pair], begin, end, xtol=1e-15))


def step_for_tolerance(
    ring: Ring, force: FourierForce, y: Array, v: Array, tolerance: float, trial: float = 0.1, duration: float = 50.0
) -> float:
    """Step at which the rms energy error per particle after ``duration`` is about ``tolerance``.

    One trial run of copies of the rings; the error is of second order in the step. At most 10 trial steps' length.

    Parameters
    ----------
    y, v : (R, N) starting rings, left as they are

    Raises
    ------
    InputError
        If the tolerance is not positive.
    """
    if not (np.isfinite(tolerance) and tolerance > 0.0):
        raise InputError(f"md.energy_tolerance = {tolerance:g}: allowed: finite and positive")
    end_y, end_v = y.copy(), v.copy()
    advance(ring, force, end_y, end_v, duration, trial)
    change = energies(ring, force, end_y, end_v) - energies(ring, force, y, v)
    error = float(np.sqrt(np.mean(change**2)))
    return trial * min(10.0, np.sqrt(tolerance / error)) if error > 0.0 else 10.0 * trial


def energies(ring: Ring, force: FourierForce, y: Array, v: Array) -> Array:
    """Total energy per particle, (R,), without the uniform background."""
    x = ring.positions(y)
    pair = np.array([force.energy(force.sums(row), ring.particles) for row in x])
    return (0.5 * (v**2).sum(axis=1) + pair) / ring.particles
