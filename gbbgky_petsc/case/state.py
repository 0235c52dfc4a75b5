"""[state]: the initial state."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.case.section import Finite, NonNegative, Positive, Section
from gbbgky_petsc.case.tables import check_table, read_table
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.physics import states
from gbbgky_petsc.physics.models import IntegrableModel
from gbbgky_petsc.physics.states.family import NoStateError, density_at_level, density_of_filling


class StateSection(Section):
    def build(self, folder: Path, model: IntegrableModel, theta: Array) -> states.State:
        """The state; files are relative to ``folder``."""
        raise NotImplementedError


class BoostedThermal(StateSection):
    """rho ~ sum over signs of exp(-beta (theta -+ boost)^2)."""

    density: Positive
    kind: Literal["boosted_thermal"]
    beta: Positive
    boost: NonNegative

    def build(self, folder: Path, model: IntegrableModel, theta: Array) -> states.State:
        return states.BoostedThermal(self.density, self.beta, self.boost)


class Thermal(StateSection):
    """Thermal state of the integrable model at given density or chemical potential, at rest unless boosted."""

    density: Positive | None = None
    kind: Literal["thermal"]
    beta: Positive
    chemical_potential: Finite | None = None
    boost: Finite | None = None

    @model_validator(mode="after")
    def _one_density(self) -> "Thermal":
        if (self.density is None) == (self.chemical_potential is None):
            raise ValueError("give exactly one of: density, chemical_potential")
        return self

    def build(self, folder: Path, model: IntegrableModel, theta: Array) -> states.State:
        density = self.density
        if density is None:
            assert self.chemical_potential is not None
            level = self.beta * self.chemical_potential
            at = f"state.chemical_potential = {self.chemical_potential:g}"
            density = _density_at(at, states.Thermal(1.0, self.beta), level, model, theta)
        state = states.Thermal(density, self.beta)
        return states.Boosted(state, self.boost) if self.boost else state


class Ground(StateSection):
    """Ground state of fermionic quasiparticles (Lieb-Liniger bosons, ideal fermions), at rest unless boosted."""

    density: Positive
    kind: Literal["ground"]
    boost: Finite | None = None

    def build(self, folder: Path, model: IntegrableModel, theta: Array) -> states.State:
        state = states.Ground(self.density)
        return states.Boosted(state, self.boost) if self.boost else state


class Split(StateSection):
    """A thermal (with ``beta``) or ground state split by a Bragg pulse into peaks at +-boost."""

    density: Positive
    kind: Literal["split"]
    boost: NonNegative
    beta: Positive | None = None
    through: Literal["filling", "density"] = "filling"

    def build(self, folder: Path, model: IntegrableModel, theta: Array) -> states.State:
        base: states.Family = (
            states.Ground(self.density) if self.beta is None else states.Thermal(self.density, self.beta)
        )
        return states.Split(base, self.boost, self.through)


class Generalised(StateSection):
    """Generalised Gibbs ensemble: driving term sum_i beta_i theta^i with ``betas`` from i = 1 on, and beta_0."""

    density: Positive | None = None
    kind: Literal["gge"]
    betas: Annotated[list[Finite], Field(min_length=2)]
    beta_0: Finite | None = None

    @model_validator(mode="after")
    def _has_a_norm(self) -> "Generalised":
        if (self.density is None) == (self.beta_0 is None):
            raise ValueError("give exactly one of: density, beta_0")
        if len(self.betas) % 2 or self.betas[-1] <= 0.0:
            raise ValueError("betas do not confine the rapidities; allowed: an even number of them, the last positive")
        return self

    def build(self, folder: Path, model: IntegrableModel, theta: Array) -> states.State:
        density = self.density
        if density is None:
            assert self.beta_0 is not None
            family = states.Generalised(1.0, self.betas)
            density = _density_at(f"state.beta_0 = {self.beta_0:g}", family, -self.beta_0, model, theta)
        return states.Generalised(density, self.betas)


class TabulatedState(StateSection):
    """rho, rescaled to ``density``, or the filling n: from a text file with two columns, or given here."""

    density: Positive | None = None
    kind: Literal["table"]
    file: Path | None = None
    theta: list[float] | None = None
    values: list[float] | None = None
    quantity: Literal["filling"] | None = None  #: what the values are, if not rho

    @model_validator(mode="before")
    @classmethod
    def _some_table(cls, given: dict) -> dict:
        if (given.get("theta") is None) != (given.get("values") is None) or not (
            given.get("file") or given.get("theta")
        ):
            raise ValueError("no table; allowed: state.file, or state.theta with state.values")
        return given

    @model_validator(mode="after")
    def _density_of_rho(self) -> "TabulatedState":
        if (self.density is None) != (self.quantity == "filling"):
            raise ValueError("density belongs to a table of rho, a filling has its own; allowed: one of them")
        return self

    def _columns(self, folder: Path) -> tuple[str, Array, Array]:
        if self.theta is not None and self.values is not None:
            return "state.values", *check_table("state.theta, state.values", self.theta, self.values)
        assert self.file is not None
        return f"state.file = {self.file}", *read_table("state.file", folder / self.file)

    def embedded(self, folder: Path) -> Self:
        _, theta, values = self._columns(folder)
        return self.model_copy(update={"theta": theta.tolist(), "values": values.tolist()})

    def build(self, folder: Path, model: IntegrableModel, theta: Array) -> states.State:
        name, nodes, values = self._columns(folder)
        what = "rho" if self.quantity is None else "n"
        if values.min() < 0.0 or values.sum() <= 0.0:
            raise InputError(f"{name}: {what} reaches {values.min():g}; allowed: {what} >= 0, not all zero")
        if self.density is not None:
            return states.TabulatedState(self.density, nodes, values)
        if values.max() > model.statistics.largest_filling:
            raise InputError(f"{name}: n reaches {values.max():g}; allowed: 0 <= n <= 1")
        n = states.TabulatedState(1.0, nodes, values).profile(theta, model)
        try:
            return states.TabulatedFilling(density_of_filling(model, theta, n), nodes, values)
        except NoStateError as error:
            raise InputError(f"{name}: {error}; allowed: smaller fillings") from error


def _density_at(at: str, family: states.Family, level: float, model: IntegrableModel, theta: Array) -> float:
    try:
        return density_at_level(family, level, theta, model)
    except NoStateError as error:
        raise InputError(f"{at}: no state of this model ({error}); allowed: a more dilute one") from error
