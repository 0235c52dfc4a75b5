"""[potential]: the long-range pair potential."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from gbbgky_petsc.case.section import Finite, Positive, Section
from gbbgky_petsc.case.tables import read_table
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.physics import potential


class PotentialSection(Section):
    strength: Finite
    range: Positive

    def shape(self, folder: Path) -> potential.Shape:
        raise NotImplementedError

    def build(self, folder: Path) -> potential.Potential:
        return potential.Potential(self.shape(folder), self.strength, self.range)


class Power(PotentialSection):
    """phi = 1/(1 + |x|^exponent); exponent 2 is the Lorentzian."""

    kind: Literal["power"]
    exponent: Annotated[float, Field(gt=1.0, allow_inf_nan=False)]

    def shape(self, folder: Path) -> potential.Shape:
        return potential.Power(self.exponent)


class Gaussian(PotentialSection):
    """phi = exp(-x^2/2)."""

    kind: Literal["gaussian"]

    def shape(self, folder: Path) -> potential.Shape:
        return potential.Gaussian()


class Exponential(PotentialSection):
    """phi = exp(-|x|)."""

    kind: Literal["exponential"]

    def shape(self, folder: Path) -> potential.Shape:
        return potential.Exponential()


class Table(PotentialSection):
    """phi from a text file with columns x >= 0 and phi; zero beyond the last x."""

    kind: Literal["table"]
    file: Path

    def shape(self, folder: Path) -> potential.Shape:
        x, phi = read_table("potential.file", folder / self.file)
        if x[0] < 0.0:
            raise InputError(f"potential.file = {self.file}: first x is {x[0]:g}; allowed: x >= 0")
        return potential.Tabulated(x, phi)
