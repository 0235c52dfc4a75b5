"""A profile given by numbers."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import CubicSpline
from scipy.special import roots_legendre

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.physics.potential.shape import Shape

#: Gauss points of a panel, which may span this phase: cos times a cubic is then integrated to rounding
POINTS, PHASE = 20, 10.0


class Tabulated(Shape):
    """Cubic spline through a table (x >= 0, phi), flat at the origin, zero beyond its last x."""

    def __init__(self, x: ArrayLike, phi: ArrayLike) -> None:
        nodes = np.asarray(x, dtype=float)
        self.support = float(nodes[-1])
        bc = ((1, 0.0), "not-a-knot") if nodes[0] == 0.0 else "not-a-knot"
        self._spline = CubicSpline(nodes, np.asarray(phi, dtype=float), bc_type=bc)
        self._edges = np.union1d([0.0], nodes)

    def value(self, x: Array) -> Array:
        return np.where(x <= self.support, self._spline(np.minimum(x, self.support)), 0.0)

    def slope(self, x: Array) -> Array:
        return np.where(x <= self.support, self._spline(np.minimum(x, self.support), 1), 0.0)

    def transform(self, q: Array) -> Array:
        """Gauss-Legendre between the nodes, in panels short against the period."""
        longest = float(np.diff(self._edges).max())
        x, w = roots_legendre(POINTS)
        found = np.empty_like(q)
        # wavenumbers that need the same number of panels between two nodes go together
        pieces = np.maximum(1, np.ceil(q * longest / PHASE)).astype(int)
        for count in np.unique(pieces):
            share = np.linspace(0.0, 1.0, count + 1)
            low = (self._edges[:-1, None] + np.diff(self._edges)[:, None] * share[:-1]).ravel()
            half = 0.5 * (np.diff(self._edges)[:, None] * np.diff(share)).ravel()
            nodes = (low + half)[:, None] + half[:, None] * x
            weighted = (half[:, None] * w * self._spline(nodes)).ravel()
            for i in np.flatnonzero(pieces == count):
                found[i] = 2.0 * weighted @ np.cos(q[i] * nodes.ravel())
        return found
