"""Stationary correlations on the infinite line at frozen rho: one Lyapunov equation per wavenumber, theory eq. (10).

With M_k = ikA + k^2 D (``landau``, eqs. (10), (SB.8)), and - ik V_k rho' (x) int in addition (``screened``),

    M_k G_k + G_k M_k^H = ik V_k [rho' (x) c - c (x) rho'] .

After eigen-decomposition of M_k everything that the kinetic equation asks of G_k is a moment of a Cauchy-like matrix
and costs N^2; theta and theta' may live on meshes of their own (`MeshPair`).
"""

from dataclasses import dataclass

import numpy as np

from gbbgky_petsc.arrays import Array, ComplexArray
from gbbgky_petsc.collisions.meshes import MeshPair
from gbbgky_petsc.discrete.kronecker_sum import KroneckerSumInverse
from gbbgky_petsc.errors import SolverError
from gbbgky_petsc.physics.models import IntegrableModel
from gbbgky_petsc.terms import Collective, Diffusion, Point, Streaming, Waves

#: wavenumbers decomposed at a time: bounds the memory
BATCH = 16


@dataclass(frozen=True)
class State:
    """rho on both meshes with the linearised models."""

    here: Point
    there: Point

    @classmethod
    def of(cls, model: IntegrableModel, meshes: MeshPair, rho: Array) -> "State":
        """Linearise the model at rho, (N,) on the first mesh."""
        slope = meshes.derivative @ rho
        here = Point(model.background(meshes.theta, meshes.weight, rho), slope)
        if not meshes.staggered:
            return cls(here, here)
        there = model.background(meshes.other, meshes.weight, meshes.to_other @ rho)
        return cls(here, Point(there, meshes.to_other @ slope))


@dataclass(frozen=True)
class _Side:
    """M_k of one mesh in its eigenbasis, for a batch of K wavenumbers; slope, charge and int in that basis, (K, N)."""

    inverse: KroneckerSumInverse
    slope: ComplexArray
    charge: ComplexArray
    integral: ComplexArray

    @classmethod
    def of(cls, point: Point, k: Array, potential: Array, stationary: bool) -> "_Side":
        """Decompose M_k; ``potential`` (K,) is V_k of the collective term, zero without it."""
        waves = Waves.of_line(k, potential)
        M = Streaming.symbol(point, waves) + Diffusion.symbol(point, waves)
        if potential.any():
            M += Collective.symbol(point, waves)
        inverse = KroneckerSumInverse.of(M)
        growth = float(-inverse.eigenvalues.real.min(initial=0.0))
        if stationary and growth > 1e-9 * float(np.abs(inverse.eigenvalues).max(initial=0.0)):
            at = k[np.argmin(inverse.eigenvalues.real.min(axis=1))]
            if not potential.any():
                raise SolverError(f"collision integral: correlations grow at rate {growth:.2g}; rho is no density")
            raise SolverError(
                f"kinetic.kind = screened: rho is unstable (a collective mode of wavenumber {at:.3g} grows at rate "
                f"{growth:.2g}), so it has no stationary correlations; kind landau or full, or a later rho (--from)"
            )
        return cls(
            inverse,
            inverse.vectors_inverse @ point.slope,
            inverse.vectors_inverse @ point.background.charge,
            point.background.weight * inverse.vectors.sum(axis=1),
        )


def _kernel(left: ComplexArray, right: ComplexArray, time: float) -> ComplexArray:
    """(1 - e^(-s t))/s with s = lambda_i + conj mu_j, (K, N, N); 1/s for t = infinity.

    Where s vanishes (free particles at v = v', as the source) t, and 0 for t = infinity.
    """
    total = left[:, :, None] + right[:, None, :].conj()
    scale = np.abs(left).max(axis=1)[:, None, None]
    blocked = np.abs(total) < 1e-13 * scale
    total[blocked] = 1.0
    kernel = np.reciprocal(total) if np.isinf(time) else -np.expm1(-time * total) / total
    kernel[blocked] = 0.0 if np.isinf(time) else time
    return np.asarray(kernel)


def _apply(matrices: ComplexArray, vectors: ComplexArray) -> ComplexArray:
    """(K, N, N) times (K, N)."""
    return (matrices @ vectors[:, :, None])[:, :, 0]


class Correlations:
    """Moments of the stationary G_k at one rho, for any wavenumbers.

    Parameters
    ----------
    meshes, state
        theta-meshes and linearised model.
    collective
        Whether M_k has the collective term.
    stationary
        Whether the state must have stationary correlations; if not, `time` may be finite.
    """

    #: how long the correlations have built up, at the operators of the present rho (SB.4), (SB.5)
    time = np.inf

    def __init__(self, meshes: MeshPair, state: State, collective: bool, stationary: bool = True) -> None:
        self.state, self._stationary = state, stationary
        self._meshes, self._collective = meshes, collective
        self._known: dict[bytes, tuple[_Side, _Side]] = {}

    def _sides(self, k: Array, potential: Array) -> tuple[_Side, _Side]:
        """Decompositions for both meshes, kept for the derivatives at the same rho."""
        key = k.tobytes()
        if key not in self._known:
            pull = potential if self._collective else np.zeros_like(potential)
            here = _Side.of(self.state.here, k, pull, self._stationary)
            there = _Side.of(self.state.there, k, pull, self._stationary) if self._meshes.staggered else here
            self._known[key] = (here, there)
        return self._known[key]

    def moments(self, k: Array, potential: Array) -> tuple[Array, Array]:
        """What rho and the densities see of G_k at wavenumbers k (K,) with V_k = ``potential`` (K,).

        Returns
        -------
        force : (K, N)
            k V_k Im int dtheta' G_k, made antisymmetric in the roles of the two meshes.
        density : (K,)
            Re int int G_k.
        """
        parts = [self._moments(k[i : i + BATCH], potential[i : i + BATCH]) for i in range(0, k.size, BATCH)]
        forces, densities = zip(*parts, strict=True) if parts else ((), ())
        n = self._meshes.theta.size
        return np.concatenate([np.empty((0, n)), *forces]), np.concatenate([np.empty(0), *densities])

    def _moments(self, k: Array, potential: Array) -> tuple[Array, Array]:
        a, b = self._sides(k, potential)
        kernel = _kernel(a.inverse.eigenvalues, b.inverse.eigenvalues, self.time)
        mirrored = kernel.swapaxes(1, 2)
        source = (1j * k * potential)[:, None]
        over_other = a.slope * _apply(kernel, (b.charge * b.integral).conj())
        over_other -= a.charge * _apply(kernel, (b.slope * b.integral).conj())
        over_here = b.charge.conj() * _apply(mirrored, a.slope * a.integral)
        over_here -= b.slope.conj() * _apply(mirrored, a.charge * a.integral)
        m = source * _apply(a.inverse.vectors, over_other)
        m_mirror = source * _apply(b.inverse.vectors.conj(), over_here)
        difference = m.imag - m_mirror.imag @ self._meshes.from_other.T
        return 0.5 * (k * potential)[:, None] * difference, self._meshes.weight * m.real.sum(axis=1)

    def kernels(self, k: Array, potential: Array, source: Array, retarded: bool = False) -> tuple[Array, Array]:
        """`moments`' force as linear operators on the slope and on the charge, at frozen M_k.

        ``retarded`` gives their derivatives by the shift sigma of (sigma + M_k . + . M_k^H) G = source (stationary G).

        Parameters
        ----------
        k, potential, source : (K,)
            Wavenumbers, V_k, and the V_k in the source.

        Returns
        -------
        by_slope, by_charge : (K, N, N)
            force = by_slope rho' = by_charge c, the second mesh being reached by interpolation.
        """
        n = self._meshes.theta.size
        by_slope, by_charge = np.empty((2, k.size, n, n))
        for i in range(0, k.size, BATCH):
            a, b = self._sides(k[i : i + BATCH], potential[i : i + BATCH])
            kernel = _kernel(a.inverse.eigenvalues, b.inverse.eigenvalues, self.time)
            if retarded:
                kernel = -(kernel**2)
            for j in range(len(kernel)):
                factor = 0.5j * k[i + j] ** 2 * potential[i + j] * source[i + j]
                s, c = self._kernels(a, b, j, kernel[j])
                by_slope[i + j] = (factor * s[0]).imag - self._meshes.from_other @ (factor * s[1]).imag
                by_charge[i + j] = (factor * c[0]).imag - self._meshes.from_other @ (factor * c[1]).imag
        return by_slope, by_charge

    def _kernels(
        self, a: _Side, b: _Side, j: int, kernel: ComplexArray
    ) -> tuple[tuple[ComplexArray, ComplexArray], tuple[ComplexArray, ComplexArray]]:
        """d(int dtheta' G, int dtheta G) by the slope and by the charge, for wavenumber j of a batch and unit V_k."""
        X, X_inverse = a.inverse.vectors[j], a.inverse.vectors_inverse[j]
        Y, Y_inverse = b.inverse.vectors[j].conj(), b.inverse.vectors_inverse[j].conj()
        x, y = a.integral[j], b.integral[j].conj()
        r, c = a.slope[j], a.charge[j]
        r_other, c_other = b.slope[j].conj(), b.charge[j].conj()
        shift = self._meshes.to_other
        right, left = kernel * y[None, :], kernel.T * x[None, :]

        def pair(first: ComplexArray, second: ComplexArray) -> tuple[ComplexArray, ComplexArray]:
            """Both moments of  u (x) second - first (x) u  as matrices acting on u."""
            over_other = X @ ((right @ second)[:, None] * X_inverse)
            over_other -= (X @ (first[:, None] * right)) @ (Y_inverse @ shift)
            over_here = (Y @ (second[:, None] * left)) @ X_inverse
            over_here -= Y @ ((left @ first)[:, None] * (Y_inverse @ shift))
            return over_other, over_here

        by_slope = pair(c, c_other)
        by_charge = pair(r, r_other)
        return by_slope, (-by_charge[0], -by_charge[1])
