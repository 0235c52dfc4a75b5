"""Pair potentials V(x) = (V0/xi) phi(x/xi), eq. (1)."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import quad
from scipy.interpolate import CubicSpline

Array = NDArray[np.float64]


class Shape(ABC):
    """Even dimensionless profile phi(x); subclasses are written for x >= 0."""

    #: profile vanishes beyond this x (infinite unless tabulated)
    support: float = np.inf

    @abstractmethod
    def value(self, x: Array) -> Array:
        """phi at x >= 0."""

    @abstractmethod
    def slope(self, x: Array) -> Array:
        """phi' at x >= 0."""


@dataclass(frozen=True)
class Power(Shape):
    """phi = 1/(1 + |x|^p); p = 2 is the Lorentzian."""

    exponent: float

    def value(self, x: Array) -> Array:
        return 1.0 / (1.0 + x**self.exponent)

    def slope(self, x: Array) -> Array:
        p = self.exponent
        return -p * x ** (p - 1.0) / (1.0 + x**p) ** 2


@dataclass(frozen=True)
class Gaussian(Shape):
    """phi = exp(-x^2/2)."""

    def value(self, x: Array) -> Array:
        return np.exp(-0.5 * x**2)

    def slope(self, x: Array) -> Array:
        return -x * np.exp(-0.5 * x**2)


@dataclass(frozen=True)
class Exponential(Shape):
    """phi = exp(-|x|); its slope jumps at the origin, where 0 is returned."""

    def value(self, x: Array) -> Array:
        return np.exp(-x)

    def slope(self, x: Array) -> Array:
        return np.where(x > 0.0, -np.exp(-x), 0.0)


class Tabulated(Shape):
    """Cubic spline through a table (x >= 0, phi), flat at the origin, zero beyond its last x."""

    def __init__(self, x: ArrayLike, phi: ArrayLike) -> None:
        nodes = np.asarray(x, dtype=float)
        self.support = float(nodes[-1])
        bc = ((1, 0.0), "not-a-knot") if nodes[0] == 0.0 else "not-a-knot"
        self._spline = CubicSpline(nodes, np.asarray(phi, dtype=float), bc_type=bc)

    def value(self, x: Array) -> Array:
        return np.where(x <= self.support, self._spline(np.minimum(x, self.support)), 0.0)

    def slope(self, x: Array) -> Array:
        return np.where(x <= self.support, self._spline(np.minimum(x, self.support), 1), 0.0)


@dataclass(frozen=True)
class Potential:
    """V(x) = (strength/range) phi(x/range): even, in units of energy.

    Parameters
    ----------
    shape
        Profile phi.
    strength
        V0 (energy times length); positive repels, negative attracts.
    range
        xi (length), positive.
    """

    shape: Shape
    strength: float
    range: float

    def __call__(self, x: ArrayLike) -> Array:
        """V(x), same shape as x."""
        return self.strength / self.range * self.shape.value(np.abs(np.asarray(x, float)) / self.range)

    def derivative(self, x: ArrayLike) -> Array:
        """V'(x), odd, same shape as x."""
        x = np.asarray(x, dtype=float)
        return self.strength / self.range**2 * np.sign(x) * self.shape.slope(np.abs(x) / self.range)

    def fourier(self, k: ArrayLike) -> Array:
        """V~(k) = int dx exp(-ikx) V(x), same shape as k, by adaptive quadrature.

        Relative to V~(0) the error is below 1e-9.
        """
        flat = np.abs(np.atleast_1d(np.asarray(k, dtype=float))).ravel() * self.range
        values = np.array([self._cosine_transform(q) for q in flat])
        return self.strength * values.reshape(np.shape(k))

    def _cosine_transform(self, q: float) -> float:
        def phi(x: float) -> float:
            return float(self.shape.value(np.asarray(x)))

        top = self.shape.support
        if q == 0.0:
            return 2.0 * quad(phi, 0.0, top, epsabs=1e-13, epsrel=1e-11, limit=500)[0]
        # the oscillatory rule works in whole periods and would step over the core where one is long: plain rule there
        core = min(top, 20.0) if q < 0.1 else 0.0
        near = quad(lambda x: phi(x) * np.cos(q * x), 0.0, core, epsabs=1e-13, limit=500)[0] if core else 0.0
        if core == top:
            return 2.0 * near
        far = quad(phi, core, top, weight="cos", wvar=q, epsabs=1e-11, limit=500, limlst=500)[0]
        return 2.0 * (near + far)

    def periodic(self, x: ArrayLike, ring: float) -> Array:
        """Image sum over a ring, sum_n V(x + n ring), same shape as x.

        64 images either side are summed; the rest is replaced by its integral (midpoint rule),
        an error below 1e-9 V(0) for tails 1/|x|^p with p >= 2.
        """
        x = np.asarray(x, dtype=float)
        images = 64
        total = sum(self(x + n * ring) for n in range(-images, images + 1))
        edge = (images + 0.5) * ring
        if edge < self.shape.support * self.range:
            tail = quad(lambda y: float(self(y)), edge, np.inf, epsabs=0.0, epsrel=1e-8, limit=200)[0]
            total = total + 2.0 * tail / ring
        return np.asarray(total)
