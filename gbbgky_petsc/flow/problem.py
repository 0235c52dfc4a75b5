"""From a case to the problem of `gbbgky flow`, with the checks that need both case and state."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.case import WEIGHT_LOSS, Case
from gbbgky_petsc.discrete.space import Edge, SpaceMesh
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.flow.mean_field import MeanField
from gbbgky_petsc.flow.stencils import FlowStencil
from gbbgky_petsc.physics.inhomogeneous import Surroundings, Trapped
from gbbgky_petsc.physics.models import IntegrableModel
from gbbgky_petsc.physics.potential import Potential
from gbbgky_petsc.physics.states import State
from gbbgky_petsc.physics.trap import NoTrap, Trap

#: density at the ends of an open box, relative to its maximum, above which a trapped cloud is too wide for it
EDGE_DENSITY = 1e-6


@dataclass(frozen=True)
class FlowProblem:
    """What is integrated: ``rho`` is (Nx, N), ``external`` U(x, t)."""

    case: Case
    model: IntegrableModel
    potential: Potential
    external: Trap
    space: SpaceMesh
    stencil: FlowStencil
    theta: Array
    theta_weight: float
    rho: Array
    end: float


def build(case: Case, folder: Path) -> FlowProblem:
    """The problem of a case whose file names are relative to ``folder``.

    Raises
    ------
    InputError
        If tables are missing, or box, rapidity window or resolution do not fit the state.
    """
    table = case.space
    if table is None:
        raise InputError("space: missing; allowed: a table [space] with x_max and points")
    if case.time.end is None:
        raise InputError(f"time.end_rescaled = {case.time.end_rescaled}: depends on place; allowed: time.end")
    late = [t for t in case.output.snapshots_at if t > case.time.end]
    if late:
        raise InputError(f"output.snapshots_at = {late}: after the end of the run; allowed: up to {case.time.end:g}")
    model, potential, space = case.build_model(folder), case.potential.build(folder), table.build()
    external = case.trap.build(folder, model) if case.trap else Trap(NoTrap())
    if not external.shape.covers(space.x_max):
        raise InputError(
            f"trap: its table does not reach space.x_max = {space.x_max:g}; allowed: one that covers the box"
        )
    weight = 2.0 * case.mesh.theta_max / case.mesh.theta_points
    theta = (np.arange(case.mesh.theta_points) + 0.5) * weight - case.mesh.theta_max
    mean_field = MeanField(potential, space, 0) if case.flow.mean_field else None
    surroundings = Surroundings(model, theta, weight, space.x, external.prepared, mean_field)
    state = case.state.build(folder, model, theta)
    if isinstance(state, Trapped):
        _check_bound(external, space)
    rho = (
        np.tile(state.sample(theta, weight, model), (space.points, 1))
        if isinstance(state, State)
        else state.sample(surroundings)
    )
    problem = FlowProblem(
        case,
        model,
        potential,
        external,
        space,
        FlowStencil(table.order, table.upwind),
        theta,
        weight,
        rho,
        case.time.end,
    )
    _check_state(problem, isinstance(state, Trapped))
    return problem


def _check_bound(external: Trap, space: SpaceMesh) -> None:
    """A thermal state on a line without end needs a trap that rises towards both ends."""
    if space.boundary is not Edge.OPEN:
        return
    U = external.prepared(space.x)
    least, ends = float(U.min()), min(float(U[0]), float(U[-1]))
    inner = U[space.points // 4 : -space.points // 4]
    if ends <= least or ends <= float(inner.max()):
        raise InputError(
            "trap: has no bound state between open ends (U does not rise towards them); "
            "allowed: another trap, or space.boundary = wall, periodic"
        )


def _check_state(p: FlowProblem, trapped: bool) -> None:
    """Density, window, box and resolution."""
    q = p.theta_weight * p.rho.sum(axis=1)
    if q.max() >= p.model.density_bound():
        raise InputError(
            f"state: a density of {q.max():g}; allowed: below 1/model.length = {p.model.density_bound():g}"
        )
    edge = max(1, p.theta.size // 50)
    outside = float(p.rho[:, :edge].sum() + p.rho[:, -edge:].sum()) / float(p.rho.sum())
    if outside > WEIGHT_LOSS:
        raise InputError(
            f"mesh.theta_max = {-p.theta[0] + 0.5 * p.theta_weight:g}: {outside:.1e} of the state sits at "
            f"the ends of this window; allowed: at most {WEIGHT_LOSS:g}"
        )
    if trapped and p.space.boundary is Edge.OPEN and max(q[0], q[-1]) > EDGE_DENSITY * q.max():
        raise InputError(
            f"space.x_max = {p.space.x_max:g}: the cloud is wider than the box (at its ends the density is "
            f"{max(q[0], q[-1]) / q.max():.1e} of its maximum); allowed: at most {EDGE_DENSITY:g}"
        )
    T = p.theta_weight * p.model.scattering_kernel(p.theta[:, None] - p.theta[None, :])
    n = p.rho / (1.0 / (2.0 * np.pi) + p.rho @ T)
    if p.model.statistics.factor(n).min() <= 0.0:
        raise InputError(f"state: a filling of {n.max():g}; allowed: below 1 for this model")
    for key, axis in (("mesh.theta_points", 1), ("space.points", 0)):
        size = p.rho.shape[axis]
        if (
            key == "space.points"
            and p.space.boundary is not Edge.PERIODIC
            and max(q[0], q[-1]) > EDGE_DENSITY * q.max()
        ):
            continue  # Fourier modes say nothing about a state that does not close on itself
        modes = np.abs(np.fft.rfft(p.rho, axis=axis)).max(axis=1 - axis)
        unresolved = float(modes[-max(2, modes.size // 8) :].max() / modes.max())
        if unresolved > 1e-2:
            raise InputError(
                f"{key} = {size}: too few for this state (its shortest Fourier modes carry {unresolved:.1e} of it); "
                "allowed: at most 0.01"
            )
