"""`gbbgky flow`: integrate layer 1 in space and write its result file."""

import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mpi4py import MPI
from petsc4py import PETSc
from rich.table import Table

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.commands import resumption
from gbbgky_petsc.commands.common import console, new_attributes, progress_bar
from gbbgky_petsc.commands.resumption import Resume
from gbbgky_petsc.commands.signals import Signals
from gbbgky_petsc.errors import InputError, SolverError, printable
from gbbgky_petsc.flow.collisions import CollisionStep, local_collisions
from gbbgky_petsc.flow.equation import FlowEquation
from gbbgky_petsc.flow.integrate import FlowIntegrator
from gbbgky_petsc.flow.problem import FlowProblem
from gbbgky_petsc.flow.record import SCHEMA, FlowCheckpoint, add_row, check
from gbbgky_petsc.lifetime import Owner
from gbbgky_petsc.parallel import on_root
from gbbgky_petsc.solvers.options import apply_table, report_unused
from gbbgky_petsc.store.reader import Result
from gbbgky_petsc.store.writer import ResultWriter

EQUATIONS = "layer 1 in space: d rho/dt + d_x(v rho) + d_theta(F rho) = d_x(D d_x rho) + I[rho(., x)]"
#: tables that a resumed run may change
FREE = ("time", "output", "kinetic", "hierarchy", "md", "petsc")
#: rows of /series where the case does not say
ROWS = 200


@dataclass(frozen=True)
class FlowResumption:
    """An earlier part of the same run: its result file and checkpoint."""

    result: Result
    checkpoint: FlowCheckpoint

    @classmethod
    def find(cls, problem: FlowProblem, target: Path, mode: Resume) -> "FlowResumption | None":
        """What ``target`` holds of a run of this problem; None where it starts from its beginning. On one rank.

        Raises
        ------
        InputError
            If there is something else, or (`Resume.MUST`) no such run, no checkpoint, or nothing left to do.
        Finished
            With `Resume.AUTO`, if nothing is left to do.
        """
        found = resumption.earlier(problem.case, target, mode, FREE, FlowCheckpoint.load)
        if found is None:
            return None
        result, point = found
        if not np.allclose(point.initial_rho, problem.rho, rtol=1e-9, atol=1e-12 * np.abs(problem.rho).max()):
            raise InputError(f"output {target}: its run had another initial state (a table has changed)")
        resumption.check_left(problem.case, problem.end, mode, result, point)
        return cls(result, point)

    def restore(self, writer: ResultWriter) -> None:
        """Put the rows that are not younger than the checkpoint into a new writer."""
        result, point = self.result, self.checkpoint
        writer.restore_rows(result.series, result.snapshots, point.series_rows, point.snapshot_rows)
        point.store(writer)


class FlowRun(Owner):
    """A flow from its start, or a checkpoint, to its end, with what it writes. Methods are collective.

    Parameters
    ----------
    problem, target
        What is integrated, and the result file.
    earlier
        The part of the run that is there.
    """

    def __init__(self, problem: FlowProblem, target: Path, earlier: FlowResumption | None) -> None:
        self._began, self._owned = time.monotonic(), ExitStack()
        self._problem, comm = problem, PETSc.COMM_WORLD
        self._equation = self._owned.enter_context(FlowEquation(problem, comm))
        point = earlier.checkpoint if earlier else None
        self._start = float(point.t) if point else 0.0
        self._spent = float(point.wall_seconds) if point else 0.0
        rho = point.rho if point else problem.rho
        self.integrator = self._owned.enter_context(FlowIntegrator(self._equation, rho, self._start))
        operator = local_collisions(problem)
        self._collisions = CollisionStep(operator, self._equation, self.integrator.state) if operator else None
        #: the state of the last row or snapshot, and its time: where a run that fails goes back to
        self._recorded, self._recorded_time = self.integrator.state.copy(), self._start
        self._owned.callback(self._recorded.destroy)
        self._signals = Signals()
        self._bar = progress_bar(problem.end, self._start) if comm.getRank() == 0 else None
        self._writer = self._new_writer(target) if comm.getRank() == 0 else None
        if self._writer is not None and earlier is not None:
            earlier.restore(self._writer)
        self._resumed = earlier is not None
        self._saved = time.monotonic()

    def _new_writer(self, target: Path) -> ResultWriter:
        p = self._problem
        version = ".".join(map(str, PETSc.Sys.getVersion()))
        options = self.integrator.options.resolved()
        attributes = new_attributes(p.case, EQUATIONS, PETSc.COMM_WORLD.getSize(), options, petsc=version)
        attributes["rescaled_time_unit"] = np.inf  # there is none
        mesh = {
            "theta": p.theta,
            "theta_weights": np.full_like(p.theta, p.theta_weight),
            "x": p.space.x,
            "x_weights": np.full_like(p.space.x, p.space.spacing),
        }
        return ResultWriter(target, attributes, mesh, SCHEMA)

    @property
    def wall_seconds(self) -> float:
        """Spent so far, earlier parts included."""
        return self._spent + time.monotonic() - self._began

    def run(self) -> None:
        """Integrate to the end and write the file, also when the run has to stop.

        Raises
        ------
        SolverError, StorageError, Stopped
        """
        complete = False
        try:
            with self._signals:
                self._integrate()
            complete = True
        except SolverError as error:
            raise self._kept(error) from error
        finally:
            if self._bar is not None:
                self._bar.close()
            if self._writer is not None and self._writer.series["t"]:
                self._writer.attributes["wall_seconds"] = self.wall_seconds
                self._writer.flush(complete=complete)

    def _integrate(self) -> None:
        p, t = self._problem, self._start
        rows, snapshots = self._rows(), set(p.case.output.snapshots_at)
        if not self._resumed:
            self._record(t, True, t in snapshots)
        jumps = {s for s in p.external.jumps() if s < p.end}
        for stop in sorted(s for s in rows | snapshots | jumps if s > t):
            self._advance(t, stop)
            t = stop
            self._record(t, t in rows, t in snapshots)
        self._save(t)

    def _rows(self) -> set[float]:
        """Times of rows of /series after the start: multiples of series_every, and the end.

        Those that rounding alone parts from the end or a snapshot are at that time.
        """
        output, end = self._problem.case.output, self._problem.end
        every = output.series_every or end / ROWS
        given = (end, *output.snapshots_at)
        multiples = (every * k for k in range(1, int(end / every * (1.0 + 1e-12)) + 1))
        times = {next((s for s in given if abs(s - t) < 1e-9 * end), t) for t in multiples} | {end}
        return {t for t in times if t > self._start * (1.0 + 1e-12)}

    def _advance(self, t: float, stop: float) -> None:
        """Transport to ``stop``, with collisions half-way through each of their steps (Strang)."""
        advance, collide = self.integrator.advance, self._collisions
        if collide is None:
            advance(stop, self._between)
            return
        number = max(1, int(np.ceil((stop - t) / collide.step - 1e-9)))
        length = (stop - t) / number
        for k in range(number):
            begin, end = t + k * length, stop if k == number - 1 else t + (k + 1) * length
            self._between(begin, self.integrator.ts.getTimeStep())
            advance(begin + 0.5 * length)
            collide(length)
            advance(end)

    def _between(self, t: float, step: float) -> None:
        """Where the run may be left: before a step of transport, or before one of collisions where there are any."""
        bar, comm = self._bar, self._equation.comm
        if bar is not None and t > bar.n:
            bar.set_postfix_str(f"t={t:.4g} dt={step:.3g}", refresh=False)
            bar.update(t - bar.n)
        signal = self._signals.pending(comm)
        if signal is not None:
            self._save(t)
            raise resumption.stopped(signal, t, self._seconds > 0.0)
        due = time.monotonic() - self._saved > self._seconds > 0.0
        if comm.bcast(due):  # the clock of rank 0 decides
            self._save(t)

    def _record(self, t: float, row: bool, snapshot: bool) -> None:
        p, equation, state = self._problem, self._equation, self.integrator.state
        m = equation.measure(state, t)
        if row and self._writer is not None:
            add_row(self._writer, t, self.integrator.ts.getTimeStep(), m)
        if snapshot:
            profiles, rho = equation.profiles(state), equation.gather(state)
            if self._writer is not None and rho is not None:
                self._writer.add_snapshot(t=t, rho=rho, **profiles)
        state.copy(self._recorded)
        self._recorded_time = t
        check(p, t, m)
        if self._writer is not None:
            self._writer.flush_if_older(p.case.output.flush_seconds)

    @property
    def _seconds(self) -> float:
        """Between checkpoints; 0 for none."""
        return self._problem.case.output.checkpoint_seconds

    def _save(self, t: float) -> None:
        """Write a checkpoint, unless the case wants none."""
        if self._seconds == 0.0:
            return
        rho = self._equation.gather(self.integrator.state)
        on_root(self._equation.comm, lambda: self._write(t, rho))
        self._saved = time.monotonic()

    def _write(self, t: float, rho: Array | None) -> None:
        assert self._writer is not None and rho is not None
        rows, snapshots = len(self._writer.series["t"]), len(self._writer.snapshots["t"])
        FlowCheckpoint(t, self.wall_seconds, rows, snapshots, rho, self._problem.rho).store(self._writer)
        self._writer.flush(complete=False)

    def _kept(self, error: SolverError) -> SolverError:
        """Go back to the state of the last row or snapshot, save it, and say so. Collective."""
        if self._writer is not None:
            self._writer.attributes["ended"] = str(error)
        if self._seconds == 0.0:
            return error
        self._recorded.copy(self.integrator.state)
        self._save(self._recorded_time)
        return type(error)(f"{error}; the state at t = {self._recorded_time:g} is saved")

    def print_summary(self) -> None:
        """A short table of the result, on rank 0."""
        if self._writer is None:
            return
        s = self._writer.series
        table = Table("t", "number", "E", "dE/E", "dS/S", "width", "rms theta", "negative")
        for i in np.unique(np.linspace(0, len(s["t"]) - 1, 7).round().astype(int)):
            table.add_row(
                f"{s['t'][i]:.4g}",
                f"{s['number'][i]:.8g}",
                f"{s['total_energy'][i]:.6g}",
                f"{s['total_energy'][i] / s['total_energy'][0] - 1.0:.1e}",
                f"{s['entropy'][i] / s['entropy'][0] - 1.0:.1e}",
                f"{s['width'][i]:.4g}",
                f"{s['rapidity_width'][i]:.4g}",
                f"{s['negative'][i]:.1e}",
            )
        out = console()
        out.print(table)
        out.print(
            f"{self.integrator.steps} steps, {self.wall_seconds:.1f} s on {self._writer.attributes['ranks']} rank(s); "
            f"written to {printable(str(self._writer.path))}"
        )

    def release(self) -> None:
        self._owned.close()


def run(problem: FlowProblem, target: Path, mode: Resume = Resume.NO) -> None:
    """Integrate and write ``target``, going on from an earlier part of the run as ``mode`` says. Collective.

    Raises
    ------
    InputError, SolverError, StorageError, Stopped
    """
    earlier = on_root(MPI.COMM_WORLD, lambda: FlowResumption.find(problem, target, mode))
    options_given = apply_table(problem.case.petsc)
    with FlowRun(problem, target, earlier) as flow:
        if not PETSc.Options().hasName("help"):
            flow.run()
            flow.print_summary()
    report_unused(options_given)
