"""Lieb-Liniger bosons (hbar = 2m = 1)."""

from dataclasses import dataclass

import numpy as np

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.errors import InputError
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

    def with_contact(self, weight: float) -> "LiebLiniger":
        """The same with a further interaction weight delta(x): H = -sum d^2 + 2c sum delta.

        Raises
        ------
        InputError
            If the sum does not repel.
        """
        coupling = self.coupling + 0.5 * weight
        if coupling <= 0.0:
            raise InputError(
                f"model.coupling = {self.coupling:g}: {coupling:g} with the potential's delta function; "
                "allowed: a positive sum"
            )
        return LiebLiniger(coupling)

    def scattering_kernel(self, difference: Array) -> Array:
        return self.coupling / np.pi / (difference**2 + self.coupling**2)
