"""[hierarchy] and [kinetic]: which equation is solved."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from gbbgky_petsc.case.section import Section
from gbbgky_petsc.discrete.mesh import Boundary


class Hierarchy(Section):
    """Which terms of layer 2 are kept and how its domain ends."""

    order: Literal["leading", "collective", "full"] = "full"
    closure: Literal["fluctuation", "printed"] = "fluctuation"
    boundary: Boundary = Boundary.ABSORBING
    explicit: list[Literal["streaming", "diffusion", "forcing", "collective", "contact", "boundary"]] = []


class Kinetic(Section):
    """`gbbgky kinetic`: the collision integral and what is computed with it.

    ``tolerance`` is the relative error of the quadrature over k (of GMRES for kind ``full``); ``staggered`` puts theta'
    half-way between the nodes of theta (only ``landau`` and ``screened`` can, and do by default); ``spectrum`` is the
    number of slowest relaxation modes to compute (also --spectrum; not for ``full``).
    """

    kind: Literal["landau", "screened", "full", "three_body"] = "landau"
    tolerance: Annotated[float, Field(gt=0.0, le=1e-2)] = 1e-5
    staggered: bool | None = None
    spectrum: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _kind_allows_the_rest(self) -> "Kinetic":
        if self.kind == "full" and (self.staggered or self.spectrum):
            raise ValueError("kind = full has no staggered mesh and no spectrum; allowed: landau, screened for those")
        if self.kind == "three_body" and self.staggered:
            raise ValueError("kind = three_body has no staggered mesh; allowed: landau, screened for that")
        return self
