"""`gbbgky run`: integrate the hierarchy of a case and write its result file."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from petsc4py import PETSc

from gbbgky_petsc import case as case_file
from gbbgky_petsc.commands.common import new_result
from gbbgky_petsc.commands.record import Recorder, print_summary
from gbbgky_petsc.discrete.mesh import Array
from gbbgky_petsc.equations.hierarchy import Hierarchy
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.fields import ONE_BODY, PAIR
from gbbgky_petsc.problem import Problem
from gbbgky_petsc.solvers.integrator import Integrator, Position, Progress
from gbbgky_petsc.solvers.options import apply_table, report_unused
from gbbgky_petsc.store import checkpoint as checkpoints
from gbbgky_petsc.store.checkpoint import Checkpoint
from gbbgky_petsc.store.reader import Result, read
from gbbgky_petsc.store.writer import ResultWriter

#: tables that a resumed run may change
FREE = ("time", "output", "kinetic", "md", "petsc")


@dataclass(frozen=True)
class Resumption:
    """An earlier part of the same run: its result file and checkpoint."""

    result: Result
    checkpoint: Checkpoint

    @classmethod
    def find(cls, problem: Problem, target: Path) -> "Resumption":
        """What ``target`` holds of a run of this problem.

        Raises
        ------
        InputError
            If there is no such run, no checkpoint, or nothing left to do.
        """
        if not target.exists():
            raise InputError(f"output {target}: does not exist; allowed with --resume: the result of an earlier run")
        result, mesh = read(target), problem.mesh
        stored = result.case
        difference = case_file.first_difference(problem.case, stored, FREE)
        if difference is not None:
            raise InputError(f"{difference}; allowed to differ with --resume: [time], [output], [petsc]")
        point = checkpoints.read(target)
        for name, values in _fingerprint(problem).items():
            if not np.allclose(getattr(point, name), values, rtol=1e-9, atol=1e-12 * np.abs(values).max()):
                raise InputError(f"output {target}: its run had another {name.replace('_', ' ')} (a table has changed)")
        if problem.end <= point.t * (1.0 + 1e-12):
            raise InputError(
                f"time.end = {problem.end:g}: output {target} is there already; allowed: beyond {point.t:g}"
            )
        have = result.snapshots["t"][: point.snapshot_rows]
        missed = [t for t in problem.case.output.snapshots_at if t <= point.t and not np.any(np.isclose(have, t))]
        if missed:
            raise InputError(f"output.snapshots_at = {missed}: before the checkpoint; allowed: beyond {point.t:g}")
        checkpoints.check_pair(checkpoints.pair_path(target, point.number), mesh.theta_points**2 * mesh.z_points)
        return cls(result, point)


def _fingerprint(problem: Problem) -> dict[str, Array]:
    """What a case makes of its formulas and tables: initial rho (N,) and the pair potential on the mesh (Nz,)."""
    return {"initial_rho": problem.rho, "potential": problem.potential(problem.mesh.z)}


class Checkpointer:
    """Writes a checkpoint after a step if the last one is old enough. Methods are collective.

    Parameters
    ----------
    writer
        The result file, on rank 0.
    spent
        Wall seconds of the run before.
    number
        Step of the checkpoint that is there, if any.
    """

    def __init__(
        self,
        problem: Problem,
        target: Path,
        hierarchy: Hierarchy,
        integrator: Integrator,
        writer: ResultWriter | None,
        spent: float,
        number: int | None,
    ) -> None:
        self._problem, self._target, self._writer = problem, target, writer
        self._fields, self._integrator = hierarchy.fields, integrator
        self._seconds = problem.case.output.checkpoint_seconds
        self._started = self._last = time.monotonic()
        self._spent = spent
        self._number = number

    @property
    def wall_seconds(self) -> float:
        """Spent on the run so far, earlier parts included."""
        return self._spent + time.monotonic() - self._started

    def write_if_due(self) -> None:
        due = self._seconds > 0.0 and time.monotonic() - self._last > self._seconds
        if self._fields.comm.bcast(due):  # the clock of rank 0 decides
            self.write()

    def write(self) -> None:
        """Write g, then the result file that names it, then remove older ones."""
        integrator, fields = self._integrator, self._fields
        position = integrator.position()
        if self._seconds == 0.0 or position.number == self._number:
            return
        state = integrator.state.array_r
        checkpoints.write_pair(checkpoints.pair_path(self._target, position.number), fields, fields.part(state, PAIR))
        one_body = fields.gather(state, ONE_BODY)
        frozen = position.preconditioner_rho
        frozen = np.full(self._problem.rho.size, np.nan) if frozen is None else frozen
        if self._writer is not None:
            self._writer.checkpoint = Checkpoint(
                **(vars(position) | _fingerprint(self._problem) | {"preconditioner_rho": frozen}),
                one_body=one_body,
                series_rows=len(self._writer.series["t"]),
                snapshot_rows=len(self._writer.snapshots["t"]),
                wall_seconds=self.wall_seconds,
            )
            self._writer.flush(complete=False)
            checkpoints.remove_others(self._target, position.number)
        self._number, self._last = position.number, time.monotonic()


def run(problem: Problem, target: Path, earlier: Resumption | None = None) -> None:
    """Integrate and write ``target``, going on from an ``earlier`` part of the run if given. Collective.

    Raises
    ------
    InputError, SolverError
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
        _integrate(problem, target, hierarchy, integrator, earlier)
    report_unused(options_given)


def _restore(hierarchy: Hierarchy, integrator: Integrator, target: Path, point: Checkpoint) -> None:
    """Set state and position from a checkpoint. Collective."""
    fields = hierarchy.fields
    pair = checkpoints.read_pair(checkpoints.pair_path(target, point.number), fields)
    fields.store(integrator.state.array_w, {ONE_BODY: point.one_body, PAIR: pair})
    frozen = point.preconditioner_rho if np.all(np.isfinite(point.preconditioner_rho)) else None
    integrator.restore(Position(point.t, point.number, point.step, point.longest_step, frozen))


def _integrate(
    problem: Problem, target: Path, hierarchy: Hierarchy, integrator: Integrator, earlier: Resumption | None
) -> None:
    started = time.monotonic()
    case, comm = problem.case, hierarchy.comm
    if earlier is not None:
        _restore(hierarchy, integrator, target, earlier.checkpoint)
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
    checkpointer = Checkpointer(problem, target, hierarchy, integrator, writer, spent, number)

    def monitor(progress: Progress) -> None:
        if recorder is not None:
            recorder(progress)
        checkpointer.write_if_due()

    complete = False
    try:
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
