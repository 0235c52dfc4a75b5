"""`gbbgky run`: integrate the hierarchy of a case and write its result file."""

import time
from pathlib import Path

import numpy as np
from petsc4py import PETSc

from gbbgky_petsc.commands.common import new_result
from gbbgky_petsc.commands.record import Recorder, print_summary
from gbbgky_petsc.commands.resumption import Checkpointer, Resumption
from gbbgky_petsc.commands.signals import Signals
from gbbgky_petsc.discrete.mesh import Array
from gbbgky_petsc.equations.hierarchy import Hierarchy
from gbbgky_petsc.problem import Problem
from gbbgky_petsc.solvers.integrate import Integrator
from gbbgky_petsc.solvers.options import apply_table, report_unused
from gbbgky_petsc.solvers.stepping import EXPLICIT_TYPES, Progress
from gbbgky_petsc.store import checkpoint as checkpoints
from gbbgky_petsc.store.blocks import DistributedArray
from gbbgky_petsc.store.writer import ResultWriter

EQUATIONS = "layers 1 and 2 of the generalised BBGKY hierarchy, arXiv:2408.00593 (SA.2), (SA.3)"


def block_totals(problem: Problem) -> dict[str, int]:
    """Entries of each block of the state that is cut over ranks."""
    return {"pair": problem.mesh.theta_points**2 * problem.mesh.z_points}


def run(problem: Problem, target: Path, earlier: Resumption | None = None) -> None:
    """Integrate and write ``target``, going on from an ``earlier`` part of the run if given. Collective.

    Raises
    ------
    InputError, SolverError
    """
    started = time.monotonic()
    case, comm = problem.case, PETSc.COMM_WORLD
    options_given = apply_table(case.petsc)
    h = case.hierarchy
    hierarchy = Hierarchy(
        problem.mesh, problem.model, problem.potential, problem.rho, h.order, h.closure, tuple(h.explicit), comm
    )
    integrator = Integrator(hierarchy)
    if PETSc.Options().hasName("help"):
        if integrator.type not in EXPLICIT_TYPES:
            integrator.ts.getSNES().setUp()
        return
    fields, n = hierarchy.fields, problem.mesh.theta_points

    def pair_block(pair: Array) -> dict[str, DistributedArray]:
        start = n**2 * fields.z_range.start
        return {"pair": DistributedArray(fields.comm, pair, start, block_totals(problem)["pair"])}

    if earlier is not None:
        for name, size in (("one_body", n + 1), ("preconditioner_rho", n)):
            earlier.checkpoint.array(target, name, (size,))
        pair = np.empty(fields.pair_shape)
        checkpoints.read_blocks(target, earlier.checkpoint, pair_block(pair))
        integrator.restore(earlier.checkpoint, pair)
    recorder: Recorder | None = None
    writer: ResultWriter | None = None
    if comm.getRank() == 0:
        writer = new_result(
            target, problem, EQUATIONS, comm.getSize(),
            options=PETSc.Options().getAll(), petsc=".".join(map(str, PETSc.Sys.getVersion())),
        )  # fmt: skip
        if earlier is None:
            checkpoints.remove_others(target, None)  # those of a result that --force overwrites
        else:
            writer.restore(earlier.result.series, earlier.result.snapshots, earlier.checkpoint)
        recorder = Recorder(problem, writer, earlier.checkpoint.t if earlier else 0.0, earlier is not None)
    spent = time.monotonic() - started + (earlier.checkpoint.wall_seconds if earlier else 0.0)
    number = earlier.checkpoint.number if earlier else None
    checkpointer = Checkpointer(
        problem,
        target,
        fields.comm,
        integrator.position,
        lambda: pair_block(fields.pair(integrator.state.array_r)),
        writer,
        spent,
        number,
    )

    def monitor(progress: Progress) -> None:
        if recorder is not None:
            recorder(progress)
        signal = signals.pending(fields.comm)
        if signal is not None:
            raise checkpointer.stop(signal)
        checkpointer.write_if_due()

    complete = False
    signals = Signals()
    try:
        with signals:
            integrator.run(problem.end, case.output.snapshots_at, monitor)
        checkpointer.write()
        complete = integrator.ts.getTime() >= problem.end * (1.0 - 1e-9)
    except BaseException:
        integrator.destroy()
        raise
    finally:
        if recorder is not None:
            recorder.close()
        if writer is not None and writer.series["t"]:
            writer.attributes["wall_seconds"] = checkpointer.wall_seconds
            writer.flush(complete=complete)
    if writer is not None:
        print_summary(writer, integrator, checkpointer.wall_seconds)
    report_unused(options_given)
    integrator.destroy()
