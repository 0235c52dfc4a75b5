"""From a case to the physical problem on its mesh, with the checks that need both."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gbbgky_petsc import limits
from gbbgky_petsc.arrays import Array
from gbbgky_petsc.case import UNRESOLVED, WEIGHT_LOSS, Case
from gbbgky_petsc.case.inhomogeneous import PlaceStateSection
from gbbgky_petsc.discrete.mesh import PhaseSpaceMesh
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.physics import observables
from gbbgky_petsc.physics.models import IntegrableModel
from gbbgky_petsc.physics.potential import Potential
from gbbgky_petsc.physics.states import State

#: V(L)/V_max above which the z-domain is too short for the potential
TAIL = 0.02


@dataclass(frozen=True)
class Problem:
    """Model, potential, state, mesh and initial rho (N,) of a case; ``unit`` is the t of one rescaled time unit."""

    case: Case
    model: IntegrableModel
    potential: Potential
    state: State
    mesh: PhaseSpaceMesh
    rho: Array
    unit: float
    end: float


def build(case: Case, folder: Path) -> Problem:
    """The problem of a case whose file names are relative to ``folder``.

    Raises
    ------
    InputError
        If density, filling, rapidity window, resolution, domain or duration do not fit the state.
    """
    limits.check_case(case)
    model, potential, mesh = case.build_model(folder), case.potential.build(folder), case.build_mesh()
    if isinstance(case.state, PlaceStateSection):
        raise InputError(f"state.kind = {case.state.kind!r}: depends on place; allowed: with gbbgky flow")
    state = case.state.build(folder, model, mesh.theta)
    if state.density >= model.density_bound():
        raise InputError(
            f"state.density = {state.density:g}: allowed: below 1/model.length = {model.density_bound():g}"
        )
    lost = state.weight_outside(mesh.theta_max, model, mesh.theta_points)
    if lost > WEIGHT_LOSS:
        raise InputError(
            f"mesh.theta_max = {mesh.theta_max:g}: cuts off {lost:.1e} of the state; allowed: at most {WEIGHT_LOSS:g}"
        )
    with np.errstate(all="ignore"):  # what is not finite is refused below
        rho = state.sample(mesh.theta, mesh.theta_weight, model)
    limits.check_state(rho)
    fault = model.fault(mesh.theta, mesh.theta_weight, rho)
    if fault is not None:
        raise InputError(f"state.density = {state.density:g}: {fault}")
    modes = np.abs(np.fft.rfft(rho))
    unresolved = modes[-max(2, modes.size // 8) :].max() / modes[0]
    if unresolved > UNRESOLVED:
        raise InputError(
            f"mesh.theta_points = {mesh.theta_points}: too few for this state "
            f"(its shortest Fourier modes carry {unresolved:.1e} of the density); allowed: at most {UNRESOLVED:g}"
        )
    size = np.abs(potential(np.linspace(0.0, 2.0, 201) * potential.range)).max()
    tail = float(np.abs(potential(mesh.z_max)))
    if mesh.z_max < 2.0 * potential.range or tail > TAIL * size:
        raise InputError(
            f"mesh.z_max = {mesh.z_max:g}: shorter than the potential's range {potential.range:g} reaches "
            f"(V there is {tail / size if size else 0.0:.1e} of its maximum); "
            f"allowed: at least twice the range and a tail below {TAIL:g}"
        )
    unit = observables.rescaled_time_unit(model, potential, mesh.theta, mesh.theta_weight, rho)
    end = case.time.end
    if end is None:
        assert case.time.end_rescaled is not None
        if not np.isfinite(unit):
            raise InputError(
                f"time.end_rescaled = {case.time.end_rescaled:g}: rescaled time stands still without contact "
                "interaction or potential; allowed: time.end"
            )
        end = case.time.end_rescaled * unit
    limits.check_end(case, end)
    return Problem(case, model, potential, state, mesh, rho, unit, end)
