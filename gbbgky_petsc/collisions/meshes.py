"""The two theta-meshes on which theta and theta' of the stationary correlations live."""

from functools import cached_property

import numpy as np

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.discrete.mesh import PhaseSpaceMesh, conservative_derivative


class MeshPair:
    """theta on the nodes of the phase-space mesh, theta' on the same nodes or, ``staggered``, half-way between them.

    The stationary correlations have the denominators ik(v - v') + O(k^2 D): a principal value whose layer
    |v - v'| ~ k D is far narrower than any affordable mesh. With theta = theta' among the nodes the sum over theta'
    leaves that one node out of the principal value, an error of first order in the spacing (10 % of the rate on 48
    points); with theta' half-way between, the sum converges as fast as the smooth part of the integrand allows
    and what remains is of the order of the layer's width over the width of rho.
    """

    def __init__(self, mesh: PhaseSpaceMesh, staggered: bool) -> None:
        self.mesh, self.staggered = mesh, staggered
        self.weight = mesh.theta_weight
        self.theta = mesh.theta
        self.other = mesh.theta + 0.5 * mesh.theta_weight if staggered else mesh.theta
        self.derivative = mesh.theta_derivative

    @cached_property
    def other_derivative(self) -> Array:
        """(N, N) d/dtheta' on the second mesh."""
        if not self.staggered:
            return self.derivative
        return conservative_derivative(self.other, self.mesh.theta_max)

    @cached_property
    def to_other(self) -> Array:
        """(N, N) Fourier interpolation to the second mesh."""
        n = self.mesh.theta_points
        return self._shift(0.5) if self.staggered else np.eye(n)

    @cached_property
    def from_other(self) -> Array:
        """(N, N) Fourier interpolation to the first mesh, corrected to keep the sums of f and of theta f.

        The correction, of rank two, acts on the highest Fourier modes only. It makes momentum and energy exact
        invariants of a collision integral that averages over both roles of the meshes.
        """
        n = self.mesh.theta_points
        if not self.staggered:
            return np.eye(n)
        P = self._shift(-0.5)
        here = np.stack([np.ones(n), self.theta], axis=1)
        there = np.stack([np.ones(n), self.other], axis=1)
        spread = np.exp(-0.5 * (self.theta / (0.25 * self.mesh.theta_max)) ** 2)[:, None] * here
        dual = spread @ np.linalg.inv(here.T @ spread)
        for _ in range(2):  # the second sweep removes the rounding of the first
            P = P + dual @ (there.T - here.T @ P)
        return P

    def _shift(self, cells: float) -> Array:
        """Translation of the trigonometric interpolant: row i holds its value at theta_i + cells * spacing."""
        n = self.mesh.theta_points
        modes = np.fft.fftfreq(n, 1.0 / n)
        phase = np.exp(2j * np.pi * modes * cells / n)
        if n % 2 == 0:
            phase[n // 2] = np.cos(np.pi * cells)
        return np.fft.ifft(phase[:, None] * np.fft.fft(np.eye(n), axis=0), axis=0).real
