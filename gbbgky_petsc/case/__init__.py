"""The case file: typed, unknown keys are errors, its resolved form travels with every result."""

from gbbgky_petsc.case.dynamics import MolecularDynamics
from gbbgky_petsc.case.loading import first_difference, from_tables, load, parse, resolved, tree_of
from gbbgky_petsc.case.mesh import UNRESOLVED, WEIGHT_LOSS
from gbbgky_petsc.case.tables import read_table
from gbbgky_petsc.case.whole import Case

__all__ = [
    "UNRESOLVED",
    "WEIGHT_LOSS",
    "Case",
    "MolecularDynamics",
    "first_difference",
    "from_tables",
    "load",
    "parse",
    "read_table",
    "resolved",
    "tree_of",
]
