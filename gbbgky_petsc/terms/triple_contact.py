"""Contact without a closure: the force between two correlated fluid cells acts on the pairs of each."""

import numpy as np

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.discrete.kronecker import blocks
from gbbgky_petsc.discrete.mesh import PhaseSpaceMesh
from gbbgky_petsc.discrete.symmetric import SymmetricPairs
from gbbgky_petsc.fields import PAIR, BlockSpec, Fields, Rate, State
from gbbgky_petsc.terms.base import PairTerm, register
from gbbgky_petsc.terms.cells import TRIPLE, third, triple_block
from gbbgky_petsc.terms.setting import Point, Setting


@register
class TripleContact(PairTerm):
    """V'(z) {d_theta Y_{theta' theta}(-z) - d_theta' Y_{theta theta'}(z)}, third and fifth terms of eq. (SA.3).

    Y_{theta theta'}(z) = [delta(rho f)/delta rho . g_{.theta'}(z)]_theta + int g3{theta, gamma},theta'(z) dgamma is the
    response of c of the first cell. Signs as in eq. (7). For classical particles its first part is g itself.
    """

    name = "triple_contact"
    reads = (PAIR, TRIPLE)

    def __init__(self, setting: Setting, fields: Fields) -> None:
        super().__init__(setting, fields)
        mesh, force = self.mesh, setting.force
        self._pairs = SymmetricPairs(mesh.theta_points)
        self._felt = np.abs(force) > 1e-15 * np.abs(force).max()
        index = np.arange(mesh.z_points)
        self._mirror = -index % mesh.z_points if mesh.wraps else index[::-1]

    @classmethod
    def blocks(cls, mesh: PhaseSpaceMesh) -> tuple[BlockSpec, ...]:
        return (triple_block(mesh),)

    def add(self, point: Point, x: State, out: Rate) -> None:
        own = self.fields.slab().planes
        response = self._response(point, x)
        derivative, changed, force = self.mesh.theta_derivative, out[PAIR], self.setting.force
        for j, z in enumerate(range(own.start, own.stop)):
            if self._felt[z]:
                here, there = response[z], response[self._mirror[z]]
                changed[j] += force[z] * (derivative @ there.T - here @ derivative.T)

    def _response(self, point: Point, x: State) -> Array:
        """Y, (Nz, N, N) on every rank, where the force is felt there or at the mirror image. Collective."""
        pair, triple, weight = x[PAIR], x[TRIPLE], self.mesh.theta_weight
        own = self.fields.slab().planes
        spread = third(point).spread_change(np.eye(self.mesh.theta_points)).T
        local = np.zeros(pair.shape)
        needed = (self._felt | self._felt[self._mirror])[own]
        for b in blocks(len(local)):
            if needed[b].any():
                local[b] = spread @ pair[b] + weight * self._pairs.sum_of_one(triple[b])
        return self.fields.slab().gather_planes(local)
