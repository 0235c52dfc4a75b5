"""Free particles, the limit in which gBBGKY becomes BBGKY, and ideal quantum gases."""

from dataclasses import dataclass

import numpy as np

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.physics.models.base import IntegrableModel
from gbbgky_petsc.physics.models.hard_rods import HardRods
from gbbgky_petsc.physics.statistics import Statistics


class FreeParticles(HardRods):
    """Classical point particles of mass 1: A = theta, no diffusion, C = rho delta."""

    def __init__(self) -> None:
        super().__init__(length=0.0)


@dataclass(frozen=True)
class IdealGas(IntegrableModel):
    """Ideal Bose or Fermi gas (hbar = mass = 1): rho = n/2 pi, f = 1 + n or 1 - n, C = rho f delta, no diffusion."""

    statistics: Statistics

    def scattering_kernel(self, difference: Array) -> Array:
        return np.zeros_like(difference)
