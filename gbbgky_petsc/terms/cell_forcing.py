"""Forcing by the covariance that the fluid cells have, not the one of a local GGE."""

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.discrete.kronecker import add_scaled
from gbbgky_petsc.fields import ONE_BODY, PAIR, Fields, Rate, State
from gbbgky_petsc.terms.base import Term, register
from gbbgky_petsc.terms.cells import COVARIANCE, charge, charge_change
from gbbgky_petsc.terms.setting import Point, Setting


@register
class CellForcing(Term):
    """V'(z) [rho'_theta c_theta' - c_theta rho'_theta'] with c = rho f + int c2, second and fourth terms of (SA.3)."""

    name = "cell_forcing"
    reads = (ONE_BODY, COVARIANCE)

    def __init__(self, setting: Setting, fields: Fields) -> None:
        super().__init__(setting, fields)
        self._force = setting.force[fields.slab().planes]

    def add(self, point: Point, x: State, out: Rate) -> None:
        source = point.slope[:, None] * charge(point, x)
        add_scaled(self._force, source - source.T, out[PAIR])

    def add_tangent(self, point: Point, x: State, change: State, out: Rate) -> None:
        slope: Array = self.mesh.theta_derivative @ change.rho
        source = slope[:, None] * charge(point, x) + point.slope[:, None] * charge_change(point, change)
        if source.any():
            add_scaled(self._force, source - source.T, out[PAIR])
