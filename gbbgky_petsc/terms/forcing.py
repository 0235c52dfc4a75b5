"""Forcing: the potential correlates neighbouring fluid cells through the contact covariance."""

from gbbgky_petsc.discrete.kronecker import add_scaled
from gbbgky_petsc.discrete.mesh import Array
from gbbgky_petsc.fields import Fields
from gbbgky_petsc.physics.models import Background
from gbbgky_petsc.terms.base import Setting


class Forcing:
    """V'(z) [rho'_theta c_theta' - c_theta rho'_theta'], eq. (SA.10), (SA.13): the source of layer 2."""

    name = "forcing"

    def __init__(self, setting: Setting, fields: Fields) -> None:
        self._derivative = setting.mesh.theta_derivative
        self._force = setting.force[fields.z_range]

    def update(self, background: Background) -> None:
        self._slope = self._derivative @ background.rho
        self._charge = background.charge
        self._response = background.charge_response

    def add(self, out: Array) -> None:
        """out += forcing, (planes, N, N)."""
        source = self._slope[:, None] * self._charge[None, :]
        add_scaled(self._force, source - source.T, out)

    def add_derivative(self, change: Array, out: Array) -> None:
        """out += the derivative of the forcing along a change of rho, (N,)."""
        source = (self._derivative @ change)[:, None] * self._charge[None, :]
        source += self._slope[:, None] * (self._response @ change)[None, :]
        add_scaled(self._force, source - source.T, out)
