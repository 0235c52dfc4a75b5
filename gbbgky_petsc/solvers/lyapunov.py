"""Preconditioner: the exact inverse of the translation-invariant part, one Lyapunov equation per wavenumber.

On a periodic mesh streaming, diffusion and collective act on the discrete Fourier transform G_k of g as
-(M_k G_k + G_k M_k^H) with

    M_k = i s1 A + s2 D - i s1 V_k rho' (x) int,      s1, s2 the symbols of the z-stencils,

so (shift + M_k . + . M_k^H)^-1 costs four matrix products after one eigen-decomposition of M_k. The coupling
to rho is eliminated exactly: with J = [[shift, -B], [-Q, shift - L]] the Schur complement shift - B (shift - L)^-1 Q
is an (N, N) matrix, assembled from the same decompositions. Contact and the ends of the z-domain are left to the
Krylov method. Every linear invariant (number, momentum, energy) of J is one of the preconditioner too, so that
Krylov iterates keep them whatever the tolerance.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray
from petsc4py import PETSc

from gbbgky_petsc.errors import SolverError
from gbbgky_petsc.fields import Fields, Wavenumbers
from gbbgky_petsc.physics.models import Background
from gbbgky_petsc.solvers.frozen import FrozenInverse, FrozenPC
from gbbgky_petsc.terms import Setting

if TYPE_CHECKING:
    from gbbgky_petsc.equations.hierarchy import Jacobian

Array = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]


@dataclass(frozen=True)
class KroneckerSumInverse:
    """Decompositions X diag(lambda) X^-1 of matrices M_k: solves (shift + M_k . + . M_k^H) G = F for each k.

    Attributes
    ----------
    eigenvalues : (K, N)
    vectors, vectors_inverse : (K, N, N)
    vectors_h, inverse_h : (K, N, N) their Hermitian conjugates, stored for contiguous products
    """

    eigenvalues: ComplexArray
    vectors: ComplexArray
    vectors_inverse: ComplexArray
    vectors_h: ComplexArray
    inverse_h: ComplexArray

    @classmethod
    def of(cls, matrices: ComplexArray) -> "KroneckerSumInverse":
        """Decompose (K, N, N) matrices.

        Raises
        ------
        SolverError
            If eigenvectors are too close to parallel (reconstruction error above 1e-6).
        """
        eigenvalues, vectors = np.linalg.eig(matrices)
        inverse = np.linalg.inv(vectors)
        rebuilt = (vectors * eigenvalues[:, None, :]) @ inverse
        scale = np.abs(matrices).max(initial=1e-300)
        error = np.abs(rebuilt - matrices).max(initial=0.0) / scale
        if not error < 1e-6:
            raise SolverError(f"lyapunov: an eigenbasis of M_k is numerically singular (error {error:.1e})")

        def conjugate(x: ComplexArray) -> ComplexArray:
            return np.ascontiguousarray(x.conj().swapaxes(1, 2))

        return cls(eigenvalues, vectors, inverse, conjugate(vectors), conjugate(inverse))

    def denominators(self, shift: float) -> ComplexArray:
        """1/(shift + lambda_i + conj lambda_j), (K, N, N)."""
        pair = self.eigenvalues[:, :, None] + self.eigenvalues[:, None, :].conj()
        pair += shift
        return np.reciprocal(pair, out=pair)

    def to_modes(self, k: int, matrix: ComplexArray) -> ComplexArray:
        """X^-1 F X^-H for the k-th matrix."""
        return self.vectors_inverse[k] @ matrix @ self.inverse_h[k]

    def from_modes(self, k: int, matrix: ComplexArray) -> ComplexArray:
        """X G X^H for the k-th matrix."""
        return self.vectors[k] @ matrix @ self.vectors_h[k]


class OneBodyStreaming:
    """M_k = i s1 A + s2 D, less the collective term if it is kept, with the symbols of the z-stencil.

    Parameters
    ----------
    setting
        Discrete equations.
    k
        This rank's wavenumbers, by number.
    collective
        Whether the collective term is part of the equations.
    """

    def __init__(self, setting: Setting, k: slice, collective: bool) -> None:
        self._mesh, self._collective = setting.mesh, collective
        mesh = setting.mesh
        phase = 2.0 * np.pi * np.arange(k.start, k.stop) / mesh.z_points
        self._s1 = mesh.stencil.first_symbol(phase)
        self._s2 = mesh.stencil.second_symbol(phase)
        # i s1 V_k of the convolution; on a mesh that does not wrap the cyclic one stands in for it
        at_origin = np.roll(setting.force, -int(np.argmin(np.abs(mesh.z))))
        self._mean_force = np.where(self._s1 == 0.0, 0.0, mesh.z_spacing * np.fft.rfft(at_origin)[k])

    def at(self, background: Background) -> ComplexArray:
        """M_k at the background's rho, (K, N, N)."""
        M = 1j * self._s1[:, None, None] * background.flux_jacobian + self._s2[:, None, None] * background.diffusion
        if self._collective:
            slope = self._mesh.theta_derivative @ background.rho
            pull = slope[:, None] * np.full(self._mesh.theta_points, self._mesh.theta_weight)
            M = M - self._mean_force[:, None, None] * pull
        return np.asarray(M)


class Coupled(FrozenInverse):
    """The inverse of J described above, for vectors (one-body, g) of a hierarchy.

    Parameters
    ----------
    setting, fields
        Discrete equations and layout of the vectors.
    collective
        Whether the collective term is part of the equations.
    """

    def __init__(self, setting: Setting, fields: Fields, collective: bool) -> None:
        mesh = setting.mesh
        self._fields = fields
        self._mesh = mesh
        self.wavenumbers = Wavenumbers(fields)
        own = self.wavenumbers.k_range
        k = np.arange(own.start, own.stop)
        self._streaming = OneBodyStreaming(setting, own, collective)
        force = np.fft.rfft(setting.force)
        self._force = force[own]  # source V' on the mesh
        both = np.where((k == 0) | (2 * k == mesh.z_points), 1.0, 2.0)  # k and -k
        self._one_body_weight = both * mesh.z_spacing / mesh.z_points * self._force.conj()
        self.shift = np.nan

    def decompose(self, background: Background) -> None:
        """New decompositions at the background's rho. Not collective."""
        mesh = self._mesh
        self._background = background
        self._slope = mesh.theta_derivative @ background.rho
        self._inverse = KroneckerSumInverse.of(self._streaming.at(background))
        # int dtheta' of X G X^H is X (G y)
        self._y = mesh.theta_weight * self._inverse.vectors_h.sum(axis=2)
        self._slope_modes = self._inverse.vectors_inverse @ self._slope
        self._charge_modes = self._inverse.vectors_inverse @ background.charge
        self.rho = background.rho.copy()
        self.shift = np.nan

    def describe(self) -> str:
        return f"Lyapunov inverse per wavenumber: {self.wavenumbers.count} wavenumbers"

    def set_shift(self, shift: float) -> None:
        """Denominators and the Schur complement for a new shift. Collective."""
        if shift == self.shift:
            return
        self.shift = shift
        mesh, inverse = self._mesh, self._inverse
        self._denominator = inverse.denominators(shift)
        n = mesh.theta_points
        along_slope, along_change = np.zeros((2, n, n))
        for k in range(self._force.size):
            Xi, r, c, y = inverse.vectors_inverse[k], self._slope_modes[k], self._charge_modes[k], self._y[k]
            weighted = self._denominator[k] * y[None, :]
            paired = weighted @ Xi.conj()
            scale = self._force[k] * self._one_body_weight[k]
            # source V' [d(delta rho) c + rho' (K delta rho) - transposed], seen by int dtheta'
            by_slope = (weighted @ c.conj())[:, None] * Xi - c[:, None] * paired
            by_response = r[:, None] * paired - (weighted @ r.conj())[:, None] * Xi
            along_slope += (scale * (inverse.vectors[k] @ by_slope)).real
            along_change += (scale * (inverse.vectors[k] @ by_response)).real
        total = along_slope @ mesh.theta_derivative + along_change @ self._background.charge_response
        self._fields.comm.Allreduce(MPI.IN_PLACE, total)
        self._schur = np.linalg.inv(shift * np.eye(n) - mesh.theta_derivative @ total)

    def solve(self, one_body: Array, pair: Array) -> tuple[Array, Array]:
        inverse, background = self._inverse, self._background
        spectrum = self.wavenumbers.forward(pair)
        pull = np.zeros(self._mesh.theta_points)
        for k in range(self._force.size):
            modes = inverse.to_modes(k, spectrum[k])
            modes *= self._denominator[k]
            spectrum[k] = modes
            y, X = self._y[k], inverse.vectors[k]
            moment = X @ (modes @ y) - X.conj() @ (y.conj() @ modes)  # m - m~, see `terms.OneBody`
            pull += 0.5 * (self._one_body_weight[k] * moment).real
        self._fields.comm.Allreduce(MPI.IN_PLACE, pull)
        change = self._schur @ (one_body[:-1] + self._mesh.theta_derivative @ pull)

        slope_change = self._mesh.theta_derivative @ change
        charge_change = background.charge_response @ change
        for k in range(self._force.size):
            Xi = inverse.vectors_inverse[k]
            ds, dc, r, c = Xi @ slope_change, Xi @ charge_change, self._slope_modes[k], self._charge_modes[k]
            left = np.stack([ds, r, -c, -dc], axis=1)
            right = np.stack([c, dc, ds, r]).conj()
            source = left @ right
            source *= self._force[k] * self._denominator[k]
            source += spectrum[k]
            spectrum[k] = inverse.from_modes(k, source)
        return np.append(change, one_body[-1] / self.shift), self.wavenumbers.backward(spectrum)


class LyapunovPC(FrozenPC):
    """PETSc preconditioner of type python: `Coupled` at a frozen rho.

    Options (with the prefix of the solver)
    -------
    -pc_lyapunov_refresh : as in `FrozenPC`
    """

    name = "lyapunov"

    def build(self, pc: PETSc.PC, jacobian: "Jacobian") -> Coupled:
        hierarchy = jacobian.hierarchy
        return Coupled(hierarchy.setting, hierarchy.fields, hierarchy.has("collective"))
