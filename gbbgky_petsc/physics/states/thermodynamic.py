"""States of maximal entropy: thermal and generalised Gibbs ensembles (Yang-Yang, thermodynamic Bethe ansatz).

The pseudo-energy solves epsilon = w - level + T F(epsilon) with the driving term w(theta) = sum_i beta_i h_i(theta) and
the level beta mu; then n = F'(epsilon) and rho = n (1 - Tn)^-1 1/2 pi.
"""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.physics.models import IntegrableModel
from gbbgky_petsc.physics.states.base import is_rods
from gbbgky_petsc.physics.states.family import Family, NoStateError

#: Newton steps for one pseudo-energy
STEPS = 100
#: distance of a pseudo-energy from the least one below which it is rounding
LEAST_GAP = 1e-12


def pseudo_energy(model: IntegrableModel, theta: Array, driving: Array, start: Array | None = None) -> Array:
    """epsilon from epsilon = driving + T F(epsilon) by Newton's method.

    For Lieb-Liniger it converges from any ``start``: the equation is convex and 1 - Tn an M-matrix.

    Parameters
    ----------
    theta : (N,) uniform rapidities
    driving, start : (..., N)
        Driving terms, solved together, and guesses.

    Returns
    -------
    (..., N)

    Raises
    ------
    NoStateError
        If it does not converge: there is no solution where a classical gas with T > 0 collapses or bosons condense.
    """
    T = float(theta[1] - theta[0]) * model.scattering_kernel(theta[:, None] - theta[None, :])
    statistics, bottom = model.statistics, model.statistics.least_pseudo_energy
    if not T.any():
        if driving.min() <= bottom:
            raise NoStateError("pseudo-energy: below the least one of these statistics")
        return driving
    accuracy = 1e-13 * max(1.0, float(np.abs(driving).min()))
    if start is None:
        start = np.maximum(driving, max(bottom + 1e-3, -statistics.longest_descent))
    epsilon, last = start, np.inf
    for _ in range(STEPS):
        with np.errstate(over="ignore", invalid="ignore"):
            residual = epsilon - driving - statistics.free_energy(epsilon) @ T
            matrix = np.eye(theta.size) - T * statistics.filling(epsilon)[..., None, :]
        if not (np.all(np.isfinite(residual)) and np.all(np.isfinite(matrix))):
            break
        try:
            step = np.minimum(np.linalg.solve(matrix, residual[..., None])[..., 0], statistics.longest_descent)
        except np.linalg.LinAlgError:
            break
        epsilon = np.maximum(epsilon - step, bottom + 0.1 * (epsilon - bottom)) if bottom > -np.inf else epsilon - step
        size = float(np.abs(step).max())
        if size < accuracy or (size < 1e4 * accuracy and size >= last):  # as small as rounding lets it be
            return epsilon
        last = size
    raise NoStateError("pseudo-energy: Newton's method did not converge")


class Thermodynamic(Family):
    """A state of maximal entropy; subclasses give the driving term."""

    @abstractmethod
    def driving(self, theta: Array, model: IntegrableModel) -> Array:
        """w(theta) (N,)."""

    def fillings(self, theta: Array, model: IntegrableModel) -> Callable[[float], Array]:
        driving, statistics = self.driving(theta, model), model.statistics
        known: list[Array] = []  # the last solution, where the next search starts

        def at(level: float) -> Array:
            epsilon = pseudo_energy(model, theta, driving - level, known[0] if known else None)
            if statistics.least_pseudo_energy > -np.inf:
                self._require_no_condensate(model, theta, level, epsilon)
            known[:] = [epsilon]
            return statistics.filling(epsilon)

        return at

    def _require_no_condensate(self, model: IntegrableModel, theta: Array, level: float, epsilon: Array) -> None:
        """Bosons: epsilon must be above its least value between the nodes as well."""
        between = np.linspace(theta[0], theta[-1], 16 * (theta.size - 1) + 1)
        T = float(theta[1] - theta[0]) * model.scattering_kernel(between[:, None] - theta[None, :])
        there = self.driving(between, model) - level + T @ model.statistics.free_energy(epsilon)
        if there.min() <= model.statistics.least_pseudo_energy + LEAST_GAP:
            raise NoStateError("pseudo-energy: below the least one of these statistics between the nodes")

    def profile(self, theta: Array, model: IntegrableModel) -> Array:
        if is_rods(model, theta):  # a constant T shifts epsilon by a constant: rho is the Boltzmann factor
            driving = self.driving(theta, model)
            return np.exp(-(driving - min(float(driving.min()), 0.0)))
        return super().profile(theta, model)


@dataclass(frozen=True)
class Thermal(Thermodynamic):
    """Thermal state of the integrable model at inverse temperature beta (Yang-Yang for Lieb-Liniger): w = beta e."""

    density: float
    beta: float

    def driving(self, theta: Array, model: IntegrableModel) -> Array:
        return self.beta * model.energy(theta)


@dataclass(frozen=True)
class Generalised(Thermodynamic):
    """Generalised Gibbs ensemble w = sum_{i >= 1} beta_i theta^i: beta_2 is beta/2 mass for a thermal state.

    The highest power must be even and its beta positive, or the state has no norm.
    """

    density: float
    betas: Sequence[float]

    def driving(self, theta: Array, model: IntegrableModel) -> Array:
        return np.asarray(sum(beta * theta**power for power, beta in enumerate(self.betas, start=1)))
