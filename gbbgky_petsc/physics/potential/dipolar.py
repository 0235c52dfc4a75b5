"""Dipole-dipole interaction of atoms in the transverse harmonic ground state."""

import numpy as np
from scipy.special import erfcx, exp1

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.physics.potential.shape import Shape

#: beyond these the asymptotic series are exact to rounding
FAR, HIGH = 12.0, 40.0


class Dipolar(Shape):
    """phi = sqrt(2 pi) (1 + x^2) exp(x^2/2) erfc(|x|/sqrt 2) - 2|x|, the tail of which is 4/|x|^3.

    Two parallel dipoles averaged over the transverse ground state of length l (the range): V = -U (phi(x/l) - (8/3) l
    delta(x)) with U = mu0 mu^2 (1 + 3 cos 2 alpha)/(32 pi l^3), alpha the angle of the dipoles to the line; the part
    with delta is a contact interaction and not of this profile. phi(0) = sqrt(2 pi), phi'(0+) = -4.

    phi~(q) = 4 (1 - s exp(s) E1(s)), s = q^2/2.
    """

    #: weight of that delta function over V0
    DELTA = -8.0 / 3.0

    def value(self, x: Array) -> Array:
        near = np.minimum(x, FAR)
        return np.where(
            x < FAR, np.sqrt(2.0 * np.pi) * (1.0 + near**2) * erfcx(near / np.sqrt(2.0)) - 2.0 * near, self._tail(x, 0)
        )

    def slope(self, x: Array) -> Array:
        near = np.minimum(x, FAR)
        inner = np.sqrt(2.0 * np.pi) * near * (3.0 + near**2) * erfcx(near / np.sqrt(2.0)) - 2.0 * (2.0 + near**2)
        return np.where(x < FAR, np.where(x > 0.0, inner, 0.0), self._tail(x, 1))

    @staticmethod
    def _tail(x: Array, derivative: int) -> Array:
        """phi = 2 sum_{m >= 2} (-1)^m (2m - 2) (2m - 3)!! x^{1 - 2m} or its derivative, for x >= FAR."""
        y = np.maximum(x, FAR)
        total = np.zeros_like(y)
        term = 2.0 * y**-3  # (-1)^m (2m - 3)!! 2 y^{1 - 2m} at m = 2
        for m in range(2, 22):
            factor = (2.0 * m - 2.0) * ((1.0 - 2.0 * m) / y if derivative else 1.0)
            total = total + factor * term
            term = term * -(2.0 * m - 1.0) / y**2
        return total

    def transform(self, q: Array) -> Array:
        s = 0.5 * q**2
        inside = np.clip(s, 1e-300, HIGH)
        near = 1.0 - inside * np.exp(inside) * exp1(inside)
        high = np.maximum(s, HIGH)
        far, term = np.zeros_like(high), 1.0 / high
        for n in range(1, 36):  # 1 - s exp(s) E1(s) = sum_n (-1)^{n + 1} n!/s^n
            far = far + term
            term = term * -(n + 1.0) / high
        return 4.0 * np.where(s < HIGH, near, far)
