"""[state]: the initial state."""

from pathlib import Path
from typing import Literal

from gbbgky_petsc.case.section import NonNegative, Positive, Section
from gbbgky_petsc.case.tables import read_table
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.physics import states


class StateSection(Section):
    density: Positive

    def build(self, folder: Path) -> states.State:
        raise NotImplementedError


class BoostedThermal(StateSection):
    """rho ~ sum over signs of exp(-beta (theta -+ boost)^2)."""

    kind: Literal["boosted_thermal"]
    beta: Positive
    boost: NonNegative

    def build(self, folder: Path) -> states.State:
        return states.BoostedThermal(self.density, self.beta, self.boost)


class Thermal(StateSection):
    """Thermal state of the integrable model, exp(-beta e) for classical ones."""

    kind: Literal["thermal"]
    beta: Positive

    def build(self, folder: Path) -> states.State:
        return states.Thermal(self.density, self.beta)


class TabulatedState(StateSection):
    """rho from a text file with columns theta and rho, rescaled to ``density``."""

    kind: Literal["table"]
    file: Path

    def build(self, folder: Path) -> states.State:
        theta, rho = read_table("state.file", folder / self.file)
        if rho.min() < 0.0 or rho.sum() <= 0.0:
            raise InputError(f"state.file = {self.file}: rho reaches {rho.min():g}; allowed: rho >= 0, not all zero")
        return states.TabulatedState(self.density, theta, rho)
