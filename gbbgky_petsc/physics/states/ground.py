"""Ground states of fermionic quasiparticles: filled up to a Fermi edge."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import roots_legendre

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.physics.models import IntegrableModel
from gbbgky_petsc.physics.states.family import Family


@dataclass(frozen=True)
class Ground(Family):
    """n = 1 for |theta| < Q, zero beyond; a cell that Q cuts is filled by its share.

    The edge is a step, which a mesh resolves to first order in its spacing only: `FermiSea` is exact.
    """

    density: float

    def fillings(self, theta: Array, model: IntegrableModel) -> Callable[[float], Array]:
        if np.isinf(model.statistics.largest_filling):
            kind = model.statistics.name
            raise InputError(f"state.kind = ground: {kind} quasiparticles have no Fermi edge; allowed: fermionic ones")
        weight = float(theta[1] - theta[0])
        return lambda edge: np.clip((edge - np.abs(theta)) / weight + 0.5, 0.0, 1.0)


@dataclass(frozen=True)
class FermiSea:
    """Ground state by Lieb's equation rho - int_{-Q}^{Q} T rho = 1/2 pi, on Gauss-Legendre nodes.

    Attributes
    ----------
    edge : Q
    density, energy : per length; energy per particle
    rho : (M,) at the nodes theta (M,) with weights (M,)
    """

    edge: float
    density: float
    energy: float
    theta: Array
    weights: Array
    rho: Array

    @classmethod
    def at_edge(cls, model: IntegrableModel, edge: float, points: int = 200) -> "FermiSea":
        """The sea up to Q; exponentially convergent while the kernel's width over Q times ``points`` is large."""
        x, w = roots_legendre(points)
        theta, weights = edge * x, edge * w
        T = model.scattering_kernel(theta[:, None] - theta[None, :]) * weights[None, :]
        rho = np.linalg.solve(np.eye(points) - T, np.full(points, 0.5 / np.pi))
        density = float(weights @ rho)
        return cls(edge, density, float(weights @ (model.energy(theta) * rho)) / density, theta, weights, rho)

    @classmethod
    def at_density(cls, model: IntegrableModel, density: float, points: int = 200) -> "FermiSea":
        """The sea of a given density."""
        high = np.pi * density  # T >= 0 only adds to free fermions
        while cls.at_edge(model, high, points).density < density:
            high *= 2.0
        edge = brentq(lambda q: cls.at_edge(model, q, points).density - density, 1e-9 * high, high, xtol=1e-15 * high)
        return cls.at_edge(model, edge, points)
