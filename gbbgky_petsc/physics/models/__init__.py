"""Integrable models: what each must supply to the hierarchy."""

from gbbgky_petsc.physics.models.base import Background, IntegrableModel
from gbbgky_petsc.physics.models.free import FreeParticles, IdealGas
from gbbgky_petsc.physics.models.hard_rods import HardRods
from gbbgky_petsc.physics.models.lieb_liniger import LiebLiniger

__all__ = ["Background", "FreeParticles", "HardRods", "IdealGas", "IntegrableModel", "LiebLiniger"]
