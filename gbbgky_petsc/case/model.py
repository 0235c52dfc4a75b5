"""[model]: the integrable gas."""

from typing import Literal

from gbbgky_petsc.case.section import Positive, Section
from gbbgky_petsc.physics import models


class HardRods(Section):
    """Classical hard rods of mass 1."""

    kind: Literal["hard_rods"]
    length: Positive

    def build(self) -> models.IntegrableModel:
        return models.HardRods(self.length)


class Free(Section):
    """Free classical particles of mass 1."""

    kind: Literal["free"]

    def build(self) -> models.IntegrableModel:
        return models.FreeParticles()


class LiebLiniger(Section):
    """Bosons with contact repulsion (hbar = 2m = 1)."""

    kind: Literal["lieb_liniger"]
    coupling: Positive

    def build(self) -> models.IntegrableModel:
        return models.LiebLiniger(self.coupling)
