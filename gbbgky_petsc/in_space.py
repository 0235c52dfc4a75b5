"""From a case to a state in space: model, potential, trap, x-mesh and rho(theta, x), with the checks that need both."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gbbgky_petsc import limits
from gbbgky_petsc.arrays import Array
from gbbgky_petsc.case import WEIGHT_LOSS, Case
from gbbgky_petsc.discrete.mean_field import MeanField
from gbbgky_petsc.discrete.space import Edge, SpaceMesh
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.physics.inhomogeneous import Clouds, PlaceState, Surroundings, Trapped
from gbbgky_petsc.physics.models import IntegrableModel
from gbbgky_petsc.physics.potential import Potential
from gbbgky_petsc.physics.states import State
from gbbgky_petsc.physics.trap import NoTrap, Trap

#: density at the ends of an open box, relative to its maximum, above which a cloud is too wide for it
EDGE_DENSITY = 1e-6


@dataclass(frozen=True, kw_only=True)
class SpaceProblem:
    """What a case says of states in space.

    Attributes
    ----------
    external
        U(x, t).
    theta : (N,) midpoints of spacing ``theta_weight``
    rho : (Nx, N)
    end
        Last time.
    """

    case: Case
    model: IntegrableModel
    potential: Potential
    external: Trap
    space: SpaceMesh
    theta: Array
    theta_weight: float
    state: State | PlaceState
    rho: Array
    end: float


def build(case: Case, folder: Path, mean_field: bool = True) -> SpaceProblem:
    """The problem of a case whose file names are relative to ``folder``; thermal states know V where ``mean_field``.

    Raises
    ------
    InputError
        If tables are missing, or box or rapidity window do not fit the state.
    """
    if case.space is None:
        raise InputError("space: missing; allowed: a table [space] with x_max and points")
    if case.time.end is None:
        raise InputError(f"time.end_rescaled = {case.time.end_rescaled}: depends on place; allowed: time.end")
    limits.check_case(case)
    limits.check_end(case, case.time.end)
    model, potential, space = case.build_model(folder), case.potential.build(folder), case.space.build()
    external = case.trap.build(folder, model) if case.trap else Trap(NoTrap())
    if not external.shape.covers(space.x_max):
        raise InputError(
            f"trap: its table does not reach space.x_max = {space.x_max:g}; allowed: one that covers the box"
        )
    weight = 2.0 * case.mesh.theta_max / case.mesh.theta_points
    theta = (np.arange(case.mesh.theta_points) + 0.5) * weight - case.mesh.theta_max
    state = case.state.build(folder, model, theta)
    if isinstance(state, Trapped):
        _check_bound(external, space)
    with np.errstate(all="ignore"):  # what comes of it is looked at
        rho = sample(state, model, potential if mean_field else None, external, space, theta)
    limits.check_state(rho)
    problem = SpaceProblem(
        case=case,
        model=model,
        potential=potential,
        external=external,
        space=space,
        theta=theta,
        theta_weight=weight,
        state=state,
        rho=rho,
        end=case.time.end,
    )
    _check_fit(problem)
    return problem


def sample(
    state: State | PlaceState,
    model: IntegrableModel,
    potential: Potential | None,
    external: Trap,
    space: SpaceMesh,
    theta: Array,
) -> Array:
    """rho, (Nx, N), of a state; without ``potential`` thermal states do not know V."""
    weight = float(theta[1] - theta[0])
    if isinstance(state, State):
        return np.tile(state.sample(theta, weight, model), (space.points, 1))
    mean_field = None if potential is None else MeanField(potential, space, 0)
    return state.sample(Surroundings(model, theta, weight, space.x, external.prepared, mean_field))


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


def _check_fit(p: SpaceProblem) -> None:
    """Density, window and box."""
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
    ends = float(max(q[0], q[-1]) / q.max())
    if isinstance(p.state, Trapped | Clouds) and p.space.boundary is Edge.OPEN and ends > EDGE_DENSITY:
        raise InputError(
            f"space.x_max = {p.space.x_max:g}: the cloud is wider than the box (at its ends the density is "
            f"{ends:.1e} of its maximum); allowed: at most {EDGE_DENSITY:g}"
        )
