"""The pair potential: a profile with its strength and range."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import quad

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.physics.potential.shape import Shape


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
        """V~(k) = int dx exp(-ikx) V(x), same shape as k; the error is below 1e-9 of V~(0) for every k."""
        k = np.asarray(k, dtype=float)
        return self.strength * self.shape.transform(np.abs(k).ravel() * self.range).reshape(k.shape)

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
