"""[md]: molecular dynamics."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from gbbgky_petsc.case.section import Positive, Section


class MolecularDynamics(Section):
    """Rings of hard rods for `gbbgky md`; density, potential and times come from the other tables."""

    particles: Annotated[int, Field(ge=2)] | None = None
    ring: Positive | None = None
    realisations: Annotated[int, Field(ge=1)]
    seed: Annotated[int, Field(ge=0)] = 0
    step: Positive | None = None
    energy_tolerance: Positive | None = None
    integrator: Literal["splitting", "plain", "reference"] = "splitting"
    ranks_per_ring: Annotated[int, Field(ge=1)] = 1
    force_tolerance: Positive = 1e-4
    equilibrate: bool = False
    structure_cutoff: Positive = 6.0
    low_pass: Positive = 0.5

    @model_validator(mode="after")
    def _choices(self) -> "MolecularDynamics":
        if (self.particles is None) == (self.ring is None):
            raise ValueError("give exactly one of: particles, ring")
        if self.step is not None and self.energy_tolerance is not None:
            raise ValueError("give at most one of: step, energy_tolerance")
        return self
