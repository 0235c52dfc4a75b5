"""What commands that integrate an equation share: options, result file, recorder, checkpoints, signals."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from petsc4py import PETSc

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.commands.common import new_result, warn
from gbbgky_petsc.commands.record import Recorder, print_summary
from gbbgky_petsc.commands.resumption import FREE, Checkpointer, Resume, Resumption
from gbbgky_petsc.commands.signals import Signals
from gbbgky_petsc.commands.snapshots import Snapshots, held, unfolded
from gbbgky_petsc.commands.watch import Watch
from gbbgky_petsc.equations.base import Equation
from gbbgky_petsc.errors import SolverError
from gbbgky_petsc.fields import Fields
from gbbgky_petsc.problem import Problem
from gbbgky_petsc.solvers.integrator import Integrator, Position, Progress
from gbbgky_petsc.solvers.options import apply_table, report_unused
from gbbgky_petsc.store import checkpoint as checkpoints
from gbbgky_petsc.store import snapshots
from gbbgky_petsc.store.blocks import DistributedArray
from gbbgky_petsc.store.checkpoint import PAST, PAST_TIMES, Checkpoint
from gbbgky_petsc.store.writer import HIERARCHY, ResultWriter, Schema

#: dataset of /checkpoint with the rho at which the preconditioner was built
FROZEN = "preconditioner_rho"


@dataclass(frozen=True)
class Job:
    """One integration by command.

    Attributes
    ----------
    problem, target
        Case and result file.
    start
        First time.
    mode
        What to do with a result file that is there.
    free
        Tables of the case that a resumed run may change.
    recorder
        Kind of `Recorder`.
    decorate
        Puts more in the result file before it is first written; called on rank 0.
    summary
        Whether to print a table at the end.
    schema
        Datasets of the result.
    kept
        Fields to keep whole at snapshots; what that adds to the schema need not be in it.
    warnings
        What is known before the start; goes into the file.
    """

    problem: Problem
    target: Path
    start: float = 0.0
    mode: Resume = Resume.NO
    free: tuple[str, ...] = FREE
    recorder: type[Recorder] = Recorder
    decorate: Callable[[ResultWriter], None] = field(default=lambda writer: None)
    summary: bool = True
    schema: Schema = HIERARCHY
    kept: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def run(self, equation: Equation, fields: Fields, state: PETSc.Vec) -> None:
        """Integrate ``equation`` from ``state`` to the end of the case. Collective.

        Raises
        ------
        InputError, SolverError, StorageError, Stopped
        """
        options_given = apply_table(self.problem.case.petsc)
        try:
            with Integrator(equation, state, self.start, self.problem.end) as integrator:
                if PETSc.Options().hasName("help"):
                    integrator.list_options()
                    return
                totals = {name: (fields.slab(name).total, fields.slab(name).unfolded_total) for name in fields.slabs}
                earlier = Resumption.agree(fields.comm, self.problem, self.target, self.mode, totals, self.free)
                _Course(self, equation, fields, integrator, earlier).run()
        finally:
            equation.destroy()
        report_unused(options_given)


class _Course:
    """A `Job` at work. Methods are collective."""

    def __init__(
        self, job: Job, equation: Equation, fields: Fields, integrator: Integrator, earlier: Resumption | None
    ) -> None:
        began = time.monotonic()
        self._job, self._fields, self._integrator = job, fields, integrator
        first = {} if earlier is None else {name: float(a[0]) for name, a in earlier.result.series.items()}
        self._watch = Watch(job.problem, integrator, job.recorder.conserved, first)
        self._good = integrator.state.duplicate()
        self._stood: Position | None = None  # that of `_good`, once a run has failed
        self._last: Position | None = None
        self._warnings = list(job.warnings)
        if earlier is not None:
            before = str(earlier.result.attributes.get("warnings", "")).splitlines()
            self._warnings = [*dict.fromkeys(before + self._warnings)]
        self._said = set(self._warnings)
        point = None if earlier is None else earlier.checkpoint
        if point is not None:
            self._restore(point)
        self._writer: ResultWriter | None = None
        self._recorder: Recorder | None = None
        if fields.comm.rank == 0:
            self._writer = writer = new_result(
                job.target, job.problem, equation.description, fields.comm.size,
                job.schema.with_snapshots(snapshots.schema(job.kept)),
                options=integrator.options.resolved(), petsc=".".join(map(str, PETSc.Sys.getVersion())),
            )  # fmt: skip
            if earlier is None:
                checkpoints.remove_others(job.target, None)  # those of a result that --force overwrites
            else:
                writer.restore(earlier.result.series, earlier.result.snapshots, earlier.checkpoint)
            job.decorate(writer)
            if self._warnings:
                writer.attributes["warnings"] = "\n".join(self._warnings)
            self._recorder = job.recorder(job.problem, writer, job.start if point is None else point.t, bool(earlier))
        least, taken = job.start * (1.0 - 1e-12), 0
        if point is not None:
            least, taken = point.t * (1.0 + 1e-12), point.snapshot_rows
        self._snapshots = Snapshots(job.problem, job.target, equation, fields, job.kept, self._writer, least, taken)
        spent = time.monotonic() - began + (0.0 if point is None else point.wall_seconds)
        number = None if point is None else point.number
        self._checkpointer = Checkpointer(
            job.problem, job.target, fields.comm, self._position, self._whole, self._slabs, self._writer,
            spent, number,
        )  # fmt: skip

    def _position(self) -> Position:
        """Where the integration stands, or where it stood last if it has failed."""
        return self._stood or self._integrator.position()

    def _whole(self) -> Mapping[str, Array]:
        """Whole blocks of the state, and the rho of the preconditioner, NaN where there is none."""
        fields, frozen = self._fields, self._position().preconditioner_rho
        arrays = {
            prefix + name: fields.gather(vec.array_r, name)
            for prefix, vec in self._states().items()
            for name in fields.wholes
        }
        if self._past():
            arrays[PAST_TIMES] = np.array([t for t, _ in self._past()])
        return arrays | {FROZEN: np.full(self._job.problem.rho.size, np.nan) if frozen is None else frozen}

    def _slabs(self) -> Mapping[str, DistributedArray]:
        fields = self._fields
        return {
            prefix + name: held(fields, name, fields.part(vec.array_r, name))[0]
            for prefix, vec in self._states().items()
            for name in fields.slabs
        }

    def _states(self) -> dict[str, PETSc.Vec]:
        """The state and those before it that a multistep method goes on from, by the prefix of their blocks."""
        return {"": self._integrator.state} | {f"{PAST}{i}_": vec for i, (_, vec) in enumerate(self._past(), 1)}

    def _past(self) -> list[tuple[float, PETSc.Vec]]:
        """Earlier states with their times; after a failure that which the run goes back to is none of them."""
        method, t = self._integrator.multistep, self._position().t
        return [] if method is None else [(s, vec) for s, vec in zip(method.times, method.past, strict=False) if s < t]

    def _restore(self, point: Checkpoint) -> None:
        """Set state and position from a checkpoint."""
        fields, integrator, target = self._fields, self._integrator, self._job.target
        frozen = point.array(target, FROZEN, (self._job.problem.rho.size,))
        known = frozen if np.all(np.isfinite(frozen)) else None
        integrator.restore(Position(point.t, point.number, point.step, point.longest_step, known))
        if integrator.multistep is not None:
            integrator.multistep.begin_after(integrator.state, point.past_times(target))
        for prefix, vec in self._states().items():
            values = {name: point.array(target, prefix + name, fields.whole(name).shape) for name in fields.wholes}
            slabs = {name: np.empty(fields.slab(name).shape) for name in fields.slabs}
            pieces = unfolded if point.is_unfolded else held
            wanted = {prefix + name: pieces(fields, name, a) for name, a in slabs.items()}
            checkpoints.read_blocks(target, point, wanted)
            fields.store(vec.array_w, values | slabs)

    def run(self) -> None:
        """Integrate, and write what there is however it ends."""
        problem, integrator, writer = self._job.problem, self._integrator, self._writer
        complete = False
        if writer is not None:
            warn(self._job.warnings)
        self._signals = Signals()
        try:
            with self._signals:
                integrator.run(problem.end, problem.case.output.snapshots_at, self._monitor, self._alive)
            self._checkpointer.write()
            complete = integrator.ts.getTime() >= problem.end * (1.0 - 1e-9)
            if writer is not None and not complete:
                writer.attributes["ended"] = self._early()
        except SolverError as error:
            raise self._saved(error) from error
        finally:
            self._good.destroy()
            if self._recorder is not None:
                self._recorder.close()
            if writer is not None and writer.series["t"]:
                writer.attributes["wall_seconds"] = self._checkpointer.wall_seconds
                writer.flush(complete=complete)
        if writer is not None and not complete:
            warn([writer.attributes["ended"]])
        if writer is not None and self._job.summary:
            print_summary(writer, integrator, self._checkpointer.wall_seconds, self._job.recorder.conserved)

    def _early(self) -> str:
        """What a run that stands before its end is to be told by."""
        ts, end = self._integrator.ts, self._job.problem.end
        return f"not complete: ended at t = {ts.getTime():g} of {end:g}, step {ts.getStepNumber()} (-ts_max_steps?)"

    def _monitor(self, progress: Progress) -> None:
        self._watch(progress)
        self._integrator.state.copy(self._good)
        self._last = self._integrator.position()
        self._warn(self._watch.warnings)
        if self._recorder is not None:
            self._recorder(progress)
        self._snapshots(progress, self._integrator.state)
        signal = self._signals.pending(self._fields.comm)
        if signal is not None:
            raise self._checkpointer.stop(signal)
        self._checkpointer.write_if_due()

    def _alive(self) -> None:
        if self._recorder is not None:
            self._recorder.alive()

    def _warn(self, warnings: list[str]) -> None:
        """Say what is new among them, and put all in the file."""
        new = [text for text in warnings if text not in self._said]
        self._said.update(new)
        if new and self._writer is not None:
            self._warnings += new
            self._writer.attributes["warnings"] = "\n".join(self._warnings)
            warn(new)

    def _saved(self, error: SolverError) -> SolverError:
        """Go back to the last good state, save it, and say so. Collective."""
        if self._last is None:
            return error  # there is none
        self._good.copy(self._integrator.state)
        self._stood = self._last
        self._checkpointer.write()
        if self._writer is not None:
            self._writer.attributes["ended"] = str(error)
        if self._job.problem.case.output.checkpoint_seconds == 0.0:
            return error
        return type(error)(f"{error}; the state at t = {self._stood.t:g} is saved, --resume goes on from it")
