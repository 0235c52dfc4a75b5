"""Diffusion: quasiparticles spread by random collisions."""

import numpy as np

from gbbgky_petsc.arrays import ComplexArray
from gbbgky_petsc.discrete.kronecker import BLOCK, KroneckerProduct, blocks, stencil_matrix
from gbbgky_petsc.fields import PAIR, Rate, State
from gbbgky_petsc.terms.base import NormalForm, PairTerm, register
from gbbgky_petsc.terms.setting import Point, Waves


@register
class Diffusion(PairTerm):
    """+ d^2/dz^2 (D_theta + D_theta') g, eq. (SA.4) with the 1/2 inside D."""

    name = "diffusion"

    def add(self, point: Point, x: State, out: Rate) -> None:
        if not point.background.diffusion.any():
            return
        D = point.background.diffusion_operator
        stencil, slab = self.mesh.stencil, out[PAIR]
        planes, n, _ = slab.shape
        curvature, work = np.empty((2, BLOCK, n, n))
        for b in blocks(planes):
            size = b.stop - b.start
            stencil.apply_planes(stencil.second, x.haloed, b, curvature[:size])
            D.add_both((1.0, 1.0), curvature[:size], slab[b], work[:size])

    def summands(self, point: Point) -> list[KroneckerProduct]:
        d2 = stencil_matrix(self.mesh.stencil.second, self.mesh.z_points, self.mesh.wraps)
        D, one = point.background.diffusion, np.eye(self.mesh.theta_points)
        return [KroneckerProduct(d2, D, one), KroneckerProduct(d2, one, D)]

    @staticmethod
    def symbol(point: Point, waves: Waves) -> ComplexArray:
        return waves.second[:, None, None] * point.background.diffusion.astype(complex)

    def normal_form(self, point: Point) -> NormalForm:
        b = point.background
        return NormalForm(second=np.diag(b.rotation @ b.diffusion @ point.background.rotation_inverse))
