"""Profiles with elementary transforms, and sums of profiles."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.physics.potential.shape import Shape, cosine_transform


@dataclass(frozen=True)
class Power(Shape):
    """phi = 1/(1 + |x|^p), p > 1; p = 2 is the Lorentzian.

    For even p the transform is the sum over the residues of the upper half plane, x_j = exp(i pi (2j + 1)/p):
    phi~ = (2 pi/p) Im sum_j x_j exp(i q x_j). At q = 0 it is (2 pi/p)/sin(pi/p) for any p; else quadrature is left.
    """

    exponent: float

    def value(self, x: Array) -> Array:
        return 1.0 / (1.0 + x**self.exponent)

    def slope(self, x: Array) -> Array:
        p = self.exponent
        return -p * x ** (p - 1.0) / (1.0 + x**p) ** 2

    def transform(self, q: Array) -> Array:
        p = self.exponent
        if p % 2.0 == 0.0:
            poles = np.exp(1j * np.pi * (2.0 * np.arange(p / 2.0) + 1.0) / p)
            return 2.0 * np.pi / p * (np.exp(1j * np.outer(q, poles)) @ poles).imag
        whole = 2.0 * np.pi / p / np.sin(np.pi / p)
        return np.array([cosine_transform(self, float(one)) if one > 0.0 else whole for one in q])


@dataclass(frozen=True)
class Gaussian(Shape):
    """phi = exp(-x^2/2), phi~ = sqrt(2 pi) exp(-q^2/2)."""

    def value(self, x: Array) -> Array:
        return np.exp(-0.5 * x**2)

    def slope(self, x: Array) -> Array:
        return -x * np.exp(-0.5 * x**2)

    def transform(self, q: Array) -> Array:
        return np.sqrt(2.0 * np.pi) * np.exp(-0.5 * q**2)


@dataclass(frozen=True)
class Exponential(Shape):
    """phi = exp(-|x|), phi~ = 2/(1 + q^2); its slope jumps at the origin, where 0 is returned."""

    def value(self, x: Array) -> Array:
        return np.exp(-x)

    def slope(self, x: Array) -> Array:
        return np.where(x > 0.0, -np.exp(-x), 0.0)

    def transform(self, q: Array) -> Array:
        return 2.0 / (1.0 + q**2)


@dataclass(frozen=True)
class Yukawa(Shape):
    """phi = (exp(-|x|) - exp(-|x|/b))/|x|: Yukawa's potential smoothed below the core b < 1, phi(0) = 1/b - 1.

    phi~ = log((1/b^2 + q^2)/(1 + q^2)); the slope jumps at the origin, where 0 is returned.
    """

    core: float

    def value(self, x: Array) -> Array:
        m = 1.0 / self.core - 1.0
        tiny = x < 1e-300
        y = np.where(tiny, 1.0, x)
        return np.where(tiny, m, np.exp(-y) * -np.expm1(-m * y) / y)

    def slope(self, x: Array) -> Array:
        m = 1.0 / self.core - 1.0
        y = np.where(x > 0.0, x, 1.0)
        decay = m * np.exp(-(m + 1.0) * y)
        # close to the origin the two terms of order 1/x cancel: their series there
        near = 0.5 * (1.0 - (1.0 + m) ** 2) - (1.0 - (1.0 + m) ** 3) * y / 3.0 + (1.0 - (1.0 + m) ** 4) * y**2 / 8.0
        exact = (decay - (1.0 + y) * self.value(y)) / y
        return np.where(x > 0.0, np.where((1.0 + m) * y < 1e-4, near, exact), 0.0)

    def transform(self, q: Array) -> Array:
        return np.log1p((1.0 / self.core**2 - 1.0) / (1.0 + q**2))


class Sum(Shape):
    """phi(x) = sum_i (w_i/r_i) phi_i(x/r_i), phi~(q) = sum_i w_i phi~_i(r_i q).

    Parameters
    ----------
    parts
        Profile phi_i, weight w_i and range r_i of each part, the last two in units of strength and range of the whole.
    """

    def __init__(self, parts: Sequence[tuple[Shape, float, float]]) -> None:
        self.parts = tuple(parts)
        self.support = max(shape.support * length for shape, _, length in parts)

    def value(self, x: Array) -> Array:
        return np.asarray(sum(weight / length * shape.value(x / length) for shape, weight, length in self.parts))

    def slope(self, x: Array) -> Array:
        return np.asarray(sum(weight / length**2 * shape.slope(x / length) for shape, weight, length in self.parts))

    def transform(self, q: Array) -> Array:
        return np.asarray(sum(weight * shape.transform(length * q) for shape, weight, length in self.parts))
