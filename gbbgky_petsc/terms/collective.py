"""Collective: each particle feels the mean field of the correlations around the other one."""

import numpy as np
import scipy.fft
import scipy.linalg
import scipy.sparse as sp

from gbbgky_petsc.arrays import Array, ComplexArray
from gbbgky_petsc.discrete.kronecker import KroneckerProduct, add_antisymmetrised
from gbbgky_petsc.fields import ONE_BODY, PAIR, Fields, Rate, State
from gbbgky_petsc.terms.base import PairTerm, register
from gbbgky_petsc.terms.setting import Point, Setting, Waves


@register
class Collective(PairTerm):
    """rho'_theta int dz' V'(z-z') m~_theta'(z') - rho'_theta' int dz' V'(z-z') m_theta(z'), eq. (SA.3)."""

    name = "collective"
    reads = (ONE_BODY, PAIR)

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

    def mean_force(self, moment: Array) -> Array:
        """int dz' V'(z - z') moment(z'), (Nz, N)."""
        spectrum = scipy.fft.rfft(moment, n=self._length, axis=0)
        return scipy.fft.irfft(self._symbol[:, None] * spectrum, n=self._length, axis=0)[: self.mesh.z_points]

    def add(self, point: Point, x: State, out: Rate) -> None:
        self._add(x, point.slope, out)

    def add_response(self, point: Point, x: State, change: Array, out: Rate) -> None:
        self._add(x, self.mesh.theta_derivative @ change, out)

    def _add(self, x: State, slope: Array, out: Rate) -> None:
        """The term with ``slope`` (N,) in the place of rho'."""
        own = self.fields.slab().planes
        m, m_mirror = (self.mean_force(moment)[own] for moment in x.moments)
        add_antisymmetrised(slope, m, m_mirror, out[PAIR])

    def summands(self, point: Point) -> list[KroneckerProduct]:
        kernel, points = self.mesh.z_spacing * self.setting.force_kernel, self.mesh.z_points
        if self.mesh.wraps:
            z = scipy.linalg.circulant(kernel)
        else:
            z = scipy.linalg.toeplitz(kernel[points - 1 :], kernel[points - 1 :: -1])
        pull, one = self._pull(point), np.eye(self.mesh.theta_points)
        return [KroneckerProduct(sp.csr_matrix(z), pull, one), KroneckerProduct(sp.csr_matrix(-z), one, pull)]

    @staticmethod
    def _pull(point: Point) -> Array:
        """rho' (x) int, (N, N)."""
        return point.slope[:, None] * np.full(point.slope.size, point.background.weight)

    @staticmethod
    def symbol(point: Point, waves: Waves) -> ComplexArray:
        return -waves.mean_force[:, None, None] * Collective._pull(point)
