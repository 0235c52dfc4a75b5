"""Layer 1: the force of the correlations on the one-body density."""

import numpy as np
import scipy.sparse as sp

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.fields import Fields, Rate, State
from gbbgky_petsc.terms.base import OneBodyTerm, register
from gbbgky_petsc.terms.setting import Point, Setting


@register
class CorrelationForce(OneBodyTerm):
    """d rho/dt = d_theta int dz V'(z) [m_theta(z) - m~_theta(z)]/2, eq. (SA.2).

    m~_theta(z) = int dgamma g_{gamma theta}(z) is m_theta(-z) by exchange symmetry and V' is odd: the same as m alone,
    but momentum is then conserved for any g, also where rounding has broken the symmetry.
    """

    name = "correlation_force"

    def __init__(self, setting: Setting, fields: Fields) -> None:
        super().__init__(setting, fields)
        self._force = self.mesh.z_spacing * setting.force

    def rho_rate(self, point: Point, x: State) -> Array:
        m, m_mirror = x.moments
        return self.mesh.theta_derivative @ (self._force @ (m - m_mirror)) / 2.0

    def add_tangent(self, point: Point, x: State, change: State, out: Rate) -> None:
        self.add(point, change, out)

    def one_body_rows(self, point: Point) -> sp.csr_matrix:
        n = self.mesh.theta_points
        derivative, ones = self.mesh.theta_derivative, np.ones((1, n))
        force = self._force * self.mesh.theta_weight
        return sp.kron(force[None, :], sp.kron(derivative, ones) - sp.kron(ones, derivative), format="csr") / 2.0
