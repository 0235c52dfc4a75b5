"""Diffusion: quasiparticles spread by random collisions."""

import numpy as np

from gbbgky_petsc.discrete.kronecker import BLOCK, KroneckerFactor, add_commutator, blocks, stencil_matrix
from gbbgky_petsc.discrete.mesh import Array
from gbbgky_petsc.physics.models import Background
from gbbgky_petsc.terms.base import PairField, Term


class Diffusion(Term):
    """+ d^2/dz^2 (D_theta + D_theta') g, eq. (SA.4) with the 1/2 inside D."""

    name = "diffusion"

    def update(self, background: Background) -> None:
        self._D = background.diffusion

    def add(self, field: PairField, out: Array) -> None:
        if not self._D.any():
            return
        stencil, (planes, n, _) = self.mesh.stencil, out.shape
        curvature, work = np.empty((2, BLOCK, n, n))
        for b in blocks(planes):
            size = b.stop - b.start
            stencil.apply_planes(stencil.second, field.haloed, b, curvature[:size])
            add_commutator(self._D, 1.0, curvature[:size], out[b], work[:size])

    def factors(self) -> list[KroneckerFactor]:
        d2 = stencil_matrix(self.mesh.stencil.second, self.mesh.z_points, self.mesh.wraps)
        one = np.eye(self.mesh.theta_points)
        return [KroneckerFactor(d2, self._D, one), KroneckerFactor(d2, one, self._D)]
