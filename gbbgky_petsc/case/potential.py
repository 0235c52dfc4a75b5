"""[potential]: the long-range pair potential."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from gbbgky_petsc.case.section import HERE, Finite, Positive, Section
from gbbgky_petsc.case.tables import check_table, read_table
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.physics import potential


class PotentialSection(Section):
    strength: Finite
    range: Positive

    def shape(self, folder: Path) -> potential.Shape:
        raise NotImplementedError

    def contact(self) -> float:
        """Weight of the delta function (energy times length) that goes with it into the model's coupling."""
        return 0.0

    def build(self, folder: Path = HERE) -> potential.Potential:
        return potential.Potential(self.shape(folder), self.strength, self.range)


class Power(PotentialSection):
    """phi = 1/(1 + |x|^exponent)."""

    kind: Literal["power"]
    exponent: Finite

    @field_validator("exponent")
    @classmethod
    def _has_a_transform(cls, exponent: float) -> float:
        if exponent <= 1.0:
            raise ValueError("no Fourier transform at k = 0; allowed: above 1")
        return exponent

    def shape(self, folder: Path) -> potential.Shape:
        return potential.Power(self.exponent)


class Lorentzian(PotentialSection):
    """phi = 1/(1 + x^2)."""

    kind: Literal["lorentzian"]

    def shape(self, folder: Path) -> potential.Shape:
        return potential.Power(2.0)


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


class Yukawa(PotentialSection):
    """phi = (exp(-|x|) - exp(-|x|/core))/|x|: 1/|x| is smoothed below the core."""

    kind: Literal["yukawa"]
    core: Annotated[float, Field(gt=0.0, lt=1.0)]

    def shape(self, folder: Path) -> potential.Shape:
        return potential.Yukawa(self.core)


class Dipolar(PotentialSection):
    """Parallel dipoles in the transverse ground state of length ``range``.

    The delta function -(8/3) strength delta(x) that comes with them is not part of the profile: ``delta_in_coupling``
    adds it to the contact interaction of the model, otherwise the coupling of the case is taken to hold it.
    """

    kind: Literal["dipolar"]
    delta_in_coupling: bool = False

    def contact(self) -> float:
        return potential.Dipolar.DELTA * self.strength if self.delta_in_coupling else 0.0

    def shape(self, folder: Path) -> potential.Shape:
        return potential.Dipolar()


class Table(PotentialSection):
    """phi at x >= 0 from a text file with two columns, or given here; zero beyond the last x."""

    kind: Literal["table"]
    file: Path | None = None
    x: list[float] | None = None
    phi: list[float] | None = None

    @model_validator(mode="before")
    @classmethod
    def _some_table(cls, given: dict) -> dict:
        if (given.get("x") is None) != (given.get("phi") is None) or not (given.get("file") or given.get("x")):
            raise ValueError("no table; allowed: potential.file, or potential.x with potential.phi")
        return given

    def embedded(self, folder: Path) -> Self:
        x, phi = self._columns(folder)
        return self.model_copy(update={"x": x.tolist(), "phi": phi.tolist()})

    def _columns(self, folder: Path) -> tuple:
        if self.x is not None and self.phi is not None:
            key, (x, phi) = "potential.x", check_table("potential.x, potential.phi", self.x, self.phi)
        else:
            assert self.file is not None
            key, (x, phi) = "potential.file", read_table("potential.file", folder / self.file)
        if x[0] < 0.0:
            raise InputError(f"{key}: first x is {x[0]:g}; allowed: x >= 0")
        return x, phi

    def shape(self, folder: Path) -> potential.Shape:
        return potential.Tabulated(*self._columns(folder))


Part = Annotated[
    Power | Lorentzian | Gaussian | Exponential | Yukawa | Dipolar | Table,
    Field(discriminator="kind"),
]


class Sum(PotentialSection):
    """A sum of potentials; strength and range of the parts are in units of those of the whole."""

    kind: Literal["sum"]
    parts: Annotated[list[Part], Field(min_length=1)]

    def embedded(self, folder: Path) -> Self:
        return self.model_copy(update={"parts": [part.embedded(folder) for part in self.parts]})

    def contact(self) -> float:
        return self.strength * sum((part.contact() for part in self.parts), start=0.0)

    def shape(self, folder: Path) -> potential.Shape:
        return potential.Sum([(part.shape(folder), part.strength, part.range) for part in self.parts])
