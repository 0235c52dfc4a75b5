"""Streaming: correlations move with the relative effective velocity."""

import numpy as np

from gbbgky_petsc.discrete.kronecker import BLOCK, KroneckerFactor, add_commutator, blocks, stencil_matrix
from gbbgky_petsc.discrete.mesh import Array
from gbbgky_petsc.physics.models import Background
from gbbgky_petsc.terms.base import PairField, Term


class Streaming(Term):
    """- d/dz (A_theta - A_theta') g, eq. (SA.4); central differences of the mesh's order in z."""

    name = "streaming"

    def update(self, background: Background) -> None:
        self._A = background.flux_jacobian

    def add(self, field: PairField, out: Array) -> None:
        stencil, (planes, n, _) = self.mesh.stencil, out.shape
        slope, work = np.empty((2, BLOCK, n, n))
        for b in blocks(planes):
            size = b.stop - b.start
            stencil.apply_planes(stencil.first, field.haloed, b, slope[:size])
            add_commutator(-self._A, -1.0, slope[:size], out[b], work[:size])

    def factors(self) -> list[KroneckerFactor]:
        d = stencil_matrix(self.mesh.stencil.first, self.mesh.z_points, self.mesh.wraps)
        one = np.eye(self.mesh.theta_points)
        return [KroneckerFactor(-d, self._A, one), KroneckerFactor(d, one, self._A)]
