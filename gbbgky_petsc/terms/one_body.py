"""Layer 1: the force of the correlations on the one-body density."""

import numpy as np

from gbbgky_petsc.discrete.mesh import Array
from gbbgky_petsc.terms.base import PairField, Setting


class OneBody:
    """d rho/dt = d_theta int dz V'(z) [m_theta(z) - m~_theta(z)]/2, eq. (SA.2).

    m~_theta(z) = int dgamma g_{gamma theta}(z) is m_theta(-z) by exchange symmetry and V' is odd: the same as m alone,
    but momentum is then conserved for any g, also where rounding has broken the symmetry.
    """

    def __init__(self, setting: Setting) -> None:
        mesh = setting.mesh
        self._derivative = mesh.theta_derivative
        self._force = mesh.z_spacing * setting.force
        #: weights (Nz,) of the interaction energy per unit length: sum_z weights int int g
        self.energy_weights = 0.5 * mesh.z_spacing * mesh.theta_weight * setting.V
        # streaming into the zeros beyond an open end takes this energy with it: V' there is not the stencil of V
        edge = setting.force - mesh.stencil.differentiate(setting.V, mesh.wraps)
        #: weights (Nz,) of the power carried out of open ends
        self.edge_weights = 0.5 * mesh.z_spacing * mesh.theta_weight * edge
        self._theta = mesh.theta

    def rate(self, field: PairField) -> Array:
        """d rho/dt, (N,) on every rank. Collective."""
        m, m_mirror = field.moments
        return self._derivative @ (self._force @ (m - m_mirror)) / 2.0

    def interaction_energy(self, field: PairField) -> float:
        """1/2 int dz V int int g per unit length. Collective."""
        return float(self.energy_weights @ field.moments[0].sum(axis=1))

    def edge_power(self, field: PairField, energy_slope: Array) -> float:
        """Energy per unit length and time that streaming carries out of open ends. Collective."""
        if not np.any(self.edge_weights):
            return 0.0
        m, m_mirror = field.moments
        return float(self.edge_weights @ ((m - m_mirror) @ energy_slope))
