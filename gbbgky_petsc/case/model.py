"""[model]: the integrable gas."""

from pathlib import Path
from typing import Literal, Self

from gbbgky_petsc.case.section import HERE, Positive, Section
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.physics import models
from gbbgky_petsc.physics.models import custom
from gbbgky_petsc.physics.statistics import BY_NAME


class ModelSection(Section):
    def build(self, folder: Path = HERE) -> models.IntegrableModel:
        """The model; files are relative to ``folder``."""
        raise NotImplementedError


class HardRods(ModelSection):
    """Classical hard rods of mass 1."""

    kind: Literal["hard_rods"]
    length: Positive

    def build(self, folder: Path = HERE) -> models.IntegrableModel:
        return models.HardRods(self.length)


class Free(ModelSection):
    """Free particles of mass 1: classical, or an ideal Bose or Fermi gas (hbar = 1)."""

    kind: Literal["free"]
    statistics: Literal["classical", "bosonic", "fermionic"] = "classical"

    def build(self, folder: Path = HERE) -> models.IntegrableModel:
        if self.statistics == "classical":
            return models.FreeParticles()
        return models.IdealGas(BY_NAME[self.statistics])


class LiebLiniger(ModelSection):
    """Bosons with contact repulsion (hbar = 2m = 1)."""

    kind: Literal["lieb_liniger"]
    coupling: Positive

    def build(self, folder: Path = HERE) -> models.IntegrableModel:
        return models.LiebLiniger(self.coupling)


class Custom(ModelSection):
    """A model of the user's own, see `physics.models.custom`: its file is code that is executed.

    ``source`` is FILE.py, FILE.py:CLASS or an installed MODULE:CLASS, ``parameters`` are the arguments of the class.
    ``digest`` is the SHA-256 of the file, filled in when the case is read: a result does not go on with another file.
    """

    kind: Literal["custom"]
    source: str
    parameters: dict[str, bool | int | float | str] = {}
    digest: str | None = None

    def embedded(self, folder: Path) -> Self:
        return self.model_copy(update={"digest": custom.digest(self.source, folder)})

    def build(self, folder: Path = HERE) -> models.IntegrableModel:
        if self.digest is not None and self.digest != custom.digest(self.source, folder):
            raise InputError(f"model.source = {self.source}: its file is not the one that this case was made with")
        return custom.load(self.source, folder, self.parameters)
