"""`gbbgky run`: integrate the hierarchy of a case and write its result file."""

from pathlib import Path

import numpy as np
from mpi4py import MPI
from petsc4py import PETSc

from gbbgky_petsc import limits
from gbbgky_petsc.commands.common import console, warn
from gbbgky_petsc.commands.integrate import Job
from gbbgky_petsc.commands.resumption import Resume
from gbbgky_petsc.commands.snapshots import check_fields
from gbbgky_petsc.equations.hierarchy import PRECONDITIONER, RESTART, TRIPLE_RESTART, Hierarchy, unknowns
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.fields import BlockSpec, Slab
from gbbgky_petsc.parallel import together
from gbbgky_petsc.physics import observables
from gbbgky_petsc.problem import Problem
from gbbgky_petsc.solvers.options import ScopedOptions
from gbbgky_petsc.store.writer import HIERARCHY
from gbbgky_petsc.terms.cells import TRIPLE


def hierarchy_of(problem: Problem) -> Hierarchy:
    """The equation that a case asks for. Collective.

    Raises
    ------
    InputError, SolverError
    """
    h, options = problem.case.hierarchy, {}
    if h.relaxation == "coherent":
        options = problem.case.kinetic.model_dump(include={"tolerance", "finite_length", "second_order", "screened"})
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
    warnings = fits(problem, MPI.COMM_WORLD)
    hierarchy = hierarchy_of(problem)
    schema = HIERARCHY
    for term in hierarchy.terms.values():
        schema = schema.with_snapshots(term.recorded)
    kept = tuple(dict.fromkeys(problem.case.output.fields))
    job = Job(problem, target, mode=mode, summary=summary, schema=schema, kept=kept, warnings=tuple(warnings))
    job.run(hierarchy, hierarchy.fields, hierarchy.initial_vector(problem.rho))


def blocks_of(problem: Problem) -> list[BlockSpec]:
    """The blocks of the state vector that a case asks for."""
    h = problem.case.hierarchy
    return unknowns(problem.mesh, h.order, h.relaxation)


def has_triples(problem: Problem) -> bool:
    """Whether the state holds triples, which take most of the memory."""
    return TRIPLE in {spec.name for spec in blocks_of(problem)}


def memory_of(problem: Problem, ranks: int) -> limits.Memory:
    """What a run of the case takes on so many ranks.

    Raises
    ------
    InputError
        If the restart of GMRES that is asked for is no number of vectors.
    """
    mesh, blocks = problem.mesh, blocks_of(problem)
    numbers, unfolded = sum(spec.numbers(mesh) for spec in blocks), sum(spec.unfolded(mesh) for spec in blocks)
    preset = TRIPLE_RESTART if has_triples(problem) else RESTART
    options = ScopedOptions(Hierarchy.prefix, {"ksp_gmres_restart": str(preset)}, problem.case.petsc)
    restart = options.number("ksp_gmres_restart") or 0.0
    if not 1.0 <= restart <= limits.LARGEST:
        raise InputError(f"-ksp_gmres_restart {restart:g}: allowed: a number of vectors, at least 1")
    return limits.Memory.of(numbers, unfolded, mesh.theta_points, ranks, int(restart))


def fits(problem: Problem, comm: MPI.Intracomm) -> list[str]:
    """Warnings about mesh and memory; `InputError` on all ranks where they cannot be right. Collective."""
    check_fields(problem.case.output.fields, [spec.name for spec in blocks_of(problem) if isinstance(spec, Slab)])
    memory = memory_of(problem, comm.size)
    node = comm.Split_type(MPI.COMM_TYPE_SHARED)
    shared = node.size
    node.Free()
    return together(
        comm,
        lambda: (
            limits.check_mesh(problem.mesh, problem.potential)
            + limits.check_memory(memory, shared, all_of_it=has_triples(problem))
        ),
    )


def dry_run(problem: Problem) -> None:
    """Say what a run would take, and take none of it. Collective.

    Raises
    ------
    InputError
        If it would be refused.
    """
    comm = MPI.COMM_WORLD
    warnings = fits(problem, comm)
    if comm.rank:
        return
    warn(warnings)
    memory = memory_of(problem, comm.size)
    longest = PRECONDITIONER[problem.mesh.boundary][1] * problem.potential.range
    longest /= observables.rms_speed(problem.model, problem.mesh.theta, problem.rho)
    out = console()
    out.print(f"unknowns: {memory.unknowns}, {memory.unknowns / comm.size:.3g} a rank on {comm.size}")
    out.print(
        f"memory a rank: {limits.in_words(memory.least)}, with all Krylov vectors {limits.in_words(memory.most)}; "
        f"left on this machine: {limits.in_words(limits.memory_of_node())}"
    )
    out.print(
        f"steps: at least {np.ceil(problem.end / longest):.0f} by guess, of at most {longest:.3g} to t = "
        f"{problem.end:g}; more while rho moves fast"
    )
