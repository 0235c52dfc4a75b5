"""[hierarchy] and [kinetic]: which equation is solved."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from gbbgky_petsc.case.section import Section
from gbbgky_petsc.discrete.mesh import Boundary

ExplicitTerm = Literal[
    "streaming", "diffusion", "forcing", "collective", "contact", "boundary",
    "triple_contact", "triple_forcing", "covariance_force",
]  # fmt: skip


class Hierarchy(Section):
    """Which terms of layer 2 are kept, what carries the late relaxation, and how the domain ends.

    ``relaxation``: ``diffusion`` as printed, or ``coherent`` collisions as a source of layer 1, with the tolerance and
    the next orders of [kinetic]. Orders with triples (``four_fields``, ``three_fields``) have neither a closure nor
    another relaxation to choose.
    """

    order: Literal["leading", "collective", "full", "four_fields", "three_fields"] = "full"
    closure: Literal["fluctuation", "printed"] = "fluctuation"
    relaxation: Literal["diffusion", "coherent"] = "diffusion"
    boundary: Boundary = Boundary.ABSORBING
    explicit: list[ExplicitTerm] = []

    @model_validator(mode="after")
    def _check(self) -> "Hierarchy":
        if self.order in ("four_fields", "three_fields"):
            for name, allowed in (("closure", "fluctuation"), ("relaxation", "diffusion")):
                if getattr(self, name) != allowed:
                    raise ValueError(f"{name} = {getattr(self, name)!r} with order {self.order}; allowed: {allowed!r}")
        return self


class Kinetic(Section):
    """`gbbgky kinetic`: the collision operator and what is computed with it.

    ``kind`` is a name in the register of `gbbgky_petsc.collisions`, which also knows which kind has which option:
    ``tolerance``, relative error of the quadrature over wavenumbers or momentum transfers (of GMRES for ``full``);
    ``staggered`` puts theta' half-way between the nodes of theta; with ``coherent`` ``finite_length`` takes all orders
    in a/xi of rods, ``second_order`` adds the amplitude of second order in V and ``screened`` dresses that of first
    order by the response of the gas; ``memory`` lets correlations build up from none (``landau``, ``screened``).
    ``spectrum`` is the number of slowest relaxation modes to compute (also --spectrum).
    """

    kind: str = "landau"
    tolerance: Annotated[float, Field(gt=0.0, le=1e-2)] = 1e-5
    staggered: bool | None = None
    finite_length: bool = False
    second_order: bool = False
    screened: bool = False
    memory: bool = False
    spectrum: Annotated[int, Field(ge=0)] = 0
