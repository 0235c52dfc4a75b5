"""Whether a run still means something: rho is watched after every accepted step."""

import numpy as np

from gbbgky_petsc.errors import StateError
from gbbgky_petsc.problem import Problem
from gbbgky_petsc.solvers.integrator import Progress

#: how far below zero rho may go, relative to its maximum: the spectral theta-derivative rings below this
NEGATIVE = 0.05


class Watch:
    """Ends a run whose rho is no density any more. The same on every rank.

    Parameters
    ----------
    problem
        Its model and mesh.
    """

    def __init__(self, problem: Problem) -> None:
        self._model, self._mesh = problem.model, problem.mesh

    def __call__(self, progress: Progress) -> None:
        """Look at the state after a step.

        Raises
        ------
        StateError
            If rho is not finite, is negative, or has a filling that the model's statistics exclude.
        """
        rho, t = progress.measurement.rho, progress.t
        if not np.all(np.isfinite(rho)):
            raise StateError(f"t = {t:g}: rho is not finite; a smaller step or tolerance (-ts_dt, -ts_atol) may help")
        if rho.min() < -NEGATIVE * rho.max():
            raise StateError(f"t = {t:g}: rho reaches {rho.min() / rho.max():.2g} of its maximum; it is no density")
        if np.isfinite(self._model.statistics.largest_filling):
            self._model.check_filling(self._mesh.theta, self._mesh.theta_weight, rho, t)
