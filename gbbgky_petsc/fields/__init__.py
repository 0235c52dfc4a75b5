"""State vectors on PETSc DMs: named blocks, their layouts over ranks, the switch to wavenumbers."""

from gbbgky_petsc.fields.blocks import BlockSpec, Slab, Whole
from gbbgky_petsc.fields.layout import ONE_BODY, PAIR, Fields, Rate, State, one_body_and_pair
from gbbgky_petsc.fields.lines import ZLines
from gbbgky_petsc.fields.wavenumbers import Wavenumbers, share

__all__ = [
    "ONE_BODY",
    "PAIR",
    "BlockSpec",
    "Fields",
    "Rate",
    "Slab",
    "State",
    "Wavenumbers",
    "Whole",
    "ZLines",
    "one_body_and_pair",
    "share",
]
