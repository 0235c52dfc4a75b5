"""States that a level orders by density: thermal states by chemical potential, ground states by Fermi edge."""

from abc import abstractmethod
from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.errors import InputError, SolverError
from gbbgky_petsc.physics.models import IntegrableModel
from gbbgky_petsc.physics.states.base import State, rho_of_filling

#: doublings of the level in search of a bracket
DOUBLINGS = 40


class NoStateError(SolverError):
    """There is no state at this level."""


class Family(State):
    """Fillings n(theta; level), rising with the level; ``density`` chooses one."""

    @abstractmethod
    def fillings(self, theta: Array, model: IntegrableModel) -> Callable[[float], Array]:
        """The map from a level to n (N,) on a uniform mesh; it may raise `NoStateError` above the last level."""

    def filling(self, theta: Array, model: IntegrableModel) -> Array:
        """n(theta), (N,), at the density of this state."""
        return filling_of_density(self.fillings(theta, model), model, theta, self.density)

    def profile(self, theta: Array, model: IntegrableModel) -> Array:
        return rho_of_filling(model, theta, self.filling(theta, model))


def density_of_filling(model: IntegrableModel, theta: Array, n: Array) -> float:
    """Density of filling n, (N,), on a uniform mesh; `NoStateError` where the density of states is negative."""
    rho = rho_of_filling(model, theta, n)
    if not np.all(rho >= 0.0):
        raise NoStateError("no state: density of states below zero")
    return float(theta[1] - theta[0]) * float(rho.sum())


def density_at_level(family: Family, level: float, theta: Array, model: IntegrableModel) -> float:
    """Density on a uniform mesh of the member of a family at a given level (beta mu for thermal states).

    Raises
    ------
    NoStateError
        If it has none.
    """
    return density_of_filling(model, theta, family.fillings(theta, model)(level))


def filling_of_density(
    fillings: Callable[[float], Array], model: IntegrableModel, theta: Array, target: float
) -> Array:
    """n (N,) of the level whose density on the mesh is ``target``.

    Raises
    ------
    InputError
        If no level has it: the window is full, or the bosons condense.
    """

    def density(level: float) -> float:
        """Infinite above the last level."""
        try:
            return density_of_filling(model, theta, fillings(level))
        except NoStateError:
            return np.inf

    def excess(level: float) -> float:
        found = density(level)
        return (found - target) / (found + target) if np.isfinite(found) else 1.0

    low, high = -1.0, 1.0
    for _ in range(DOUBLINGS):
        if excess(low) <= 0.0:
            break
        low *= 2.0
    else:
        raise SolverError(f"state.density = {target:g}: no state so dilute was found")
    for _ in range(DOUBLINGS):
        if excess(high) >= 0.0:
            break
        high *= 2.0
    else:
        raise InputError(
            f"state.density = {target:g}: rapidities up to {theta.max():.4g} hold no more than {density(high):.4g}; "
            "allowed: less, or a larger mesh.theta_max"
        )
    level = brentq(excess, low, high, xtol=1e-14)
    # at the last level the search ends on either side of it
    if not np.isfinite(density(level)):
        level = np.nextafter(level, -np.inf) - 1e-12 * max(1.0, abs(level))
    found = density(level)
    if not abs(found / target - 1.0) < 1e-8:
        raise InputError(
            f"state.density = {target:g}: beyond condensation, rapidities {theta[1] - theta[0]:.3g} apart hold no more "
            f"than {found:.4g} of these {model.statistics.name} quasiparticles; "
            "allowed: less, a hotter state, a finer mesh"
        )
    return fillings(level)
