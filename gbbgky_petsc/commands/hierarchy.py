"""`gbbgky run`: integrate the hierarchy of a case and write its result file."""

from pathlib import Path

from petsc4py import PETSc

from gbbgky_petsc.commands.integrate import Job
from gbbgky_petsc.commands.memory import check_memory
from gbbgky_petsc.commands.resumption import Resume
from gbbgky_petsc.equations.hierarchy import Hierarchy
from gbbgky_petsc.problem import Problem
from gbbgky_petsc.store.writer import HIERARCHY


def hierarchy_of(problem: Problem) -> Hierarchy:
    """The equation that a case asks for. Collective.

    Raises
    ------
    InputError, SolverError
    """
    h, options = problem.case.hierarchy, {}
    if h.relaxation == "coherent":
        options = problem.case.kinetic.model_dump(include={"tolerance", "second_order", "screened"})
    return Hierarchy(
        problem.mesh, problem.model, problem.potential, h.order, h.closure, tuple(h.explicit), PETSc.COMM_WORLD,
        h.relaxation, options,
    )  # fmt: skip


def run(problem: Problem, target: Path, mode: Resume = Resume.NO, summary: bool = True) -> None:
    """Integrate and write ``target``, with a table at the end if ``summary``. Collective.

    Raises
    ------
    InputError, SolverError, StorageError, Stopped
    """
    check_memory(problem, PETSc.COMM_WORLD.tompi4py())
    hierarchy = hierarchy_of(problem)
    schema = HIERARCHY
    for term in hierarchy.terms.values():
        schema = schema.with_snapshots(term.recorded)
    job = Job(problem, target, mode=mode, summary=summary, schema=schema)
    job.run(hierarchy, hierarchy.fields, hierarchy.initial_vector(problem.rho))
