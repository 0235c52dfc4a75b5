"""`gbbgky run`: integrate the hierarchy of a case and write its result file."""

import time
from pathlib import Path

from petsc4py import PETSc

from gbbgky_petsc.commands.common import new_result
from gbbgky_petsc.commands.record import Recorder, print_summary
from gbbgky_petsc.commands.resumption import Checkpointer, FieldsOnDisk, Resume, Resumption, restore
from gbbgky_petsc.commands.signals import Signals
from gbbgky_petsc.equations.hierarchy import Hierarchy
from gbbgky_petsc.problem import Problem
from gbbgky_petsc.solvers.integrator import Integrator, Progress
from gbbgky_petsc.solvers.options import apply_table, report_unused
from gbbgky_petsc.store import checkpoint as checkpoints
from gbbgky_petsc.store.writer import ResultWriter


def run(problem: Problem, target: Path, mode: Resume = Resume.NO) -> None:
    """Integrate and write ``target``, going on from what it holds of the run as ``mode`` says. Collective.

    Raises
    ------
    InputError, SolverError, StorageError
    Finished
        If there is nothing left to do (`Resume.AUTO`).
    Stopped
        If a signal ended it; the state is saved.
    """
    options_given = apply_table(problem.case.petsc)
    h = problem.case.hierarchy
    hierarchy = Hierarchy(
        problem.mesh, problem.model, problem.potential, h.order, h.closure, tuple(h.explicit), PETSc.COMM_WORLD
    )
    with Integrator(hierarchy, hierarchy.initial_vector(problem.rho)) as integrator:
        if PETSc.Options().hasName("help"):
            integrator.list_options()
            return
        _integrate(problem, target, hierarchy, integrator, mode)
    report_unused(options_given)


def _integrate(problem: Problem, target: Path, hierarchy: Hierarchy, integrator: Integrator, mode: Resume) -> None:
    started = time.monotonic()
    case, comm, disk = problem.case, hierarchy.comm, FieldsOnDisk(hierarchy.fields)
    earlier = Resumption.agree(comm, problem, target, mode, disk.totals)
    if earlier is not None:
        restore(integrator, disk, target, earlier.checkpoint)
    recorder: Recorder | None = None
    writer: ResultWriter | None = None
    if comm.rank == 0:
        writer = new_result(
            target, problem, hierarchy.description, comm.size,
            options=integrator.options.resolved(), petsc=".".join(map(str, PETSc.Sys.getVersion())),
        )  # fmt: skip
        if earlier is None:
            checkpoints.remove_others(target, None)  # those of a result that --force overwrites
        else:
            writer.restore(earlier.result.series, earlier.result.snapshots, earlier.checkpoint)
        recorder = Recorder(problem, writer, earlier.checkpoint.t if earlier else 0.0, earlier is not None)
    spent = time.monotonic() - started + (earlier.checkpoint.wall_seconds if earlier else 0.0)
    number = earlier.checkpoint.number if earlier else None
    checkpointer = Checkpointer(problem, target, integrator, disk, writer, spent, number)

    def monitor(progress: Progress) -> None:
        if recorder is not None:
            recorder(progress)
        signal = signals.pending(comm)
        if signal is not None:
            raise checkpointer.stop(signal)
        checkpointer.write_if_due()

    complete, signals = False, Signals()
    try:
        with signals:
            integrator.run(problem.end, case.output.snapshots_at, monitor)
        checkpointer.write()
        complete = integrator.ts.getTime() >= problem.end * (1.0 - 1e-9)
    finally:
        if recorder is not None:
            recorder.close()
        if writer is not None and writer.series["t"]:
            writer.attributes["wall_seconds"] = checkpointer.wall_seconds
            writer.flush(complete=complete)
    if writer is not None:
        print_summary(writer, integrator, checkpointer.wall_seconds)
