"""Pair potentials V(x) = (V0/xi) phi(x/xi), eq. (1), and their Fourier transforms."""

from gbbgky_petsc.physics.potential.dipolar import Dipolar
from gbbgky_petsc.physics.potential.potential import Potential
from gbbgky_petsc.physics.potential.shape import Shape
from gbbgky_petsc.physics.potential.shapes import Exponential, Gaussian, Power, Sum, Yukawa
from gbbgky_petsc.physics.potential.tabulated import Tabulated

__all__ = ["Dipolar", "Exponential", "Gaussian", "Potential", "Power", "Shape", "Sum", "Tabulated", "Yukawa"]
