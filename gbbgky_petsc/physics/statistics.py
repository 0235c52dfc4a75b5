"""Statistics of the quasiparticles: factor f(n) and thermal filling n(epsilon)."""

from abc import ABC, abstractmethod

import numpy as np

from gbbgky_petsc.arrays import Array


class Statistics(ABC):
    """Maps between filling n, pseudo-energy epsilon and free-energy function F(epsilon)."""

    @abstractmethod
    def factor(self, n: Array) -> Array:
        """f(n)."""

    @abstractmethod
    def variance_slope(self, n: Array) -> Array:
        """d(n f)/dn."""

    @abstractmethod
    def filling(self, epsilon: Array) -> Array:
        """n(epsilon) = dF/d(epsilon)."""

    @abstractmethod
    def free_energy(self, epsilon: Array) -> Array:
        """F(epsilon)."""


class Classical(Statistics):
    """f = 1, n = exp(-epsilon)."""

    def factor(self, n: Array) -> Array:
        return np.ones_like(n)

    def variance_slope(self, n: Array) -> Array:
        return np.ones_like(n)

    def filling(self, epsilon: Array) -> Array:
        return np.exp(-epsilon)

    def free_energy(self, epsilon: Array) -> Array:
        return -np.exp(-epsilon)


class Fermionic(Statistics):
    """f = 1 - n, n = 1/(1 + exp(epsilon))."""

    def factor(self, n: Array) -> Array:
        return 1.0 - n

    def variance_slope(self, n: Array) -> Array:
        return 1.0 - 2.0 * n

    def filling(self, epsilon: Array) -> Array:
        return np.exp(-np.logaddexp(0.0, epsilon))

    def free_energy(self, epsilon: Array) -> Array:
        return -np.logaddexp(0.0, -epsilon)
