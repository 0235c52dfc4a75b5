"""Dressed quantities of the integrable model that collisions of three quasiparticles need."""

from dataclasses import dataclass

import numpy as np

from gbbgky_petsc.discrete.mesh import Array
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.physics.models import IntegrableModel


@dataclass(frozen=True)
class Dressed:
    """A homogeneous state in terms of its fillings (theory of GHD).

    Attributes
    ----------
    rho, states, filling : (N,) rho, rho_s and n = rho/rho_s
    occupation : (N,) n f with the statistical factor f
    occupation_slope : (N,) d(n f)/dn
    unit : (N,) 1^dr = 2 pi rho_s
    velocity, velocity_slope : (N,) effective velocity v and dv/dtheta
    kernel : (N, N) T^dr as an operator, quadrature weight included
    bare_kernel : (N, N) T as an operator
    rotation, rotation_inverse : (N, N) R^t = 1 - n T and its inverse
    """

    rho: Array
    states: Array
    filling: Array
    occupation: Array
    occupation_slope: Array
    unit: Array
    velocity: Array
    velocity_slope: Array
    kernel: Array
    bare_kernel: Array
    rotation: Array
    rotation_inverse: Array

    @classmethod
    def of(cls, model: IntegrableModel, theta: Array, weight: float, rho: Array, derivative: Array) -> "Dressed":
        """Dress the model at rho, (N,) on uniform theta; ``derivative`` (N, N) is d/dtheta on densities.

        Raises
        ------
        InputError
            Where the effective velocity does not grow with theta: quasiparticles of equal velocity and different theta
            have no finite amplitude.
        """
        T = weight * model.scattering_kernel(theta[:, None] - theta[None, :])
        states = 1.0 / (2.0 * np.pi) + T @ rho
        n = rho / states
        R_inverse = np.linalg.inv(np.eye(theta.size) - T * n[None, :])
        drive = model.energy_derivative(theta)
        unit, flow = R_inverse @ np.ones_like(theta), R_inverse @ drive
        kernel = R_inverse @ T
        kernel = 0.5 * (kernel + kernel.T)
        v = flow / unit
        # T depends on differences: (h^dr)' = (h')^dr + T^dr n' h^dr
        n_slope = derivative @ n
        bend = R_inverse @ np.gradient(drive, weight) + kernel @ (n_slope * flow)
        v_slope = (bend - v * (kernel @ (n_slope * unit))) / unit
        if np.diff(v).min() <= 0.0:
            at = theta[int(np.diff(v).argmin())]
            raise InputError(
                f"state: effective velocity falls with theta at {at:.3g}; encounters of three: allowed where it grows"
            )
        f = model.statistics.factor(n)
        Rt = np.eye(theta.size) - n[:, None] * T
        return cls(
            rho, states, n, n * f, model.statistics.variance_slope(n), unit, v, v_slope, kernel, T, Rt, R_inverse.T
        )  # fmt: skip

    def filling_response(self) -> Array:
        """dn/drho, (N, N)."""
        return np.asarray(self.rotation / self.states[:, None])

    def velocity_response(self, by_filling: Array) -> Array:
        """dv/drho, (N, N), from dn/drho: delta h^dr = T^dr h^dr delta n."""
        u, v = self.unit, self.velocity
        by_n = self.kernel * (u * v)[None, :] - v[:, None] * self.kernel * u[None, :]
        return np.asarray((by_n / u[:, None]) @ by_filling)
