"""Statistics of the quasiparticles: factor f(n), thermal filling n(epsilon), entropy s(n)."""

from abc import ABC, abstractmethod

import numpy as np
from scipy.special import xlogy

from gbbgky_petsc.arrays import Array


class Statistics(ABC):
    """Maps between filling n, pseudo-energy epsilon, free-energy function F(epsilon) and entropy s(n)."""

    name: str
    #: fillings lie between 0 and this
    largest_filling: float = np.inf
    #: pseudo-energies lie above this
    least_pseudo_energy: float = -np.inf
    #: how far down one Newton step may go: below it the filling would be another
    longest_descent: float = np.inf

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

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

    @abstractmethod
    def entropy(self, n: Array) -> Array:
        """s(n) per available state: the entropy density is int rho_s s(n); s = n epsilon - F."""

    def pseudo_energy(self, n: Array) -> Array:
        """epsilon(n) = ds/dn = log(f/n), the inverse of `filling`; n > 0."""
        return np.log(self.factor(n) / n)


class Classical(Statistics):
    """f = 1, n = exp(-epsilon)."""

    name = "classical"
    longest_descent = 1.0

    def factor(self, n: Array) -> Array:
        return np.ones_like(n)

    def variance_slope(self, n: Array) -> Array:
        return np.ones_like(n)

    def filling(self, epsilon: Array) -> Array:
        return np.exp(-epsilon)

    def free_energy(self, epsilon: Array) -> Array:
        return -np.exp(-epsilon)

    def entropy(self, n: Array) -> Array:
        return n - xlogy(n, n)


class Fermionic(Statistics):
    """f = 1 - n, n = 1/(1 + exp(epsilon))."""

    name = "fermionic"
    largest_filling = 1.0

    def factor(self, n: Array) -> Array:
        return 1.0 - n

    def variance_slope(self, n: Array) -> Array:
        return 1.0 - 2.0 * n

    def filling(self, epsilon: Array) -> Array:
        return np.exp(-np.logaddexp(0.0, epsilon))

    def free_energy(self, epsilon: Array) -> Array:
        return -np.logaddexp(0.0, -epsilon)

    def entropy(self, n: Array) -> Array:
        return -xlogy(n, n) - xlogy(1.0 - n, 1.0 - n)


class Bosonic(Statistics):
    """f = 1 + n, n = 1/(exp(epsilon) - 1), epsilon > 0."""

    name = "bosonic"
    least_pseudo_energy = 0.0

    def factor(self, n: Array) -> Array:
        return 1.0 + n

    def variance_slope(self, n: Array) -> Array:
        return 1.0 + 2.0 * n

    def filling(self, epsilon: Array) -> Array:
        return 1.0 / np.expm1(epsilon)

    def free_energy(self, epsilon: Array) -> Array:
        return np.log(-np.expm1(-epsilon))

    def entropy(self, n: Array) -> Array:
        return xlogy(1.0 + n, 1.0 + n) - xlogy(n, n)


#: by name, as case files and custom models give them
BY_NAME: dict[str, Statistics] = {s.name: s for s in (Classical(), Fermionic(), Bosonic())}
