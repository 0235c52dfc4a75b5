"""Streaming: correlations move with the relative effective velocity."""

from functools import cached_property

import numpy as np

from gbbgky_petsc.arrays import Array, ComplexArray
from gbbgky_petsc.discrete.kronecker import BLOCK, KroneckerProduct, blocks, stencil_matrix
from gbbgky_petsc.fields import ONE_BODY, PAIR, Rate, State
from gbbgky_petsc.terms.base import NormalForm, PairTerm, register
from gbbgky_petsc.terms.setting import Point, Waves


@register
class Streaming(PairTerm):
    """- d/dz (A_theta - A_theta') g, eq. (SA.4); central differences of the mesh's order in z.

    Streaming into the zeros beyond an open end takes energy with it, since V' there is not the stencil of V; that goes
    to the ledger of absorbed energy.
    """

    name = "streaming"
    writes = (PAIR, ONE_BODY)

    def add(self, point: Point, x: State, out: Rate) -> None:
        stencil, slab = self.mesh.stencil, out[PAIR]
        planes, n, _ = slab.shape
        A = point.background.flux_operator
        slope, work = np.empty((2, BLOCK, n, n))
        for b in blocks(planes):
            size = b.stop - b.start
            stencil.apply_planes(stencil.first, x.haloed, b, slope[:size])
            A.add_both((-1.0, 1.0), slope[:size], slab[b], work[:size])
        out[ONE_BODY][-1] += self.absorbed_power(point, x)

    @cached_property
    def edge_weights(self) -> Array:
        """(Nz,) weights of the power carried out of open ends."""
        setting, mesh = self.setting, self.mesh
        edge = setting.force - mesh.stencil.differentiate(setting.V, mesh.wraps)
        return 0.5 * mesh.z_spacing * mesh.theta_weight * edge

    def absorbed_power(self, point: Point, x: State) -> float:
        if not np.any(self.edge_weights):
            return 0.0
        m, m_mirror = x.moments
        return float(self.edge_weights @ ((m - m_mirror) @ self.setting.model.energy_derivative(self.mesh.theta)))

    def absorbed_row(self, point: Point) -> Array | None:
        if not np.any(self.edge_weights):
            return None
        slope = self.setting.model.energy_derivative(self.mesh.theta)
        edge = self.edge_weights * self.mesh.theta_weight
        return np.kron(edge, (slope[:, None] - slope[None, :]).ravel())

    def summands(self, point: Point) -> list[KroneckerProduct]:
        d = stencil_matrix(self.mesh.stencil.first, self.mesh.z_points, self.mesh.wraps)
        A, one = point.background.flux_jacobian, np.eye(self.mesh.theta_points)
        return [KroneckerProduct(-d, A, one), KroneckerProduct(d, one, A)]

    @staticmethod
    def symbol(point: Point, waves: Waves) -> ComplexArray:
        return 1j * waves.first[:, None, None] * point.background.flux_jacobian

    def normal_form(self, point: Point) -> NormalForm:
        return NormalForm(first=-point.background.velocity)
