"""`gbbgky run`: integrate the hierarchy of a case and write its result file."""

import json
import platform
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from petsc4py import PETSc
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

import gbbgky_petsc
from gbbgky_petsc import case as case_file
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.hierarchy import Hierarchy, Measurement
from gbbgky_petsc.integrate import EXPLICIT_TYPES, Integrator, Position, Progress, preset
from gbbgky_petsc.mesh import Array
from gbbgky_petsc.physics import observables
from gbbgky_petsc.problem import Problem
from gbbgky_petsc.store import checkpoint as checkpoints
from gbbgky_petsc.store.checkpoint import Checkpoint
from gbbgky_petsc.store.reader import Result, read
from gbbgky_petsc.store.writer import ResultWriter


def versions() -> dict[str, str]:
    """Versions that a result depends on."""
    import mpi4py
    import scipy

    return {
        "gbbgky_petsc": gbbgky_petsc.__version__,
        "petsc": ".".join(map(str, PETSc.Sys.getVersion())),
        "mpi4py": mpi4py.__version__,
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "python": platform.python_version(),
    }


def apply_petsc_table(case: case_file.Case) -> None:
    """Put the case's [petsc] options in the database, behind those of the command line."""
    options = PETSc.Options()
    for key, value in case.petsc.items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        preset(options, key.lstrip("-"), text)


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
        stored = case_file.parse(case_file.tree_of(result.attributes["case"]))
        difference = case_file.first_difference(problem.case, stored)
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

    @property
    def position(self) -> Position:
        point = self.checkpoint
        return Position(point.t, point.number, point.step, point.longest_step, point.one_body, point.preconditioner_rho)


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
        integrator: Integrator,
        writer: ResultWriter | None,
        spent: float,
        number: int | None,
    ) -> None:
        self._problem, self._target, self._integrator, self._writer = problem, target, integrator, writer
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
        if self._integrator.hierarchy.fields.comm.bcast(due):  # the clock of rank 0 decides
            self.write()

    def write(self) -> None:
        """Write g, then the result file that names it, then remove older ones."""
        integrator, fields = self._integrator, self._integrator.hierarchy.fields
        position = integrator.position()
        if self._seconds == 0.0 or position.number == self._number:
            return
        pair = fields.pair(integrator.state.array_r)
        checkpoints.write_pair(checkpoints.pair_path(self._target, position.number), fields, pair)
        if self._writer is not None:
            self._writer.checkpoint = Checkpoint(
                t=position.t,
                number=position.number,
                step=position.step,
                longest_step=position.longest_step,
                series_rows=len(self._writer.series["t"]),
                snapshot_rows=len(self._writer.snapshots["t"]),
                wall_seconds=self.wall_seconds,
                one_body=position.one_body,
                preconditioner_rho=position.preconditioner_rho,
                **_fingerprint(self._problem),
            )
            self._writer.flush(complete=False)
            checkpoints.remove_others(self._target, position.number)
        self._number, self._last = position.number, time.monotonic()


class Recorder:
    """Turns accepted steps into rows of the result file and a progress line; does so on rank 0 only.

    With ``output.series_every`` the rows lie on multiples of it: rho and the absorbed energy are interpolated by
    cubic Hermite polynomials from both ends of a step, the interaction energy follows from dE_int = -dE_kin - dE_abs.
    A run that goes on from time ``start`` adds to the rows that are there.
    """

    def __init__(self, problem: Problem, writer: ResultWriter, start: float | None = None) -> None:
        self._problem, self._writer = problem, writer
        self._every = problem.case.output.series_every
        self._resumed = start is not None
        self._snapshots = sorted(t for t in problem.case.output.snapshots_at if start is None or t > start)
        self._flush = problem.case.output.flush_seconds
        self._last: tuple[float, Measurement] | None = None
        #: number of the next row, where rows lie on multiples
        self._next = 0 if start is None or self._every is None else int(start / self._every * (1.0 + 1e-12)) + 1
        self._first_energy: float | None = None if start is None else writer.series["total_energy"][0]
        self._bar = tqdm(
            total=problem.end,
            initial=start or 0.0,
            unit="t",
            mininterval=0.5,
            bar_format="{percentage:3.0f}%|{bar:20}| {postfix} [{elapsed}<{remaining}]",
        )

    def __call__(self, p: Progress) -> None:
        m = p.measurement
        if self._first_energy is None:
            self._first_energy = m.total_energy
        if self._last is None and self._resumed:
            pass  # the row at the start of this part is there
        elif self._every is None or self._last is None:
            self._row(p.t, p.step, m.rho, m.interaction_energy, m.absorbed_energy)
        else:
            self._interpolated_rows(p)
        while self._snapshots and p.t >= self._snapshots[0] * (1.0 - 1e-12):
            self._writer.add_snapshot(
                t=p.t, t_rescaled=p.t / self._problem.unit, rho=m.rho, density_correlation=m.density_correlation
            )
            self._snapshots.pop(0)
        drift = m.total_energy / self._first_energy - 1.0
        self._bar.set_postfix_str(
            f"t={p.t:.1f} t_bar={p.t / self._problem.unit:.4f} dt={p.step:.3g} "
            f"kurtosis={m.kurtosis:.4f} dE/E={drift:.0e}",
            refresh=False,
        )
        self._bar.update(p.t - self._bar.n)
        self._last = (p.t, m)
        self._writer.flush_if_older(self._flush)

    def _interpolated_rows(self, p: Progress) -> None:
        assert self._last is not None and self._every is not None
        t0, a = self._last
        b, step = p.measurement, p.t - t0
        while self._next * self._every <= p.t * (1.0 + 1e-12):
            t = self._next * self._every
            s = (t - t0) / step
            rho = _hermite(s, step, a.rho, a.rho_rate, b.rho, b.rho_rate)
            absorbed = _hermite(s, step, a.absorbed_energy, a.absorbed_rate, b.absorbed_energy, b.absorbed_rate)
            kinetic = observables.kinetic_energy(self._problem.model, self._problem.mesh.theta, rho)
            total = a.total_energy + s * (b.total_energy - a.total_energy)
            self._row(t, p.step, rho, total - kinetic - float(absorbed), float(absorbed))

    def _row(self, t: float, step: float, rho: Array, interaction: float, absorbed: float) -> None:
        theta, weight = self._problem.mesh.theta, self._problem.mesh.theta_weight
        kinetic = observables.kinetic_energy(self._problem.model, theta, rho)
        self._writer.add_series(
            t=t,
            t_rescaled=t / self._problem.unit,
            kurtosis=observables.kurtosis(theta, rho),
            density=weight * float(rho.sum()),
            momentum=observables.momentum(theta, rho),
            kinetic_energy=kinetic,
            interaction_energy=interaction,
            absorbed_energy=absorbed,
            total_energy=kinetic + interaction + absorbed,
            step=step,
        )
        self._next += 1

    def close(self) -> None:
        self._bar.close()


def _hermite(s: float, step: float, a: Any, a_rate: Any, b: Any, b_rate: Any) -> Any:
    """Cubic Hermite interpolation at fraction s of a step."""
    return (
        (1 + 2 * s) * (1 - s) ** 2 * a
        + s * (1 - s) ** 2 * step * a_rate
        + s**2 * (3 - 2 * s) * b
        - s**2 * (1 - s) * step * b_rate
    )


def run(problem: Problem, target: Path, earlier: Resumption | None = None) -> None:
    """Integrate and write ``target``, going on from an ``earlier`` part of the run if given. Collective.

    Raises
    ------
    InputError, SolverError
    """
    started = time.monotonic()
    case, comm = problem.case, PETSc.COMM_WORLD
    given_options = PETSc.Options().getAll()
    apply_petsc_table(case)
    given_options |= case.petsc
    h = case.hierarchy
    hierarchy = Hierarchy(
        problem.mesh, problem.model, problem.potential, problem.rho, h.order, h.closure, tuple(h.explicit), comm
    )
    integrator = Integrator(hierarchy)
    if PETSc.Options().hasName("help"):
        if integrator.type not in EXPLICIT_TYPES:
            integrator.ts.getSNES().setUp()
        return
    if earlier is not None:
        path = checkpoints.pair_path(target, earlier.checkpoint.number)
        integrator.restore(earlier.position, checkpoints.read_pair(path, hierarchy.fields))
    recorder: Recorder | None = None
    writer: ResultWriter | None = None
    if comm.getRank() == 0:
        mesh = problem.mesh
        attributes = {
            "case": case_file.resolved(case),
            "petsc_options": json.dumps(PETSc.Options().getAll()),
            "versions": json.dumps(versions()),
            "ranks": comm.getSize(),
            "rescaled_time_unit": problem.unit,
            "equations": "layers 1 and 2 of the generalised BBGKY hierarchy, arXiv:2408.00593 (SA.2), (SA.3)",
        }
        grid = {"theta": mesh.theta, "theta_weights": np.full(mesh.theta_points, mesh.theta_weight), "z": mesh.z}
        writer = ResultWriter(target, attributes, grid)
        if earlier is None:
            checkpoints.remove_others(target, None)  # those of a result that --force overwrites
        else:
            writer.restore(earlier.result.series, earlier.result.snapshots, earlier.checkpoint)
        recorder = Recorder(problem, writer, earlier.checkpoint.t if earlier else None)
    spent = time.monotonic() - started + (earlier.checkpoint.wall_seconds if earlier else 0.0)
    number = earlier.checkpoint.number if earlier else None
    checkpointer = Checkpointer(problem, target, integrator, writer, spent, number)

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
    report_unused(bool(given_options))
    integrator.destroy()


def report_unused(given: bool) -> None:
    """Have PETSc name the options that nobody read when it finalises: it stays silent by default up to 3.18."""
    options = PETSc.Options()
    if given and not options.hasName("options_left"):
        options["options_left"] = "true"


def print_summary(writer: ResultWriter, integrator: Integrator, seconds: float) -> None:
    """A short table of the result."""
    s = writer.series
    table = Table("t", "t_bar", "kurtosis", "E_kin", "E_int", "dE/E")
    rows = np.unique(np.linspace(0, len(s["t"]) - 1, 7).round().astype(int))
    for i in rows:
        drift = s["total_energy"][i] / s["total_energy"][0] - 1.0
        table.add_row(
            f"{s['t'][i]:.1f}",
            f"{s['t_rescaled'][i]:.4f}",
            f"{s['kurtosis'][i]:.4f}",
            f"{s['kinetic_energy'][i]:.5f}",
            f"{s['interaction_energy'][i]:.5f}",
            f"{drift:.1e}",
        )
    console = Console(highlight=False)
    console.print(table)
    ts = integrator.ts
    console.print(
        f"{ts.getStepNumber()} steps ({ts.getStepRejections()} rejected), {ts.getKSPIterations()} Krylov iterations, "
        f"{seconds:.1f} s on {writer.attributes['ranks']} rank(s); written to {writer.path}"
    )
