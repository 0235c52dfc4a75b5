"""The whole case."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from gbbgky_petsc.case.dynamics import MolecularDynamics
from gbbgky_petsc.case.equations import Hierarchy, Kinetic
from gbbgky_petsc.case.inhomogeneous import Flow, PlaceStates, Space, TrapTable
from gbbgky_petsc.case.mesh import Mesh
from gbbgky_petsc.case.model import Custom, Free, HardRods, LiebLiniger
from gbbgky_petsc.case.potential import (
    Dipolar,
    Exponential,
    Gaussian,
    Lorentzian,
    Power,
    Sum,
    Table,
    Yukawa,
)
from gbbgky_petsc.case.run import Output, Time
from gbbgky_petsc.case.section import Section
from gbbgky_petsc.case.state import BoostedThermal, Generalised, Ground, Split, TabulatedState, Thermal
from gbbgky_petsc.discrete.mesh import PhaseSpaceMesh
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.physics import models

Model = HardRods | Free | LiebLiniger | Custom
Potential = Power | Lorentzian | Gaussian | Exponential | Yukawa | Dipolar | Table | Sum
State = BoostedThermal | Thermal | Ground | Split | Generalised | TabulatedState | PlaceStates


class Case(Section):
    """A whole case. Lengths, masses and energies are in the model's units."""

    model: Annotated[Model, Field(discriminator="kind")]
    potential: Annotated[Potential, Field(discriminator="kind")]
    state: Annotated[State, Field(discriminator="kind")]
    mesh: Mesh
    hierarchy: Hierarchy = Hierarchy()
    kinetic: Kinetic = Kinetic()
    time: Time
    output: Output = Output()
    md: MolecularDynamics | None = None
    space: Space | None = None
    trap: TrapTable | None = None
    flow: Flow = Flow()
    petsc: dict[str, str | int | float | bool] = {}

    @property
    def coupling_note(self) -> str:
        """What the potential's delta function makes of the model's coupling; empty if it is left out."""
        change = 0.5 * self.potential.contact()
        if change == 0.0 or not isinstance(self.model, LiebLiniger):
            return ""
        bare = self.model.coupling
        return f"c = {bare + change:.6g}: {bare:.6g} of model.coupling and {change:.6g} of the dipoles' delta function"

    def build_model(self, folder: Path) -> models.IntegrableModel:
        """The integrable model, the potential's delta function in its coupling where the case says so.

        Raises
        ------
        InputError
            If the model has no coupling, or the sum is no model.
        """
        model, weight = self.model.build(folder), self.potential.contact()
        if isinstance(model, models.LiebLiniger):
            return model.with_contact(weight)
        if weight:
            raise InputError("potential.delta_in_coupling = true: allowed: with model.kind = lieb_liniger")
        return model

    def build_mesh(self) -> PhaseSpaceMesh:
        numbers = self.mesh.model_dump(exclude={"name"})
        if self.mesh.z_max is None:
            raise InputError("mesh.z_max: missing; allowed: without it only gbbgky flow")
        return PhaseSpaceMesh(boundary=self.hierarchy.boundary, **numbers)

    def embedded(self, folder: Path) -> "Case":
        """The same with the numbers of the files it names: a resolved case needs none of its tables."""
        tables = {name: getattr(self, name) for name in ("model", "potential", "state")}
        return self.model_copy(update={name: table.embedded(folder) for name, table in tables.items()})
