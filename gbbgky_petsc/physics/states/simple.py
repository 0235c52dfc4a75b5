"""States given by a formula or by numbers."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import PchipInterpolator

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.physics.models import IntegrableModel
from gbbgky_petsc.physics.states.base import State, rho_of_filling


@dataclass(frozen=True)
class BoostedThermal(State):
    """rho ~ sum_{sigma=+-1} exp(-beta (theta - sigma boost)^2): no 1/2 in the exponent, variance 1/(2 beta)."""

    density: float
    beta: float
    boost: float

    def profile(self, theta: Array, model: IntegrableModel) -> Array:
        return sum(np.exp(-self.beta * (theta - s * self.boost) ** 2) for s in (-1.0, 1.0))


class TabulatedState(State):
    """Monotone cubic interpolation of a table (theta, rho); zero outside it."""

    def __init__(self, density: float, theta: ArrayLike, rho: ArrayLike) -> None:
        self.density = density
        self._interpolant = PchipInterpolator(np.asarray(theta, float), np.asarray(rho, float), extrapolate=False)

    def profile(self, theta: Array, model: IntegrableModel) -> Array:
        return np.nan_to_num(self._interpolant(theta), nan=0.0)


class TabulatedFilling(TabulatedState):
    """Monotone cubic interpolation of a table (theta, n); zero outside it. The density is that of the filling."""

    def profile(self, theta: Array, model: IntegrableModel) -> Array:
        return rho_of_filling(model, theta, super().profile(theta, model))
