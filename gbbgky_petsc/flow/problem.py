"""From a case to the problem of `gbbgky flow`, with the checks that its mesh asks for."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gbbgky_petsc import in_space
from gbbgky_petsc.case import UNRESOLVED, Case
from gbbgky_petsc.discrete.space import Edge
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.flow.stencils import FlowStencil
from gbbgky_petsc.in_space import EDGE_DENSITY, SpaceProblem


@dataclass(frozen=True, kw_only=True)
class FlowProblem(SpaceProblem):
    """What is integrated, and by which differences."""

    stencil: FlowStencil


def build(case: Case, folder: Path) -> FlowProblem:
    """The problem of a case whose file names are relative to ``folder``.

    Raises
    ------
    InputError
        If tables are missing, or box, rapidity window or resolution do not fit the state.
    """
    place = in_space.build(case, folder, mean_field=case.flow.mean_field)
    assert case.space is not None
    problem = FlowProblem(**vars(place), stencil=FlowStencil(case.space.order, case.space.upwind))
    _check_filling(problem)
    _check_resolution(problem)
    return problem


def _check_filling(p: FlowProblem) -> None:
    n = p.model.filling(p.theta, p.theta_weight, p.rho)
    if p.model.statistics.factor(n).min() <= 0.0:
        raise InputError(f"state: a filling of {n.max():g}; allowed: below 1 for this model")


def _check_resolution(p: FlowProblem) -> None:
    """Fourier modes in theta, and in x where the state closes on itself."""
    q = p.rho.sum(axis=1)
    axes = {"mesh.theta_points": 1}
    if p.space.boundary is Edge.PERIODIC or max(q[0], q[-1]) <= EDGE_DENSITY * q.max():
        axes["space.points"] = 0
    for key, axis in axes.items():
        modes = np.abs(np.fft.rfft(p.rho, axis=axis)).max(axis=1 - axis)
        share = float(modes[-max(2, modes.size // 8) :].max() / modes.max())
        if share > UNRESOLVED:
            raise InputError(
                f"{key} = {p.rho.shape[axis]}: too few for this state (its shortest Fourier modes carry {share:.1e} "
                f"of it); allowed: at most {UNRESOLVED:g}"
            )
