"""[hierarchy] and [kinetic]: which equation is solved."""

from typing import Annotated, Literal

from pydantic import Field

from gbbgky_petsc.case.section import Section
from gbbgky_petsc.discrete.mesh import Boundary


class Hierarchy(Section):
    """Which terms of layer 2 are kept, what carries the late relaxation, and how the domain ends.

    ``relaxation``: ``diffusion`` as printed, or ``coherent`` collisions as a source of layer 1, with the tolerance and
    the next orders of [kinetic].
    """

    order: Literal["leading", "collective", "full", "four_fields", "three_fields"] = "full"
    closure: Literal["fluctuation", "printed"] = "fluctuation"
    relaxation: Literal["diffusion", "coherent"] = "diffusion"
    boundary: Boundary = Boundary.ABSORBING
    explicit: list[Literal["streaming", "diffusion", "forcing", "collective", "contact", "boundary"]] = []


class Kinetic(Section):
    """`gbbgky kinetic`: the collision operator and what is computed with it.

    ``kind`` is a name in the register of `gbbgky_petsc.collisions`, which also knows which kind has which option:
    ``tolerance``, relative error of the quadrature over wavenumbers or momentum transfers (of GMRES for ``full``);
    ``staggered`` puts theta' half-way between the nodes of theta; ``second_order`` adds the amplitude of second order
    in V and ``screened`` dresses that of first order by the response of the gas (``coherent``); ``memory`` lets
    correlations build up from none (``landau``, ``screened``). ``spectrum`` is the
    number of slowest relaxation modes to compute (also --spectrum).
    """

    kind: str = "landau"
    tolerance: Annotated[float, Field(gt=0.0, le=1e-2)] = 1e-5
    staggered: bool | None = None
    second_order: bool = False
    screened: bool = False
    memory: bool = False
    spectrum: Annotated[int, Field(ge=0)] = 0
