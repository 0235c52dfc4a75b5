"""`gbbgky run`: integrate the hierarchy of a case and write its result file."""

from pathlib import Path

from mpi4py import MPI
from petsc4py import PETSc

from gbbgky_petsc import limits
from gbbgky_petsc.commands.common import console, warn
from gbbgky_petsc.commands.integrate import Job
from gbbgky_petsc.commands.resumption import Resume
from gbbgky_petsc.equations.hierarchy import LARGEST_STEP, Hierarchy
from gbbgky_petsc.parallel import together
from gbbgky_petsc.physics import observables
from gbbgky_petsc.problem import Problem


def run(problem: Problem, target: Path, mode: Resume = Resume.NO) -> None:
    """Integrate and write ``target``. Collective.

    Raises
    ------
    InputError, SolverError, StorageError, Stopped
    """
    warnings = fits(problem, MPI.COMM_WORLD)
    if MPI.COMM_WORLD.rank == 0:
        warn(warnings)
    h = problem.case.hierarchy
    hierarchy = Hierarchy(
        problem.mesh, problem.model, problem.potential, h.order, h.closure, tuple(h.explicit), PETSc.COMM_WORLD
    )
    job = Job(problem, target, mode=mode, warnings=tuple(warnings))
    job.run(hierarchy, hierarchy.fields, hierarchy.initial_vector(problem.rho))


def fits(problem: Problem, comm: MPI.Intracomm) -> list[str]:
    """Warnings about mesh and memory; `InputError` on all ranks where they cannot be right. Collective."""
    memory = limits.Memory.of(problem.mesh, comm.size)
    node = comm.Split_type(MPI.COMM_TYPE_SHARED)
    shared = node.size
    node.Free()
    return together(comm, lambda: limits.check_mesh(problem) + limits.check_memory(memory, shared))


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
    mesh, memory = problem.mesh, limits.Memory.of(problem.mesh, comm.size)
    longest = LARGEST_STEP * problem.potential.range
    longest /= observables.rms_speed(problem.model, mesh.theta, problem.rho)
    out = console()
    out.print(
        f"unknowns: {memory.unknowns} ({mesh.theta_points} x {mesh.theta_points} x {mesh.z_points} and "
        f"{mesh.theta_points + 1}), {memory.unknowns / comm.size:.3g} a rank on {comm.size}"
    )
    out.print(
        f"memory a rank: {limits.in_words(memory.least)}, with all Krylov vectors {limits.in_words(memory.most)}; "
        f"left on this machine: {limits.in_words(limits.memory_of_node())}"
    )
    out.print(
        f"steps: at least {problem.end / longest:.0f} by guess, of at most {longest:.3g} to t = {problem.end:g} "
        "(three correlation times); more while rho moves fast"
    )
