"""Collective: each particle feels the mean field of the correlations around the other one."""

import numpy as np
import scipy.fft
import scipy.linalg
import scipy.sparse as sp

from gbbgky_petsc.discrete.kronecker import KroneckerFactor, add_antisymmetrised
from gbbgky_petsc.discrete.mesh import Array
from gbbgky_petsc.fields import Fields
from gbbgky_petsc.physics.models import Background
from gbbgky_petsc.terms.base import PairField, Setting, Term


class Collective(Term):
    """rho'_theta int dz' V'(z-z') m~_theta'(z') - rho'_theta' int dz' V'(z-z') m_theta(z'), eq. (SA.3)."""

    name = "collective"

    def __init__(self, setting: Setting, fields: Fields) -> None:
        super().__init__(setting, fields)
        kernel, points = setting.force_kernel, self.mesh.z_points
        if self.mesh.wraps:
            self._length = points
        else:  # linear convolution: zero padding, and negative differences at the end of the kernel
            self._length = scipy.fft.next_fast_len(2 * points - 1, real=True)
            padded = np.zeros(self._length)
            padded[:points] = kernel[points - 1 :]
            padded[self._length - points + 1 :] = kernel[: points - 1]
            kernel = padded
        self._symbol = self.mesh.z_spacing * scipy.fft.rfft(kernel)

    def update(self, background: Background) -> None:
        self._slope = self.mesh.theta_derivative @ background.rho

    def mean_force(self, moment: Array) -> Array:
        """int dz' V'(z - z') moment(z'), (Nz, N)."""
        spectrum = scipy.fft.rfft(moment, n=self._length, axis=0)
        return scipy.fft.irfft(self._symbol[:, None] * spectrum, n=self._length, axis=0)[: self.mesh.z_points]

    def add(self, field: PairField, out: Array) -> None:
        self.add_with(field, self._slope, out)

    def add_with(self, field: PairField, slope: Array, out: Array) -> None:
        """The term with ``slope`` (N,) in the place of rho'."""
        m, m_mirror = (self.mean_force(moment)[self.fields.z_range] for moment in field.moments)
        add_antisymmetrised(slope, m, m_mirror, out)

    def factors(self) -> list[KroneckerFactor]:
        kernel, points = self.mesh.z_spacing * self.setting.force_kernel, self.mesh.z_points
        if self.mesh.wraps:
            z = scipy.linalg.circulant(kernel)
        else:
            z = scipy.linalg.toeplitz(kernel[points - 1 :], kernel[points - 1 :: -1])
        pull = self._slope[:, None] * np.full(self.mesh.theta_points, self.mesh.theta_weight)
        one = np.eye(self.mesh.theta_points)
        return [KroneckerFactor(sp.csr_matrix(z), pull, one), KroneckerFactor(sp.csr_matrix(-z), one, pull)]
