"""What an integrable model supplies, and the generic dressing route to it (theory of GHD).

Kernels become matrices on a uniform rapidity mesh of spacing ``weight``: an integral operator
(K phi)(theta) = int dalpha K(theta, alpha) phi(alpha) is the matrix with the weight included, so that
operators compose by matrix products and delta functions are the identity.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.errors import StateError
from gbbgky_petsc.physics.models.operators import Dense, Operator
from gbbgky_petsc.physics.statistics import Classical, Statistics


@dataclass(frozen=True)
class Background:
    """The integrable model linearised around a homogeneous density rho(theta).

    What every equation needs is computed at once, the properties when first asked for.

    Attributes
    ----------
    model : the model itself
    theta, weight : (N,) rapidities and their spacing
    rho : (N,) quasiparticle density
    density_of_states : (N,) rho_s = (p')^dr/2 pi
    velocity : (N,) effective velocity v = (e')^dr/(p')^dr
    rotation : (N, N) R^t = 1 - nT, to normal modes
    flux_jacobian : (N, N) A = (R^t)^-1 v R^t
    diffusion : (N, N) diffusion matrix, the factor 1/2 of hydrodynamics included
    covariance : (N, N) contact covariance C = (R^t)^-1 rho f R^-1 as an operator
    charge : (N,) c = C 1
    charge_response : (N, N) K = delta c / delta rho
    charge_response_printed : (N, N) (R^t)^-1 f 1^dr, the closure of eq. (SC.1)
    """

    model: "IntegrableModel"
    theta: Array
    weight: float
    rho: Array
    density_of_states: Array
    velocity: Array
    rotation: Array
    flux_jacobian: Array
    diffusion: Array
    covariance: Array
    charge: Array
    charge_response: Array
    charge_response_printed: Array

    @cached_property
    def flux_operator(self) -> Operator:
        """`flux_jacobian` as it acts; models override this and its like where there is a cheaper form."""
        return Dense(self.flux_jacobian)

    @cached_property
    def diffusion_operator(self) -> Operator:
        """`diffusion` as it acts."""
        return Dense(self.diffusion)

    @cached_property
    def response_operator(self) -> Operator:
        """`charge_response` as it acts."""
        return Dense(self.charge_response)

    @cached_property
    def rotation_operator(self) -> Operator:
        """`rotation` as it acts."""
        return Dense(self.rotation)

    @cached_property
    def rotation_inverse_operator(self) -> Operator:
        """`rotation_inverse` as it acts."""
        return Dense(self.rotation_inverse)

    @cached_property
    def filling(self) -> Array:
        """(N,) n = rho/rho_s."""
        return self.rho / self.density_of_states

    @cached_property
    def statistical_factor(self) -> Array:
        """(N,) f(n): 1 for classical, 1 - n for fermionic, 1 + n for bosonic quasiparticles."""
        return self.model.statistics.factor(self.filling)

    @cached_property
    def unit_dressed(self) -> Array:
        """(N,) 1^dr = (p')^dr = 2 pi rho_s, the length of line that a unit of free coordinate takes."""
        return 2.0 * np.pi * self.density_of_states

    @cached_property
    def rotation_inverse(self) -> Array:
        """(N, N) (R^t)^-1 = (1 - nT)^-1 as an operator; its transpose dresses, h^dr = (1 - Tn)^-1 h."""
        return np.linalg.inv(self.rotation)

    @cached_property
    def kernel_dressed(self) -> Array:
        """(N, N) T^dr(theta, alpha) = (1 - Tn)^-1 T = T (1 - nT)^-1: a symmetric function, no weight included."""
        kernel = self.model.scattering_kernel(self.theta[:, None] - self.theta[None, :])
        return kernel @ self.rotation_inverse


#: filling, relative to its maximum, below which the entropy's gradient does not follow it
EMPTY = 1e-12


class IntegrableModel(ABC):
    """A Galilean-invariant integrable gas: p' = 1, e' = theta/mass and T a function of theta - alpha.

    A subclass must give `scattering_kernel`; `statistics`, `mass` and `density_bound` where they differ from those of
    classical particles of mass 1.
    """

    statistics: Statistics = Classical()
    #: e = theta^2/(2 mass): the hierarchy's force terms assume a Galilean gas
    mass: float = 1.0

    @abstractmethod
    def scattering_kernel(self, difference: Array) -> Array:
        """T(theta - alpha), even, already divided by 2 pi; same shape as ``difference``."""

    @property
    def contact_length(self) -> float:
        """Scattering length 2 pi |T(0)| that sets the rescaled time (the rod length for hard rods)."""
        return 2.0 * np.pi * abs(float(self.scattering_kernel(np.zeros(1))[0]))

    def energy(self, theta: Array) -> Array:
        """Bare energy e(theta)."""
        return theta**2 / (2.0 * self.mass)

    def energy_derivative(self, theta: Array) -> Array:
        """e'(theta), the bare velocity since p' = 1: 2 theta for Lieb-Liniger."""
        return theta / self.mass

    def density_bound(self) -> float:
        """Densities must stay below this (infinite unless the quasiparticles have a size)."""
        return np.inf

    def density_of_states(self, theta: Array, weight: float, rho: Array) -> Array:
        """rho_s = (p')^dr/2 pi = 1/2 pi + T rho; same shape as rho, (..., N)."""
        kernel = self.scattering_kernel(theta[:, None] - theta[None, :])
        return 1.0 / (2.0 * np.pi) + weight * rho @ kernel  # T is even

    def filling(self, theta: Array, weight: float, rho: Array) -> Array:
        """n = rho/rho_s; same shape as rho, (..., N)."""
        return rho / self.density_of_states(theta, weight, rho)

    def entropy(self, theta: Array, weight: float, rho: Array) -> float:
        """Yang-Yang entropy per unit length, int rho_s s(n)."""
        states = self.density_of_states(theta, weight, rho)
        n = np.clip(rho / states, 0.0, self.statistics.largest_filling)
        return weight * float((states * self.statistics.entropy(n)).sum())

    def entropy_gradient(self, theta: Array, weight: float, rho: Array) -> Array:
        """Its functional derivative by rho, epsilon + T (s - n epsilon), (N,).

        Where n is below `EMPTY` of its maximum, and rounding all there is of it, epsilon is that of `EMPTY`.
        """
        n = self.filling(theta, weight, rho)
        full = self.statistics.largest_filling
        n = np.clip(n, EMPTY * float(n.max()), full * (1.0 - EMPTY) if np.isfinite(full) else np.inf)
        epsilon = self.statistics.pseudo_energy(n)
        kernel = self.scattering_kernel(theta[:, None] - theta[None, :])
        return np.asarray(epsilon + weight * kernel @ (self.statistics.entropy(n) - n * epsilon))

    def fault(self, theta: Array, weight: float, rho: Array, slack: float = 1e-9) -> str | None:
        """What keeps rho from being a state of this model, in words; None if nothing does.

        States have rho_s > 0 and 0 <= n, and n <= 1 for fermionic quasiparticles; ``slack`` is what n may be out.
        """
        density_of_states = self.density_of_states(theta, weight, rho)
        if not np.all(density_of_states > 0.0):
            least, where = density_of_states.min(), theta[np.argmin(density_of_states)]
            return f"density of states reaches {least:.4g} at theta = {where:.4g}; allowed: positive"
        n, top = rho / density_of_states, self.statistics.largest_filling
        for extreme, where in ((n.min(), theta[np.argmin(n)]), (n.max(), theta[np.argmax(n)])):
            if not -slack <= extreme <= top + slack:
                allowed = "at least 0" if np.isinf(top) else f"from 0 to {top:g}"
                statistics = f"{self.statistics.name} quasiparticles"
                return f"filling reaches {extreme:.4g} at theta = {where:.4g}; allowed: {allowed} ({statistics})"
        return None

    def check_filling(self, theta: Array, weight: float, rho: Array, time: float, slack: float = 1e-3) -> None:
        """For use during a run, where steps have errors.

        Raises
        ------
        StateError
            If rho is no state of this model, see `fault`; the message tells ``time``.
        """
        fault = self.fault(theta, weight, rho, slack)
        if fault is not None:
            raise StateError(f"t = {time:g}: {fault}")

    def background(self, theta: Array, weight: float, rho: Array) -> Background:
        """Everything the hierarchy needs at density rho, by dressing (generic route).

        Parameters
        ----------
        theta, rho : (N,) uniform rapidities and density
        weight : spacing of theta

        Returns
        -------
        Background
            Quadratures are spectrally accurate, but for the kink of |v - v'| in the diffusion
            matrix, which leaves an error of fourth order in ``weight``.
        """
        one = np.eye(theta.size)
        kernel = self.scattering_kernel(theta[:, None] - theta[None, :])
        T = weight * kernel
        density_of_states = 1.0 / (2.0 * np.pi) + T @ rho
        n = rho / density_of_states
        f = self.statistics.factor(n)
        Rt = one - n[:, None] * T  # 1 - n T
        Rt_inverse = np.linalg.inv(Rt)
        R_inverse = Rt_inverse.T  # (1 - Tn)^-1: T is symmetric
        unit_dressed = R_inverse @ np.ones_like(theta)  # (p')^dr
        v = (R_inverse @ self.energy_derivative(theta)) / unit_dressed
        kernel_dressed = R_inverse @ kernel  # T^dr

        W = (rho * f)[:, None] * kernel_dressed**2 * np.abs(v[:, None] - v[None, :])
        exchange = np.diag(W.sum(axis=0)) - W  # rho_s^2 D~
        D = (0.5 * weight) * Rt_inverse @ (exchange / np.multiply.outer(density_of_states, density_of_states)) @ Rt

        c: Array = Rt_inverse.dot(rho * f * unit_dressed)
        # delta of c = n T c + 2 pi rho_s^2 n f, with delta n = R^t delta rho / rho_s
        slope = (T @ c + 2.0 * np.pi * density_of_states**2 * self.statistics.variance_slope(n)) / density_of_states
        response = Rt_inverse @ (slope[:, None] * Rt + (4.0 * np.pi * rho * f)[:, None] * T)
        return Background(
            model=self,
            theta=theta,
            weight=weight,
            rho=rho,
            density_of_states=density_of_states,
            velocity=v,
            rotation=Rt,
            flux_jacobian=Rt_inverse @ (v[:, None] * Rt),
            diffusion=D,
            covariance=Rt_inverse @ ((rho * f)[:, None] * R_inverse),
            charge=c,
            charge_response=response,
            charge_response_printed=Rt_inverse * (f * unit_dressed)[None, :],
        )
