"""[mesh]: phase space."""

import tomllib
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from gbbgky_petsc import shipped
from gbbgky_petsc.case.section import Positive, Section, shortened
from gbbgky_petsc.discrete.mesh import PhaseSpaceMesh

#: largest fraction of the particles that the theta-window may cut off
WEIGHT_LOSS = 1e-4
#: largest share of its largest Fourier mode that the shortest ones of a state may have
UNRESOLVED = 1e-2


class Mesh(Section):
    """Phase-space mesh: a named file of meshes/ and any number of it overridden; `gbbgky flow` has no z."""

    name: str | None = None
    theta_max: Positive
    theta_points: Annotated[int, Field(ge=8)]
    z_max: Positive | None = None
    z_spacing: Positive | None = None
    stencil_order: Literal[2, 4, 6] = PhaseSpaceMesh.stencil_order
    absorber_start: Annotated[float, Field(gt=0.0, lt=1.0)] = PhaseSpaceMesh.absorber_start
    absorber_rate: Positive = PhaseSpaceMesh.absorber_rate

    @model_validator(mode="before")
    @classmethod
    def _merge_named(cls, given: Any) -> Any:
        if not isinstance(given, dict) or given.get("name") is None:
            return given
        named = shipped.meshes()
        name = given["name"]
        if not isinstance(name, str) or name not in named:
            raise ValueError(f"name = {shortened(name)}: no such mesh; allowed: {', '.join(named)}")
        return tomllib.loads(named[name].read_text()) | given  # what the case itself says wins

    @model_validator(mode="after")
    def _whole_cells(self) -> "Mesh":
        if self.z_max is None or self.z_spacing is None:
            if (self.z_max is None) != (self.z_spacing is None):
                raise ValueError("give both or none of: z_max, z_spacing")
            return self
        cells = 2.0 * self.z_max / self.z_spacing
        if abs(cells - round(cells)) > 1e-9 * cells or round(cells) % 2 or round(cells) < 16:
            raise ValueError(f"2 z_max / z_spacing is {cells:g}; allowed: even whole numbers from 16 on")
        return self
