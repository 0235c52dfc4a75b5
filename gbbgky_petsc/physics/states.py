"""Initial states rho(theta), as functions of rapidity."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import PchipInterpolator
from scipy.optimize import brentq

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.physics.models.base import IntegrableModel


class State(ABC):
    """A homogeneous state of given density."""

    density: float

    @abstractmethod
    def profile(self, theta: Array, model: IntegrableModel) -> Array:
        """rho(theta) up to a constant factor, on a uniform mesh."""

    def sample(self, theta: Array, weight: float, model: IntegrableModel) -> Array:
        """rho(theta), (N,), normalised so that its quadrature is exactly ``density``."""
        rho = self.profile(theta, model)
        return rho * (self.density / (weight * rho.sum()))

    def weight_outside(self, theta_max: float, model: IntegrableModel) -> float:
        """Fraction of the particles with |theta| > theta_max."""
        wide = np.linspace(-2.0 * theta_max, 2.0 * theta_max, 401)
        rho = self.profile(wide, model)
        total = float(rho.sum())
        return float(rho[np.abs(wide) > theta_max].sum()) / total if total > 0.0 else 1.0


@dataclass(frozen=True)
class BoostedThermal(State):
    """rho ~ sum_{sigma=+-1} exp(-beta (theta - sigma boost)^2): no 1/2 in the exponent, variance 1/(2 beta)."""

    density: float
    beta: float
    boost: float

    def profile(self, theta: Array, model: IntegrableModel) -> Array:
        return sum(np.exp(-self.beta * (theta - s * self.boost) ** 2) for s in (-1.0, 1.0))


@dataclass(frozen=True)
class Thermal(State):
    """Thermal state of the integrable model at inverse temperature beta (Yang-Yang for Lieb-Liniger)."""

    density: float
    beta: float

    def profile(self, theta: Array, model: IntegrableModel) -> Array:
        weight = float(theta[1] - theta[0])
        T = weight * model.scattering_kernel(theta[:, None] - theta[None, :])
        energy = self.beta * model.energy(theta)

        def solve(chemical: float) -> Array:
            """rho from epsilon = beta e - chemical + T F(epsilon), F the free-energy function."""
            epsilon = energy - chemical
            for _ in range(500):
                n = model.statistics.filling(epsilon)
                residual = epsilon - (energy - chemical) - T @ model.statistics.free_energy(epsilon)
                step = np.linalg.solve(np.eye(theta.size) - T * n[None, :], residual)
                epsilon = epsilon - step
                if np.max(np.abs(step)) < 1e-13 * max(1.0, abs(chemical)):
                    break
            n = model.statistics.filling(epsilon)
            dressed = np.linalg.solve(np.eye(theta.size) - T * n[None, :], np.ones_like(theta))
            return n * dressed / (2.0 * np.pi)

        classical = np.ptp(model.statistics.factor(np.array([0.0, 0.5]))) == 0.0
        if classical and np.ptp(T) == 0.0:  # a constant T shifts epsilon by a constant: rho is the Boltzmann factor
            return np.exp(-energy)

        def excess(chemical: float) -> float:
            return weight * float(solve(chemical).sum()) - self.density

        low, high = -1.0, 1.0
        while excess(low) > 0.0:
            low *= 2.0
        while excess(high) < 0.0:
            high *= 2.0
        return solve(brentq(excess, low, high, xtol=1e-14))


class TabulatedState(State):
    """Monotone cubic interpolation of a table (theta, rho); zero outside it."""

    def __init__(self, density: float, theta: ArrayLike, rho: ArrayLike) -> None:
        self.density = density
        self._interpolant = PchipInterpolator(np.asarray(theta, float), np.asarray(rho, float), extrapolate=False)

    def profile(self, theta: Array, model: IntegrableModel) -> Array:
        return np.nan_to_num(self._interpolant(theta), nan=0.0)
