"""The ends of the z-domain: what leaves it and what that costs in energy."""

import numpy as np
import scipy.sparse as sp

from gbbgky_petsc.fields import Fields
from gbbgky_petsc.linalg.kronecker import KroneckerFactor
from gbbgky_petsc.mesh import Array
from gbbgky_petsc.physics.models import Background
from gbbgky_petsc.terms.base import PairField, Setting, Term


class AbsorbingLayer(Term):
    """- eta(z) g, with eta the mesh's absorption: the infinite line."""

    name = "boundary"

    def __init__(self, setting: Setting, fields: Fields) -> None:
        super().__init__(setting, fields)
        rate = self.mesh.absorption[fields.z_range]
        self._planes = np.flatnonzero(rate)
        self._rate = rate[self._planes, None, None]

    def add(self, field: PairField, out: Array) -> None:
        out[self._planes] -= self._rate * field.pair[self._planes]

    def factors(self) -> list[KroneckerFactor]:
        one = np.eye(self.mesh.theta_points)
        return [KroneckerFactor(sp.diags(-self.mesh.absorption), one, one)]


class Outflow(Term):
    """- |A_theta - A_theta'| g / (2 dz) at both end planes of a mesh with g(+-L) = 0.

    Turns the central difference there into an upwind one for what leaves; what would enter is zero already.
    |A x 1 - 1 x A| is taken in normal modes, where it is |v - v'|.
    """

    name = "boundary"

    def update(self, background: Background) -> None:
        self._to_modes = background.rotation
        self._from_modes = np.linalg.inv(background.rotation)
        v = background.velocity
        self._rate = np.abs(v[:, None] - v[None, :]) / (2.0 * self.mesh.z_spacing)

    def add(self, field: PairField, out: Array) -> None:
        planes = range(*self.fields.z_range.indices(self.mesh.z_points))
        for end in (0, self.mesh.z_points - 1):
            if end in planes:
                j = end - planes.start
                modes = self._rate * (self._to_modes @ field.pair[j] @ self._to_modes.T)
                out[j] -= self._from_modes @ modes @ self._from_modes.T

    def factors(self) -> list[KroneckerFactor]:
        ends = np.zeros(self.mesh.z_points)
        ends[[0, -1]] = 1.0
        left, right = self._from_modes, self._to_modes
        # |v - v'| is not a product: one Kronecker factor per normal mode theta
        return [
            KroneckerFactor(
                sp.diags(-ends),
                np.outer(left[:, i], right[i]),
                left @ (self._rate[i][:, None] * right),
            )
            for i in range(self.mesh.theta_points)
        ]
