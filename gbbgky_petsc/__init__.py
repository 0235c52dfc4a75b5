"""Generalised BBGKY hierarchy for near-integrable one-dimensional gases, on PETSc.

The names below are the library face, see `gbbgky_petsc.api`; importing the package brings in none of them before they
are used, and starts neither MPI nor PETSc.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gbbgky_petsc.api import (
        Case,
        Problem,
        Result,
        build,
        collision_integral,
        ensemble,
        hierarchy,
        load_case,
        read,
        run,
    )
    from gbbgky_petsc.equations.hierarchy import Hierarchy
    from gbbgky_petsc.equations.kinetic import KineticEquation
    from gbbgky_petsc.solvers.integrator import Integrator

__version__ = "1.0.0"
__all__ = [
    "Case",
    "Hierarchy",
    "Integrator",
    "KineticEquation",
    "Problem",
    "Result",
    "build",
    "collision_integral",
    "ensemble",
    "hierarchy",
    "load_case",
    "read",
    "run",
]
#: where names are that do not come from `gbbgky_petsc.api`; using one starts PETSc
_ELSEWHERE = {
    "Hierarchy": "gbbgky_petsc.equations.hierarchy",
    "Integrator": "gbbgky_petsc.solvers.integrator",
    "KineticEquation": "gbbgky_petsc.equations.kinetic",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_ELSEWHERE.get(name, "gbbgky_petsc.api")), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
