"""Streaming of the correlation between the pairs of one fluid cell and the quasiparticles of another."""

from typing import Any

import numpy as np
from mpi4py import MPI

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.discrete.kronecker import BLOCK, blocks
from gbbgky_petsc.discrete.mesh import PhaseSpaceMesh
from gbbgky_petsc.discrete.symmetric import SymmetricPairs
from gbbgky_petsc.fields import PAIR, BlockSpec, Fields, Rate, State
from gbbgky_petsc.terms.base import Term, register
from gbbgky_petsc.terms.cells import COVARIANCE, TRIPLE, covariance, third, triple_block
from gbbgky_petsc.terms.setting import Point, Setting


@register
class TripleStreaming(Term):
    """- d/dz { 1/2 (A_1 + A_2) g3 + F[c2] g - A_3 g3 }, eq. (SA.7); central differences of the mesh's order in z.

    F[c2] g = 1/2 [(A_1 + A_2) delta_12 delta(rho f) + (delta A/delta rho . g_3) C + C (delta A/delta rho . g_3)^t]_reg,
    see `gbbgky_petsc.physics.models.third_order.ThirdOrder.pair_flux`. In normal modes a pair moves with the mean of
    its two effective velocities. The tangent leaves out how A and F change with rho and c2.
    """

    name = "triple_streaming"
    reads = (PAIR, TRIPLE, COVARIANCE)
    writes = (TRIPLE,)
    recorded = {
        "triple_density": ("1/length^3", "int int int g3, eq. (SA.6); axes t, z", ("z",)),
        "triple_response": (
            "1/(length^3 momentum)",
            "int int g3{theta, theta'},theta'' dtheta' dtheta'': how c of one cell goes with the number of another; "
            "axes t, z, theta",
            ("z", "theta"),
        ),
        "triple_excess": ("1", "max|g3 - K2 g|/max|K2 g|, 0 in the fluctuation closure; nan where g vanishes", ()),
    }

    def __init__(self, setting: Setting, fields: Fields) -> None:
        super().__init__(setting, fields)
        self._pairs = SymmetricPairs(self.mesh.theta_points)

    @classmethod
    def blocks(cls, mesh: PhaseSpaceMesh) -> tuple[BlockSpec, ...]:
        return (triple_block(mesh),)

    def block_tolerances(self, point: Point, relative: float, pair: float) -> dict[str, float]:
        """As for g, in the proportion Gamma : c of their thermal values."""
        ratio = np.abs(third(point).pair_response).max() / np.abs(point.background.charge).max()
        return {TRIPLE: pair * max(float(ratio), 1e-30)}

    def record(self, point: Point, x: State) -> dict[str, Any]:
        pair, triple, weight = x[PAIR], x[TRIPLE], self.mesh.theta_weight
        closure = self._per_pair(third(point).covariance_change(np.eye(self.mesh.theta_points)))
        response, sizes = np.empty((len(triple), self.mesh.theta_points)), np.zeros(2)
        for b in blocks(len(triple)):
            closed = closure @ pair[b]
            sizes = np.maximum(sizes, [np.abs(triple[b] - closed).max(), np.abs(closed).max()])
            response[b] = weight**2 * self._pairs.sum_of_one(triple[b]).sum(axis=2)
        self.fields.comm.Allreduce(MPI.IN_PLACE, sizes, MPI.MAX)
        response = self.fields.slab(TRIPLE).gather_planes(response)
        return {
            "triple_density": weight * response.sum(axis=1),
            "triple_response": response,
            "triple_excess": float(sizes[0] / sizes[1]) if sizes[1] else float("nan"),
        }

    def add(self, point: Point, x: State, out: Rate) -> None:
        self._add(point, covariance(point, x), x, out)

    def add_tangent(self, point: Point, x: State, change: State, out: Rate) -> None:
        self._add(point, covariance(point, x), change, out)

    def _add(self, point: Point, covariance: Array, x: State, out: Rate) -> None:
        """The term linear in g and g3 of ``x``. Collective."""
        stencil, slab, n = self.mesh.stencil, out[TRIPLE], self.mesh.theta_points
        A, source = point.background.flux_jacobian, self._source(point, covariance)
        haloed, pair_haloed = self.fields.slab(TRIPLE).with_halo(x[TRIPLE]), x.haloed
        slope, pair_slope = np.empty((BLOCK, *slab.shape[1:])), np.empty((BLOCK, n, n))
        for b in blocks(len(slab)):
            size = b.stop - b.start
            stencil.apply_planes(stencil.first, haloed, b, slope[:size])
            stencil.apply_planes(stencil.first, pair_haloed, b, pair_slope[:size])
            change = -0.5 * self._pairs.sum_of_each(A, slope[:size])
            change += slope[:size] @ A.T
            change -= source @ pair_slope[:size]
            slab[b] += change

    def _source(self, point: Point, covariance: Array) -> Array:
        """F, (M, N): from the direction that g gives to each pair."""
        return self._per_pair(third(point).pair_flux(np.eye(self.mesh.theta_points), covariance))

    def _per_pair(self, along_each: Array) -> Array:
        """(M, N) from kernels along each direction, (N, N, N)."""
        return np.ascontiguousarray(self._pairs.pack(along_each).T)
