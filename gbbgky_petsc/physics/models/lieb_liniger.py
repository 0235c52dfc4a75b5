"""Lieb-Liniger bosons (hbar = 2m = 1)."""

from dataclasses import dataclass

import numpy as np

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.physics.models.base import IntegrableModel
from gbbgky_petsc.physics.statistics import Fermionic


@dataclass(frozen=True)
class LiebLiniger(IntegrableModel):
    """Bosons with contact repulsion c > 0: p = theta, e = theta^2, T = (c/pi)/((theta-alpha)^2 + c^2), f = 1 - n."""

    coupling: float
    statistics = Fermionic()
    mass = 0.5

    @property
    def contact_length(self) -> float:
        return 2.0 / self.coupling

    def scattering_kernel(self, difference: Array) -> Array:
        return self.coupling / np.pi / (difference**2 + self.coupling**2)
