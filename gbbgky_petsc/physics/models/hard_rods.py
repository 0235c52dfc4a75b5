"""Classical hard rods of length a."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.physics.models.base import Background, IntegrableModel
from gbbgky_petsc.physics.models.operators import Distance, LowRank, Operator, structured


class RodBackground(Background):
    """Background of hard rods: its properties in closed form, kappa = 1 - a int rho."""

    model: "HardRods"

    @cached_property
    def rotation_inverse(self) -> Array:
        """(N, N) (R^t)^-1 = 1 - a rho int."""
        return np.eye(self.theta.size) - (self.model.length * self.weight) * self.rho[:, None]

    @cached_property
    def kernel_dressed(self) -> Array:
        """(N, N) T^dr = -a kappa/2 pi."""
        return np.full((self.theta.size, self.theta.size), -self.model.length * self._kappa / (2.0 * np.pi))

    def _one_and(self, factor: float, diagonal: float = 1.0) -> LowRank:
        """diagonal + factor rho int, rank one."""
        n = self.theta.size
        return LowRank(np.full(n, diagonal), factor * self.rho[:, None], np.full((1, n), self.weight))

    @cached_property
    def _kappa(self) -> float:
        return 2.0 * np.pi * float(self.density_of_states[0])

    @cached_property
    def flux_operator(self) -> Operator:
        """v + (a/kappa) [rho v int - rho int theta], rank two."""
        columns = (self.model.length / self._kappa) * np.stack([self.rho * self.velocity, -self.rho], axis=1)
        rows = self.weight * np.stack([np.ones_like(self.theta), self.theta])
        return structured(self.flux_jacobian, LowRank(self.velocity, columns, rows))

    @cached_property
    def diffusion_operator(self) -> Operator:
        """a^2/(2 kappa) [int |theta - alpha| rho - rho int |theta - alpha|], by running sums."""
        column = -(self.model.length**2) / (2.0 * self._kappa) * self.weight**2 * self.rho
        return structured(self.diffusion, Distance(np.diag(self.diffusion).copy(), column))

    @cached_property
    def response_operator(self) -> Operator:
        """kappa^2 - 2 a kappa rho int."""
        form = self._one_and(-2.0 * self.model.length * self._kappa, self._kappa**2)
        return structured(self.charge_response, form)

    @cached_property
    def rotation_operator(self) -> Operator:
        """1 + (a/kappa) rho int."""
        return structured(self.rotation, self._one_and(self.model.length / self._kappa))

    @cached_property
    def rotation_inverse_operator(self) -> Operator:
        """1 - a rho int."""
        return structured(self.rotation_inverse, self._one_and(-self.model.length))


@dataclass(frozen=True)
class HardRods(IntegrableModel):
    """Hard rods of length a and mass 1: p = theta, e = theta^2/2, T = -a/2 pi, f = 1."""

    length: float

    @property
    def contact_length(self) -> float:
        return self.length

    def scattering_kernel(self, difference: Array) -> Array:
        return np.full_like(difference, -self.length / (2.0 * np.pi))

    def density_bound(self) -> float:
        return 1.0 / self.length if self.length > 0.0 else np.inf

    def background(self, theta: Array, weight: float, rho: Array) -> Background:
        """Closed forms (no dressing equations to solve); see `IntegrableModel.background`."""
        a = self.length
        one = np.eye(theta.size)
        integral = np.full((1, theta.size), weight)  # int dtheta as a row
        density = weight * rho.sum()
        current = weight * (theta * rho).sum()
        kappa = 1.0 - a * density  # free fraction of the line
        v = (theta - a * current) / kappa
        column = rho[:, None]
        distance = np.abs(theta[:, None] - theta[None, :])
        crossing = weight * distance @ rho  # int |theta - alpha| rho(alpha)
        return RodBackground(
            model=self,
            theta=theta,
            weight=weight,
            rho=rho,
            density_of_states=np.full(theta.size, kappa / (2.0 * np.pi)),
            velocity=v,
            rotation=one + (a / kappa) * column * integral,
            flux_jacobian=np.diag(v) + (a / kappa) * column * (v[:, None] - theta[None, :]) * integral,
            diffusion=a**2 / (2.0 * kappa) * (np.diag(crossing) - column * weight * distance),
            covariance=np.diag(rho) - a * (2.0 - a * density) * column * (weight * rho)[None, :],
            charge=kappa**2 * rho,
            charge_response=kappa**2 * one - 2.0 * a * kappa * column * integral,
            charge_response_printed=kappa * (one - a * column * integral),
        )
