"""The effective velocity v(theta) at many places at once."""

from typing import Protocol

import numpy as np

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.errors import SolverError
from gbbgky_petsc.flow.kernels import rod_velocity
from gbbgky_petsc.physics.models import HardRods, IntegrableModel


class Velocity(Protocol):
    """From rho to v, both (M, N)."""

    def __call__(self, rho: Array) -> Array:
        """v, overwritten by the next call."""


def velocity_of(model: IntegrableModel, theta: Array, weight: float) -> Velocity:
    """The closed form for hard rods, dressing for every other model."""
    return RodVelocity(model, theta, weight) if isinstance(model, HardRods) else DressedVelocity(model, theta, weight)


class RodVelocity:
    """v = (theta - a J)/(1 - a q)."""

    def __init__(self, model: HardRods, theta: Array, weight: float) -> None:
        self._length, self._theta, self._weight = model.length, theta, weight
        self._v = np.empty((0, theta.size))

    def __call__(self, rho: Array) -> Array:
        if self._v.shape != rho.shape:
            self._v = np.empty_like(rho)
        rod_velocity(rho, self._theta, self._weight, self._length, self._v)
        return self._v


class DressedVelocity:
    """2 pi rho_s v = e' + 2 pi T (rho v), 2 pi rho_s = 1 + 2 pi T rho, by conjugate gradients from the last v.

    In the scalar product of weight rho the operator is symmetric; its preconditioner is 1/2 pi rho_s. An iteration is
    one matrix product for all places. int v rho = int e' rho holds to the tolerance, which makes energy an invariant.

    Parameters
    ----------
    model
        Any Galilean model.
    theta, weight
        (N,) uniform rapidities and their spacing.
    tolerance
        Of the residual, relative to the largest e'.
    """

    def __init__(self, model: IntegrableModel, theta: Array, weight: float, tolerance: float = 1e-11) -> None:
        self._kernel = 2.0 * np.pi * weight * model.scattering_kernel(theta[:, None] - theta[None, :])
        self._bare = model.energy_derivative(theta)
        self._tolerance = tolerance * float(np.abs(self._bare).max())
        self._v = np.empty((0, theta.size))

    def __call__(self, rho: Array) -> Array:
        """See `Velocity`.

        Raises
        ------
        SolverError
            If the iteration does not converge: a filling of 1 or beyond.
        """
        if self._v.shape != rho.shape:
            self._v = np.broadcast_to(self._bare, rho.shape).copy()
        v, T = self._v, self._kernel
        states = 1.0 + rho @ T
        residual = self._bare + (rho * v) @ T - states * v
        direction = residual / states
        size = np.einsum("ij,ij,ij->i", rho, residual, direction)
        for _ in range(200):
            if np.abs(residual).max() <= self._tolerance:
                break
            image = states * direction - (rho * direction) @ T
            curvature = np.einsum("ij,ij,ij->i", rho, direction, image)
            usable = (curvature > 0.0) & (size > 0.0)
            step = np.where(usable, size / np.where(usable, curvature, 1.0), 1.0)[:, None]
            v += step * direction
            residual -= step * image
            z = residual / states
            old, size = size, np.einsum("ij,ij,ij->i", rho, residual, z)
            ratio = np.where(usable, size / np.where(usable, old, 1.0), 0.0)[:, None]
            direction = z + ratio * direction
        else:
            raise SolverError(f"effective velocity: residual {np.abs(residual).max():.1e} after 200 iterations")
        v += residual / states  # right too where rho = 0, which the scalar product does not see
        return v
