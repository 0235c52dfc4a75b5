"""Forcing: the potential correlates neighbouring fluid cells through the contact covariance."""

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.discrete.kronecker import add_scaled
from gbbgky_petsc.fields import ONE_BODY, PAIR, Fields, Rate, State
from gbbgky_petsc.terms.base import Term, register
from gbbgky_petsc.terms.cells import COVARIANCE, charge, charge_change
from gbbgky_petsc.terms.setting import Point, Setting


@register
class Forcing(Term):
    """V'(z) [rho'_theta c_theta' - c_theta rho'_theta'], eq. (SA.10), (SA.13): the source of layer 2.

    c is that of the local GGE, or rho f + int c2 where c2 is an unknown (second and fourth terms of eq. (SA.3)).
    """

    name = "forcing"
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
