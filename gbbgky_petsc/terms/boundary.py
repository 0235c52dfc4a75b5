"""The ends of the z-domain: what leaves it and what that costs in energy."""

from abc import abstractmethod
from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.discrete.kronecker import KroneckerProduct, blocks
from gbbgky_petsc.discrete.mesh import Boundary
from gbbgky_petsc.fields import ONE_BODY, PAIR, Fields, Rate, State
from gbbgky_petsc.terms.base import NormalForm, PairTerm, register_boundary
from gbbgky_petsc.terms.setting import Point, Setting


class BoundaryTerm(PairTerm):
    """A term that acts near the ends only; the energy that it takes out goes to the ledger of absorbed energy."""

    name = "boundary"
    writes = (PAIR, ONE_BODY)

    @abstractmethod
    def pieces(self, point: Point, x: State) -> Iterator[tuple[slice, Array]]:
        """The term on some of this rank's planes, (b, N, N), at a time. Not collective."""

    def add(self, point: Point, x: State, out: Rate) -> None:
        out[ONE_BODY][-1] += self._apply(point, x, out[PAIR])

    def absorbed_power(self, point: Point, x: State) -> float:
        return self._apply(point, x, None)

    def _apply(self, point: Point, x: State, slab: Array | None) -> float:
        """slab += term(g); returns the interaction energy per unit length and time that it takes out. Collective."""
        slab_block = self.fields.slab()
        weights = self.setting.energy_weights[slab_block.planes] * slab_block.multiplicity * self.mesh.theta_weight
        lost = 0.0
        for planes, values in self.pieces(point, x):
            lost -= float(weights[planes] @ values.sum(axis=(1, 2)))
            if slab is not None:
                slab[planes] += values
        return float(self.fields.comm.allreduce(lost))

    def absorbed_row(self, point: Point) -> Array:
        weights = np.repeat(self.setting.energy_weights * self.mesh.theta_weight, self.mesh.theta_points**2)
        return np.asarray(-sum(weights @ product.matrix() for product in self.summands(point)))


@register_boundary(Boundary.ABSORBING)
class AbsorbingLayer(BoundaryTerm):
    """- eta(z) g, with eta the mesh's absorption: the infinite line."""

    def __init__(self, setting: Setting, fields: Fields) -> None:
        super().__init__(setting, fields)
        self._rate = self.mesh.absorption[fields.slab().planes, None, None]
        self._blocks = [b for b in blocks(len(self._rate)) if self._rate[b].any()]

    def pieces(self, point: Point, x: State) -> Iterator[tuple[slice, Array]]:
        pair = x[PAIR]
        for b in self._blocks:
            yield b, -self._rate[b] * pair[b]

    def summands(self, point: Point) -> list[KroneckerProduct]:
        one = np.eye(self.mesh.theta_points)
        return [KroneckerProduct(sp.diags(-self.mesh.absorption), one, one)]

    def normal_form(self, point: Point) -> NormalForm:
        return NormalForm(decay=self.mesh.absorption[:, None, None])


@register_boundary(Boundary.ZERO)
class Outflow(BoundaryTerm):
    """- |A_theta - A_theta'| g / (2 dz) at both end planes of a mesh with g(+-L) = 0.

    Turns the central difference there into an upwind one for what leaves; what would enter is zero already.
    |A x 1 - 1 x A| is taken in normal modes, where it is |v - v'|.
    """

    def _rate(self, point: Point) -> Array:
        v = point.background.velocity
        return np.abs(v[:, None] - v[None, :]) / (2.0 * self.mesh.z_spacing)

    def pieces(self, point: Point, x: State) -> Iterator[tuple[slice, Array]]:
        to_modes, from_modes = point.background.rotation, point.background.rotation_inverse
        planes = range(*self.fields.slab().planes.indices(self.mesh.z_points))
        for end in (0, self.mesh.z_points - 1):
            if end in planes:
                j = end - planes.start
                modes = self._rate(point) * (to_modes @ x[PAIR][j] @ to_modes.T)
                yield slice(j, j + 1), -(from_modes @ modes @ from_modes.T)[None]

    def summands(self, point: Point) -> list[KroneckerProduct]:
        ends = np.zeros(self.mesh.z_points)
        ends[[0, -1]] = 1.0
        left, right, rate = point.background.rotation_inverse, point.background.rotation, self._rate(point)
        # |v - v'| is not a product: one Kronecker product per normal mode theta
        return [
            KroneckerProduct(
                sp.diags(-ends),
                np.outer(left[:, i], right[i]),
                left @ (rate[i][:, None] * right),
            )
            for i in range(self.mesh.theta_points)
        ]

    def normal_form(self, point: Point) -> NormalForm:
        ends = np.zeros((self.mesh.z_points, 1, 1))
        ends[[0, -1]] = 1.0
        return NormalForm(decay=ends * self._rate(point))
