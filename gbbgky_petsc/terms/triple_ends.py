"""The ends of the z-domain for triples, as `gbbgky_petsc.terms.boundary` treats them for pairs."""

import numpy as np

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.discrete.kronecker import blocks
from gbbgky_petsc.discrete.mesh import Boundary
from gbbgky_petsc.discrete.symmetric import SymmetricPairs
from gbbgky_petsc.fields import Fields, Rate, State
from gbbgky_petsc.terms.base import Term, register
from gbbgky_petsc.terms.cells import TRIPLE
from gbbgky_petsc.terms.setting import Point, Setting


@register
class TripleEnds(Term):
    """- eta(z) g3 in an absorbing layer; - |(v_1 + v_2)/2 - v_3| g3/(2 dz) in normal modes at open end planes.

    g3 carries no energy, there is nothing to account for. On a ring the term is nothing.
    """

    name = "triple_ends"
    reads = (TRIPLE,)
    writes = (TRIPLE,)

    def __init__(self, setting: Setting, fields: Fields) -> None:
        super().__init__(setting, fields)
        self._planes = fields.slab(TRIPLE).planes
        self._pairs = SymmetricPairs(self.mesh.theta_points)

    def add(self, point: Point, x: State, out: Rate) -> None:
        if self.mesh.boundary is Boundary.ABSORBING:
            self._absorb(x[TRIPLE], out[TRIPLE])
        elif self.mesh.boundary is Boundary.ZERO:
            self._let_out(point, x[TRIPLE], out[TRIPLE])

    def add_tangent(self, point: Point, x: State, change: State, out: Rate) -> None:
        self.add(point, change, out)

    def _absorb(self, triple: Array, out: Array) -> None:
        rate = self.mesh.absorption[self._planes, None, None]
        for b in blocks(len(triple)):
            if rate[b].any():
                out[b] -= rate[b] * triple[b]

    def _let_out(self, point: Point, triple: Array, out: Array) -> None:
        b, pairs = point.background, self._pairs
        rate = np.abs(pair_velocity(b.velocity, pairs)[:, None] - b.velocity) / (2.0 * self.mesh.z_spacing)
        for end in {0, self.mesh.z_points - 1} & set(range(self._planes.start, self._planes.stop)):
            plane = slice(end - self._planes.start, end - self._planes.start + 1)
            out[plane] -= pairs.rotate(b.rotation_inverse, rate * pairs.rotate(b.rotation, triple[plane]))


def pair_velocity(velocity: Array, pairs: SymmetricPairs) -> Array:
    """(v_1 + v_2)/2 of each pair of normal modes, (M,)."""
    return 0.5 * (velocity[pairs.first] + velocity[pairs.second])
