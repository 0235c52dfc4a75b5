"""Contact: the force between two correlated fluid cells acts on the particles that they share."""

import numpy as np
import scipy.sparse as sp

from gbbgky_petsc.discrete.kronecker import BLOCK, KroneckerProduct, blocks
from gbbgky_petsc.fields import PAIR, Fields, Rate, State
from gbbgky_petsc.physics.models.operators import Dense, Operator
from gbbgky_petsc.terms.base import PairTerm, register
from gbbgky_petsc.terms.setting import Point, Setting


@register
class Contact(PairTerm):
    """V'(z) { d_theta [int K(theta', alpha) g_{theta alpha}] - d_theta' [int K(theta, alpha) g_{alpha theta'}] }.

    Fifth term of eq. (SA.3) with the sign of eq. (7). The setting's ``closure`` chooses K: ``fluctuation`` is
    delta c/delta rho, ``printed`` the one of eq. (SC.1).
    """

    name = "contact"

    def __init__(self, setting: Setting, fields: Fields) -> None:
        super().__init__(setting, fields)
        force = setting.force[fields.slab().planes]
        felt = np.flatnonzero(np.abs(force) > 1e-15 * np.abs(setting.force).max())
        self._planes = slice(int(felt[0]), int(felt[-1]) + 1) if felt.size else slice(0, 0)
        self._force = force[self._planes, None, None]

    def _response(self, point: Point) -> Operator:
        b = point.background
        return Dense(b.charge_response_printed) if self.setting.closure == "printed" else b.response_operator

    def add(self, point: Point, x: State, out: Rate) -> None:
        derivative, n, K = self.mesh.theta_derivative, self.mesh.theta_points, self._response(point)
        pair, changed = x[PAIR][self._planes], out[PAIR][self._planes]
        pulled, responded, work = np.empty((3, BLOCK, n, n))
        for b in blocks(len(pair)):
            size = b.stop - b.start
            np.multiply(self._force[b], pair[b], out=pulled[:size])
            K.right(pulled[:size], responded[:size])
            np.matmul(derivative, responded[:size], out=work[:size])
            K.left(pulled[:size], responded[:size])
            np.matmul(responded[:size], derivative.T, out=pulled[:size])
            work[:size] -= pulled[:size]
            changed[b] += work[:size]

    def summands(self, point: Point) -> list[KroneckerProduct]:
        force, K = sp.diags(self.setting.force), self._response(point).matrix()
        derivative = self.mesh.theta_derivative
        return [KroneckerProduct(force, derivative, K), KroneckerProduct(-force, K, derivative)]
