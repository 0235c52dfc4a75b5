"""The phase-space mesh (theta, theta', z): nodes, quadrature, derivatives and boundary in z.

theta: uniform midpoints of [-theta_max, theta_max]; the densities vanish at both ends, so the
midpoint rule and the Fourier derivative are spectrally accurate. z: uniform, symmetric under z -> -z.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Literal

import numpy as np

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.discrete.stencil import Stencil


class Boundary(StrEnum):
    """Treatment of |z| = L."""

    PERIODIC = "periodic"  #: a ring of circumference 2L
    ABSORBING = "absorbing"  #: the infinite line: correlations are damped in a layer before L
    ZERO = "zero"  #: g(+-L) = 0 with upwind outflow at the ends


def conservative_derivative(theta: Array, theta_max: float) -> Array:
    """Spectral d/dtheta, (N, N), that integrates by parts exactly against 1, theta and theta^2.

    The Fourier derivative D of the periodic interpolant fails sum_i p_i (D phi)_i = -sum_i p'_i phi_i
    for p = theta, theta^2/2 by the highest Fourier modes of phi, which are at rounding level for a
    resolved phi. A correction of rank three, spread by a Gaussian, removes the failure for every phi:
    particle number, momentum and energy are then exact invariants of the discrete equations.
    """
    n = theta.size
    offset = np.arange(n)[:, None] - np.arange(n)[None, :]
    with np.errstate(divide="ignore"):
        angle = np.pi * offset / n
        # derivative of the periodic sinc (N even) or of the Dirichlet kernel (N odd)
        entries = 0.5 * np.where(offset % 2, -1.0, 1.0) / (np.tan(angle) if n % 2 == 0 else np.sin(angle))
    D = (np.pi / theta_max) * np.where(offset == 0, 0.0, entries)

    p = np.stack([np.ones(n), theta, 0.5 * theta**2], axis=1)
    p_prime = np.stack([np.zeros(n), np.ones(n), theta], axis=1)
    spread = np.exp(-0.5 * (theta / (0.25 * theta_max)) ** 2)[:, None] * p
    dual = spread @ np.linalg.inv(p.T @ spread)  # p^T dual = 1
    for _ in range(2):  # the second sweep removes the rounding of the first
        D = D - dual @ (p_prime.T + p.T @ D)
    return D


@dataclass(frozen=True)
class PhaseSpaceMesh:
    """Mesh of the hierarchy.

    Parameters
    ----------
    theta_max, theta_points
        Rapidity window and number of midpoints N.
    z_max, z_spacing
        Half-length L of the z-domain and spacing; 2L/z_spacing must be an even whole number.
    stencil_order
        Order (2, 4 or 6) of the central differences in z.
    boundary
        Treatment of |z| = L.
    absorber_start, absorber_rate
        Layer |z| > absorber_start L in which correlations decay, at a rate (inverse time) that
        grows as the square of the depth up to absorber_rate at |z| = L.
    """

    theta_max: float
    theta_points: int
    z_max: float
    z_spacing: float
    stencil_order: Literal[2, 4, 6] = 6
    boundary: Boundary = Boundary.ABSORBING
    absorber_start: float = 0.6
    absorber_rate: float = 0.5

    @property
    def theta_weight(self) -> float:
        """Spacing and quadrature weight of theta."""
        return 2.0 * self.theta_max / self.theta_points

    @cached_property
    def theta(self) -> Array:
        """(N,) rapidities."""
        return (np.arange(self.theta_points) + 0.5) * self.theta_weight - self.theta_max

    @cached_property
    def theta_derivative(self) -> Array:
        """(N, N) d/dtheta, see `conservative_derivative`."""
        return conservative_derivative(self.theta, self.theta_max)

    @cached_property
    def z(self) -> Array:
        """(Nz,) separations: -L, ..., L - dz; for ``zero`` without -L, where g = 0."""
        points = round(2.0 * self.z_max / self.z_spacing)
        first = 1 if self.boundary is Boundary.ZERO else 0
        return (np.arange(first, points) - points // 2) * self.z_spacing

    @property
    def z_points(self) -> int:
        return self.z.size

    @property
    def wraps(self) -> bool:
        """Whether the z-stencils close on themselves."""
        return self.boundary is not Boundary.ZERO

    @cached_property
    def stencil(self) -> Stencil:
        return Stencil.central(self.stencil_order, self.z_spacing)

    @cached_property
    def absorption(self) -> Array:
        """(Nz,) damping rate of the absorbing layer; zeros for other boundaries."""
        if self.boundary is not Boundary.ABSORBING:
            return np.zeros(self.z_points)
        depth = np.abs(self.z) / self.z_max - self.absorber_start
        return self.absorber_rate * np.maximum(depth / (1.0 - self.absorber_start), 0.0) ** 2
