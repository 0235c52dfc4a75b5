"""Contact: the force between two correlated fluid cells acts on the particles that they share."""

import numpy as np
import scipy.sparse as sp

from gbbgky_petsc.discrete.kronecker import BLOCK, KroneckerFactor, blocks
from gbbgky_petsc.discrete.mesh import Array
from gbbgky_petsc.fields import Fields
from gbbgky_petsc.physics.models import Background
from gbbgky_petsc.terms.base import PairField, Setting, Term


class Contact(Term):
    """V'(z) { d_theta [int K(theta', alpha) g_{theta alpha}] - d_theta' [int K(theta, alpha) g_{alpha theta'}] }.

    Fifth term of eq. (SA.3) with the sign of eq. (7). ``closure`` chooses K: ``fluctuation`` is delta c/delta rho,
    ``printed`` the one of eq. (SC.1).
    """

    name = "contact"

    def __init__(self, setting: Setting, fields: Fields, closure: str) -> None:
        super().__init__(setting, fields)
        self._printed = closure == "printed"
        force = setting.force[fields.z_range]
        felt = np.flatnonzero(np.abs(force) > 1e-15 * np.abs(setting.force).max())
        self._planes = slice(int(felt[0]), int(felt[-1]) + 1) if felt.size else slice(0, 0)
        self._force = force[self._planes, None, None]

    def update(self, background: Background) -> None:
        self._K = background.charge_response_printed if self._printed else background.charge_response

    def add(self, field: PairField, out: Array) -> None:
        derivative, n = self.mesh.theta_derivative, self.mesh.theta_points
        pair, changed = field.pair[self._planes], out[self._planes]
        pulled, responded, work = np.empty((3, BLOCK, n, n))
        for b in blocks(len(pair)):
            size = b.stop - b.start
            np.multiply(self._force[b], pair[b], out=pulled[:size])
            np.matmul(pulled[:size], self._K.T, out=responded[:size])
            np.matmul(derivative, responded[:size], out=work[:size])
            np.matmul(self._K, pulled[:size], out=responded[:size])
            np.matmul(responded[:size], derivative.T, out=pulled[:size])
            work[:size] -= pulled[:size]
            changed[b] += work[:size]

    def factors(self) -> list[KroneckerFactor]:
        force = sp.diags(self.setting.force)
        derivative = self.mesh.theta_derivative
        return [KroneckerFactor(force, derivative, self._K), KroneckerFactor(-force, self._K, derivative)]
