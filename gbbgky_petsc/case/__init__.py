"""The case file: typed, unknown keys are errors, its resolved form travels with every result."""

from gbbgky_petsc.case.base import read_table
from gbbgky_petsc.case.sections import (
    WEIGHT_LOSS,
    Case,
    MolecularDynamics,
    first_difference,
    load,
    parse,
    resolved,
    tree_of,
)

__all__ = [
    "WEIGHT_LOSS",
    "Case",
    "MolecularDynamics",
    "first_difference",
    "load",
    "parse",
    "read_table",
    "resolved",
    "tree_of",
]
