"""Semiclassical Bethe gas: classical particles displaced at collisions by phi(theta - alpha) = 2 pi T, a Lorentzian.

A model of one's own in the form that [model] kind = "custom" takes: a class derived from IntegrableModel.
Particles of mass 1 cross at x_i = y_i - (1/2) sum_j sgn(y_i - y_j) phi(theta_i - theta_j) along free lines y: phi > 0
draws them back (as bosons with contact repulsion), phi < 0 throws them ahead (as rods, of length -phi).
"""

from dataclasses import dataclass

import numpy as np

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.physics.models import IntegrableModel


@dataclass(frozen=True)
class BetheGas(IntegrableModel):
    """phi(theta) = amplitude/(1 + (theta/width)^2); p = theta, e = theta^2/2, f = 1."""

    amplitude: float
    width: float

    def scattering_kernel(self, difference: Array) -> Array:
        return self.amplitude / (2.0 * np.pi) / (1.0 + (difference / self.width) ** 2)
