"""Forcing of triples: the potential correlates the pairs of one fluid cell with the quasiparticles of another."""

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.discrete.kronecker import add_scaled
from gbbgky_petsc.discrete.symmetric import SymmetricPairs
from gbbgky_petsc.fields import ONE_BODY, Fields, Rate, State
from gbbgky_petsc.terms.base import Term, register
from gbbgky_petsc.terms.cells import (
    COVARIANCE,
    TRIPLE,
    charge,
    charge_change,
    covariance,
    covariance_change,
    shifted,
    third,
)
from gbbgky_petsc.terms.setting import Point, Setting


@register
class TripleForcing(Term):
    """V'(z) [c_3 (d_1 + d_2) c2{12} - rho'_3 Gamma{12}], right-hand side of eq. (SA.6), first order in V.

    Gamma = delta C_reg/delta rho . c is that of the local GGE; for classical particles 2 C_reg + int c3, eq. (SA.21).
    The tangent leaves out how Gamma changes.
    """

    name = "triple_forcing"
    reads = (ONE_BODY, COVARIANCE)
    writes = (TRIPLE,)

    def __init__(self, setting: Setting, fields: Fields) -> None:
        super().__init__(setting, fields)
        self._force = setting.force[fields.slab(TRIPLE).planes]
        self._pairs = SymmetricPairs(self.mesh.theta_points)

    def add(self, point: Point, x: State, out: Rate) -> None:
        pull = self._shifted(covariance(point, x))[:, None] * charge(point, x)
        add_scaled(self._force, pull - self._gamma(point)[:, None] * point.slope, out[TRIPLE])

    def add_tangent(self, point: Point, x: State, change: State, out: Rate) -> None:
        rho: Array = change.rho
        source = self._shifted(covariance(point, x))[:, None] * charge_change(point, change)
        source -= self._gamma(point)[:, None] * (self.mesh.theta_derivative @ rho)
        source += self._shifted(covariance_change(point, change))[:, None] * charge(point, x)
        if source.any():
            add_scaled(self._force, source, out[TRIPLE])

    def _shifted(self, kernel: Array) -> Array:
        return self._pairs.pack(shifted(self.mesh.theta_derivative, kernel))

    def _gamma(self, point: Point) -> Array:
        return self._pairs.pack(third(point).pair_response)
