"""Preconditioner: the exact inverse of the translation-invariant part, one Lyapunov equation per wavenumber.

On a periodic mesh streaming, diffusion and collective act on the discrete Fourier transform G_k of g as
-(M_k G_k + G_k M_k^H) with

    M_k = i s1 A + s2 D - i s1 V_k rho' (x) int,      s1, s2 the symbols of the z-stencils,

so (shift + M_k . + . M_k^H)^-1 costs four matrix products after one eigen-decomposition of M_k. The coupling
to rho is eliminated exactly: with J = [[shift - R, -B], [-Q, shift - L]], R from sources of layer 1 if there are any,
the Schur complement shift - R - B (shift - L)^-1 Q is an (N, N) matrix, assembled from the same decompositions. Contact
and the ends of the z-domain are left to the Krylov method. Linear invariants (number, momentum, energy) of J are some
of the preconditioner too, so that Krylov iterates keep them whatever the tolerance.
"""

from collections.abc import Sequence

import numpy as np
from mpi4py import MPI
from petsc4py import PETSc

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.discrete.kronecker_sum import KroneckerSumInverse
from gbbgky_petsc.equations.linearisation import Linearisation
from gbbgky_petsc.fields import Fields, Wavenumbers
from gbbgky_petsc.solvers.frozen import FrozenInverse, FrozenPC
from gbbgky_petsc.terms import Point, Setting, Term, Waves, total_symbol


class Coupled(FrozenInverse):
    """The inverse of J described above, for vectors (one-body, g) of a hierarchy.

    Parameters
    ----------
    setting, fields
        Discrete equations and layout of the vectors.
    terms
        The implicit terms, which give their symbols.
    """

    def __init__(self, setting: Setting, fields: Fields, terms: Sequence[Term]) -> None:
        mesh = setting.mesh
        self._fields, self._terms = fields, terms
        self._mesh = mesh
        self.wavenumbers = Wavenumbers(fields)
        own = self.wavenumbers.k_range
        k = np.arange(own.start, own.stop)
        self._waves = Waves.of_mesh(setting, own)
        force = np.fft.rfft(setting.force)
        self._force = force[own]  # source V' on the mesh
        both = np.where((k == 0) | (2 * k == mesh.z_points), 1.0, 2.0)  # k and -k
        self._one_body_weight = both * mesh.z_spacing / mesh.z_points * self._force.conj()
        self.shift = np.nan

    def decompose(self, point: Point) -> None:
        """New decompositions at the point's rho."""
        mesh, background = self._mesh, point.background
        self._background = background
        self._slope = point.slope
        self._inverse = KroneckerSumInverse.of(total_symbol(self._terms, point, self._waves))
        direct = [t for t in (term.one_body_tangent(point) for term in self._terms) if t is not None]
        self._direct = np.sum(direct, axis=0) if direct else np.zeros((mesh.theta_points,) * 2)
        # int dtheta' of X G X^H is X (G y)
        self._y = mesh.theta_weight * self._inverse.vectors_h.sum(axis=2)
        self._slope_modes = self._inverse.vectors_inverse @ self._slope
        self._charge_modes = self._inverse.vectors_inverse @ background.charge
        self.rho = point.rho.copy()
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
        self._schur = np.linalg.inv(shift * np.eye(n) - self._direct - mesh.theta_derivative @ total)

    def solve(self, one_body: Array, pair: Array) -> tuple[Array, Array]:
        inverse, background = self._inverse, self._background
        spectrum = self.wavenumbers.forward(pair)
        pull = np.zeros(self._mesh.theta_points)
        for k in range(self._force.size):
            modes = inverse.to_modes(k, spectrum[k])
            modes *= self._denominator[k]
            spectrum[k] = modes
            y, X = self._y[k], inverse.vectors[k]
            moment = X @ (modes @ y) - X.conj() @ (y.conj() @ modes)  # m - m~, see `terms.CorrelationForce`
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

    def build(self, pc: PETSc.PC, at: Linearisation) -> Coupled:
        return Coupled(at.setting, at.fields, at.terms)
