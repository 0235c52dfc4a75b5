"""The ends of the z-domain: what leaves it and what that costs in energy."""

from abc import abstractmethod
from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp

from gbbgky_petsc.discrete.kronecker import KroneckerFactor, blocks
from gbbgky_petsc.discrete.mesh import Array
from gbbgky_petsc.fields import Fields
from gbbgky_petsc.physics.models import Background
from gbbgky_petsc.terms.base import PairField, Setting, Term


class BoundaryTerm(Term):
    """A term that acts near the ends only; what it does to the energy is accounted for by the caller."""

    name = "boundary"

    @abstractmethod
    def pieces(self, field: PairField) -> Iterator[tuple[slice, Array]]:
        """The term on some of this rank's planes, (b, N, N), at a time. Not collective."""

    def add(self, field: PairField, out: Array) -> None:
        for planes, values in self.pieces(field):
            out[planes] += values


class AbsorbingLayer(BoundaryTerm):
    """- eta(z) g, with eta the mesh's absorption: the infinite line."""

    def __init__(self, setting: Setting, fields: Fields) -> None:
        super().__init__(setting, fields)
        self._rate = self.mesh.absorption[fields.z_range, None, None]
        self._blocks = [b for b in blocks(len(self._rate)) if self._rate[b].any()]

    def pieces(self, field: PairField) -> Iterator[tuple[slice, Array]]:
        for b in self._blocks:
            yield b, -self._rate[b] * field.pair[b]

    def factors(self) -> list[KroneckerFactor]:
        one = np.eye(self.mesh.theta_points)
        return [KroneckerFactor(sp.diags(-self.mesh.absorption), one, one)]


class Outflow(BoundaryTerm):
    """- |A_theta - A_theta'| g / (2 dz) at both end planes of a mesh with g(+-L) = 0.

    Turns the central difference there into an upwind one for what leaves; what would enter is zero already.
    |A x 1 - 1 x A| is taken in normal modes, where it is |v - v'|.
    """

    def update(self, background: Background) -> None:
        self._to_modes = background.rotation
        self._from_modes = np.linalg.inv(background.rotation)
        v = background.velocity
        self._rate = np.abs(v[:, None] - v[None, :]) / (2.0 * self.mesh.z_spacing)

    def pieces(self, field: PairField) -> Iterator[tuple[slice, Array]]:
        planes = range(*self.fields.z_range.indices(self.mesh.z_points))
        for end in (0, self.mesh.z_points - 1):
            if end in planes:
                j = end - planes.start
                modes = self._rate * (self._to_modes @ field.pair[j] @ self._to_modes.T)
                yield slice(j, j + 1), -(self._from_modes @ modes @ self._from_modes.T)[None]

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
