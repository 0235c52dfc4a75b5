"""The covariance of a fluid cell: the force of the other cells moves both members of its pairs."""

from typing import Any

import numpy as np
from mpi4py import MPI

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.discrete.mesh import PhaseSpaceMesh
from gbbgky_petsc.discrete.symmetric import SymmetricPairs
from gbbgky_petsc.fields import BlockSpec, Fields, Rate, State
from gbbgky_petsc.physics.observables import relative_size
from gbbgky_petsc.terms.base import Term, register
from gbbgky_petsc.terms.cells import COVARIANCE, TRIPLE, covariance_block, shifted, third
from gbbgky_petsc.terms.setting import Point, Setting


@register
class CovarianceForce(Term):
    """d c2{12}/dt = (d_1 + d_2) int dz V'(z) int dtheta_3 g3{12},3(z), eq. (SA.5).

    Only theta_1 + theta_2 moves: the integral of c2 over it at fixed theta_1 - theta_2 is conserved, which C_reg of a
    density that relaxes is not.
    """

    name = "covariance_force"
    reads = (TRIPLE,)
    writes = (COVARIANCE,)
    recorded = {
        "covariance": ("1/(length momentum^2)", "c2(theta, theta'), eq. (SA.5); axes t, theta, theta'", ("theta",) * 2),
        "covariance_rate": ("1/(length momentum^2 time)", "dc2/dt, eq. (SA.5); axes t, theta, theta'", ("theta",) * 2),
        "covariance_drift": ("1", "max|c2 - C_reg[rho]|/max|C_reg[rho]|, 0 in the local GGE; nan without contact", ()),
    }

    def __init__(self, setting: Setting, fields: Fields) -> None:
        super().__init__(setting, fields)
        self._force = self.mesh.z_spacing * self.mesh.theta_weight * setting.force[fields.slab(TRIPLE).planes]
        self._pairs = SymmetricPairs(self.mesh.theta_points)

    @classmethod
    def blocks(cls, mesh: PhaseSpaceMesh) -> tuple[BlockSpec, ...]:
        return (covariance_block(mesh),)

    def initial_blocks(self, point: Point) -> dict[str, Array]:
        """C_reg of the GGE, eq. (SA.9)."""
        return {COVARIANCE: third(point).covariance_regular}

    def block_tolerances(self, point: Point, relative: float, pair: float) -> dict[str, float]:
        """As for rho: c2 acts on it as directly."""
        return {COVARIANCE: relative * max(float(np.abs(third(point).covariance_regular).max()), 1e-30)}

    def record(self, point: Point, x: State) -> dict[str, Any]:
        c2, gge = x[COVARIANCE], third(point).covariance_regular
        return {
            "covariance": c2.copy(),
            "covariance_rate": self._rate(x[TRIPLE]),
            "covariance_drift": relative_size(c2 - gge, gge),
        }

    def _rate(self, triple: Array) -> Array:
        """The term, (N, N). Collective."""
        pull: Array = self._force @ triple.sum(axis=2)
        self.fields.comm.Allreduce(MPI.IN_PLACE, pull)
        return shifted(self.mesh.theta_derivative, self._pairs.unpack(pull))

    def add(self, point: Point, x: State, out: Rate) -> None:
        out[COVARIANCE][...] += self._rate(x[TRIPLE])

    def add_tangent(self, point: Point, x: State, change: State, out: Rate) -> None:
        self.add(point, change, out)
