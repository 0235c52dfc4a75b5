"""The whole case."""

from typing import Annotated

from pydantic import Field

from gbbgky_petsc.case.dynamics import MolecularDynamics
from gbbgky_petsc.case.equations import Hierarchy, Kinetic
from gbbgky_petsc.case.inhomogeneous import Flow, PlaceStates, Space, TrapTable
from gbbgky_petsc.case.mesh import Mesh
from gbbgky_petsc.case.model import Free, HardRods, LiebLiniger
from gbbgky_petsc.case.potential import Exponential, Gaussian, Power, Table
from gbbgky_petsc.case.run import Output, Time
from gbbgky_petsc.case.section import Section
from gbbgky_petsc.case.state import BoostedThermal, TabulatedState, Thermal
from gbbgky_petsc.discrete.mesh import PhaseSpaceMesh
from gbbgky_petsc.errors import InputError


class Case(Section):
    """A whole case. Lengths, masses and energies are in the model's units."""

    model: Annotated[HardRods | Free | LiebLiniger, Field(discriminator="kind")]
    potential: Annotated[Power | Gaussian | Exponential | Table, Field(discriminator="kind")]
    state: Annotated[BoostedThermal | Thermal | TabulatedState | PlaceStates, Field(discriminator="kind")]
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

    def build_mesh(self) -> PhaseSpaceMesh:
        numbers = self.mesh.model_dump(exclude={"name"})
        if self.mesh.z_max is None:
            raise InputError("mesh.z_max: missing; allowed: without it only gbbgky flow")
        return PhaseSpaceMesh(boundary=self.hierarchy.boundary, **numbers)
