"""What an initial state is."""

from abc import ABC, abstractmethod

import numpy as np

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.physics.models import IntegrableModel
from gbbgky_petsc.physics.statistics import Classical


class State(ABC):
    """A homogeneous state of given density."""

    density: float

    @abstractmethod
    def profile(self, theta: Array, model: IntegrableModel) -> Array:
        """rho(theta) up to a constant factor, on a uniform mesh."""

    def sample(self, theta: Array, weight: float, model: IntegrableModel) -> Array:
        """rho(theta), (N,), normalised so that its quadrature is exactly ``density``.

        Raises
        ------
        InputError
            If the mesh sees nothing of the profile.
        """
        rho = self.profile(theta, model)
        return rho * (self.density / (weight * _seen(rho)))

    def weight_outside(self, theta_max: float, model: IntegrableModel, points: int = 200) -> float:
        """Fraction of the particles with |theta| > theta_max, seen through a window twice as wide.

        ``points`` is the number of nodes up to theta_max on either side together.

        Raises
        ------
        InputError
            If that mesh sees nothing of the profile.
        """
        wide = (np.arange(2 * points) + 0.5 - points) * (2.0 * theta_max / points)
        rho = self.profile(wide, model)
        return float(rho[np.abs(wide) > theta_max].sum()) / _seen(rho)


def _seen(rho: Array) -> float:
    """The sum of a profile, which a mesh must see something of."""
    total = float(rho.sum())
    if not total > 0.0:
        raise InputError("state: its rho vanishes on this mesh; allowed: less extreme numbers, more theta_points")
    return total


def rho_of_filling(model: IntegrableModel, theta: Array, n: Array) -> Array:
    """rho = n rho_s with rho_s = (1 - Tn)^-1 1/2 pi, on a uniform mesh; n and rho are (..., N)."""
    T = (theta[1] - theta[0]) * model.scattering_kernel(theta[:, None] - theta[None, :])
    dressed = np.linalg.solve(np.eye(theta.size) - T * n[..., None, :], np.ones((*n.shape, 1)))[..., 0]
    return np.asarray(n * dressed / (2.0 * np.pi))


def is_rods(model: IntegrableModel, theta: Array) -> bool:
    """Whether T is constant on the mesh and the statistics classical: rho is then proportional to n."""
    return isinstance(model.statistics, Classical) and np.ptp(model.scattering_kernel(theta - theta[0])) == 0.0
