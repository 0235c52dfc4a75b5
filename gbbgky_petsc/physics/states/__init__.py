"""Initial states rho(theta), as functions of rapidity."""

from gbbgky_petsc.physics.states.base import State
from gbbgky_petsc.physics.states.composed import Boosted, Split
from gbbgky_petsc.physics.states.family import Family
from gbbgky_petsc.physics.states.ground import Ground
from gbbgky_petsc.physics.states.simple import BoostedThermal, TabulatedFilling, TabulatedState
from gbbgky_petsc.physics.states.thermodynamic import Generalised, Thermal

__all__ = [
    "Boosted",
    "BoostedThermal",
    "Family",
    "Generalised",
    "Ground",
    "Split",
    "State",
    "TabulatedFilling",
    "TabulatedState",
    "Thermal",
]
