"""Steps of the rods of one rank in time.

A step is kick-drift-kick. Plain ("plain"), it is symplectic but of first order: a collision at time s of a step h
exchanges the carriers of two forces, and the half kicks leave the carrier moving from rod i to rod i+1 with an error
(s - h/2)(F_i - F_{i+1}), where F is the whole force on a rod, that of an external field included: it acts on the rod
that a carrier has come to. In "splitting" the collision itself adds that amount. With F linear in time between the
ends of the step and in space across the two rods the terms in their relative speed cancel if the difference is the one
*at contact*; it is taken as the mean of the differences at both ends of the step, each scaled from the rods' distance
to a. This is symmetric in time. The end of the step depends on the correction only through a shift of O(h^3), hence
one repetition of the drift: `sweeps` = 1 uses the forces of the first pass (error O(h^4) per collision in the
reversal), more sweeps evaluate them again and reach rounding. Second order; momentum is conserved to rounding where no
external field acts.
"""

from collections.abc import Callable, Sequence

import numpy as np
from scipy.integrate import DOP853
from scipy.optimize import brentq

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.md.kernels import advance_ring, first_drift, second_drift
from gbbgky_petsc.md.rods import Rods

#: moves rods by a duration with a longest step, in place
Integrator = Callable[[Rods, float, float], None]
#: integrators by their name in the case file
INTEGRATORS: dict[str, Integrator] = {}


def integrator(name: str) -> Callable[[Integrator], Integrator]:
    """Register an integrator under its name in the case file."""

    def register(function: Integrator) -> Integrator:
        INTEGRATORS[name] = function
        return function

    return register


def advance(rods: Rods, duration: float, step: float, integrator: str = "splitting") -> None:
    """Move rods by ``duration`` > 0 in place. Collective over the ranks of their ring.

    Parameters
    ----------
    step : longest step; the duration is cut into equal ones
    integrator : ``splitting`` (second order), ``plain`` (first order) or ``reference``

    Raises
    ------
    InputError
        For an unknown integrator, a step that is not positive, or domains too short for the step or the force.
    """
    if integrator not in INTEGRATORS:
        raise InputError(f"md.integrator = {integrator!r}: allowed: {', '.join(INTEGRATORS)}")
    if not (np.isfinite(step) and step > 0.0):
        raise InputError(f"md.step = {step:g}: allowed: finite and positive")
    for part in rods.smooth_parts(duration):
        end = rods.time + part
        INTEGRATORS[integrator](rods, part, step)
        rods.time = end


def steps_for(duration: float, step: float) -> tuple[int, float]:
    """Number of equal steps, none longer than ``step``, that fill ``duration``, and their length."""
    count = max(1, int(np.ceil(duration / step - 1e-9)))
    return count, duration / count


@integrator("splitting")
def splitting(rods: Rods, duration: float, step: float, sweeps: int = 1) -> None:
    """Second order; ``sweeps`` evaluations of the force in a step with collisions, see the module."""
    _kick_drift_kick(rods, duration, step, True, sweeps)


@integrator("plain")
def plain(rods: Rods, duration: float, step: float) -> None:
    """First order: collisions exchange velocities and no more."""
    _kick_drift_kick(rods, duration, step, False, 0)


def _kick_drift_kick(rods: Rods, duration: float, step: float, correct: bool, sweeps: int) -> None:
    count, length = steps_for(duration, step)
    if not compiled(rods, length, count, correct, sweeps):
        interpreted(rods, length, count, correct, sweeps)


def compiled(rods: Rods, step: float, count: int, correct: bool, sweeps: int) -> bool:
    """`interpreted` in compiled code, if it can do it."""
    forces = rods.compiled()
    if forces is None:
        return False
    modes, table = forces
    factor, centre, farthest = np.ones(count + 1), np.zeros(count + 1), np.inf
    if rods.field is not None:
        trap, farthest = rods.field.trap, rods.field.farthest
        times = rods.time + step * np.arange(count + 1)
        times[-1] = np.nextafter(times[-1], rods.time)  # as in `interpreted`
        factor = np.array([trap.quench.factor(t) for t in times])
        centre = np.array([trap.shake.centre(t) for t in times])
    ring = rods.domain.ring
    stopped = advance_ring(
        rods.y, rods.v, ring.rod, ring.circumference, modes, step, count, correct, sweeps,
        table.slopes, table.low, table.spacing, farthest, factor, centre,
    )  # fmt: skip
    if stopped >= 0:
        assert rods.field is not None
        raise rods.field.outside(rods.time + stopped * step)
    return True


def interpreted(rods: Rods, step: float, count: int, correct: bool, sweeps: int) -> None:
    """``count`` steps for any force on any number of ranks; `kernels.advance_ring` is the same loop compiled."""
    rod, start = rods.domain.ring.rod, rods.time
    force = rods.forces()
    for done in range(1, count + 1):
        rods.v += 0.5 * step * force
        window = rods.window(step)
        (y, v, around), own = window.gather(rods.y, rods.v, force)
        start_y, start_v, start_jump, jump = np.zeros((4, y.size))
        hit = first_drift(y, v, around, rod, window.shift, step, correct, start_y, start_v, start_jump)
        rods.y, rods.v = y[own], v[own]
        again = rods.domain.anywhere(hit)
        rods.time = start + done * step
        if done == count:
            rods.time = np.nextafter(rods.time, start)  # a field that jumps at the end has not done so yet
        force = rods.forces()
        for sweep in range(sweeps if again else 0):
            if sweep > 0:
                force = rods.forces()
            (y, around), own = window.gather(rods.y, force)
            second_drift(y, v, around, rod, window.shift, step, start_y, start_v, start_jump, jump)
            rods.y, rods.v = y[own], v[own]
        rods.v += 0.5 * step * force


#: longest step of the paper's integrator
REFERENCE_STEP = 0.0005


@integrator("reference")
def reference(rods: Rods, duration: float, step: float) -> None:
    """`advance_reference` with steps of at most 0.0005; a ring of one rank only."""
    if rods.domain.comm.size > 1:
        raise InputError("md.integrator = 'reference': on one ring over several ranks; allowed: splitting, plain")
    advance_reference(rods, duration, min(step, REFERENCE_STEP))


def advance_reference(rods: Rods, duration: float, max_step: float = REFERENCE_STEP) -> None:
    """Event-driven DOP853 of a whole ring: every collision is located on the dense output and restarts it.

    Tolerances are 1e-12 relative and absolute. Two rods that meet and part again within one step are missed; with
    the default step that takes a closing speed of the order of step times force.
    """
    n, contracted, origin = rods.y.size, rods.domain.ring.contracted, rods.time
    last = np.nextafter(origin + duration, origin)  # a field that jumps at the end has not done so yet

    def rhs(t: float, state: Array) -> Array:
        rods.time = min(origin + t, last)
        return np.concatenate([state[n:], rods.forces_at(state[:n])])

    def gaps(state: Array) -> Array:
        return np.append(np.diff(state[:n]), state[0] + contracted - state[n - 1])

    state, time = np.concatenate([rods.y, rods.v]), 0.0
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
    rods.y, rods.v = state[:n], state[n:]


def _root(
    dense: Callable[[float], Array], gaps: Callable[[Array], Array], pair: int, begin: float, end: float
) -> float:
    """Time at which a gap closes on the dense output."""
    if gaps(dense(begin))[pair] <= 0.0:
        return begin
    return float(brentq(lambda t: gaps(dense(t))[pair], begin, end, xtol=1e-15))


def step_for_tolerance(rings: Sequence[Rods], tolerance: float, trial: float = 0.1, duration: float = 50.0) -> float:
    """Step at which the rms energy error per particle after ``duration`` is about ``tolerance``.

    One trial run of the rings, which it moves; the error is of second order in the step. At most ten trial steps long.

    Raises
    ------
    InputError
        If the tolerance is not positive.
    """
    if not (np.isfinite(tolerance) and tolerance > 0.0):
        raise InputError(f"md.energy_tolerance = {tolerance:g}: allowed: finite and positive")
    start = np.array([rods.energy() for rods in rings])
    for rods in rings:
        advance(rods, duration, trial)
    change = np.array([rods.energy() for rods in rings]) - start
    error = float(np.sqrt(np.mean(change**2)))
    return trial * min(10.0, np.sqrt(tolerance / error)) if error > 0.0 else 10.0 * trial
