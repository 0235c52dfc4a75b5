"""`gbbgky md`: molecular dynamics of a case, an ensemble of rings or of clouds in a trap, with error bars."""

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from mpi4py import MPI
from rich.table import Table

from gbbgky_petsc import case as case_file
from gbbgky_petsc import in_space, limits
from gbbgky_petsc import problem as homogeneous
from gbbgky_petsc.arrays import Array
from gbbgky_petsc.case import Case
from gbbgky_petsc.case.inhomogeneous import PlaceStateSection
from gbbgky_petsc.commands.common import console, new_attributes, progress_bar, warn
from gbbgky_petsc.commands.signals import Signals
from gbbgky_petsc.errors import InputError, SolverError, Stopped, printable
from gbbgky_petsc.md.clouds import CloudPlan, plan_of_cloud
from gbbgky_petsc.md.domains import Domain
from gbbgky_petsc.md.ensemble import Batch, Ensemble
from gbbgky_petsc.md.plan import STEP, Plan
from gbbgky_petsc.md.ring import Ring
from gbbgky_petsc.md.rings import RingPlan
from gbbgky_petsc.md.statistics import Summary, summarise, summarise_cloud
from gbbgky_petsc.md.stepper import step_for_tolerance
from gbbgky_petsc.parallel import on_root
from gbbgky_petsc.problem import Problem
from gbbgky_petsc.store.reader import read
from gbbgky_petsc.store.writer import CLOUD, DYNAMICS, ResultWriter, Schema

#: rows of /series unless output.series_every says otherwise
ROWS = 100
#: most realisations per group of ranks and round
ROUND = 64
#: longest time of a round in seconds
ROUND_SECONDS = 10.0
#: energy error per particle, of the kinetic energy: with a warning, and at all
DRIFT = (1e-3, 1e-2)
#: realisations of the trial that md.energy_tolerance makes
TRIALS = 8
#: keys and tables that a resumed run may change
FREE = ("md.realisations", "md.ranks_per_ring", "output.flush_seconds", "hierarchy", "kinetic", "flow", "petsc")


@dataclass(frozen=True)
class Job:
    """An ensemble and how its result is written and shown."""

    case: Case
    plan: Plan
    equations: str
    schema: Schema
    mesh: dict[str, Array]
    attributes: dict[str, Any]
    summarise: Callable[[Plan, Batch], Summary]
    #: columns of the printed table: heading, name in /series, format of the value and of its error
    shown: tuple[tuple[str, str, str, str], ...]


def job(case: Case, folder: Path) -> Job:
    """What a case asks for: clouds where it has a place or a trap, rings otherwise.

    Raises
    ------
    InputError
    """
    if case.space is not None or case.trap is not None or isinstance(case.state, PlaceStateSection):
        return _clouds(case, folder)
    return _rings(homogeneous.build(case, folder))


def output_times(case: Case, end: float) -> tuple[Array, Array]:
    """Times of /series and, among them, those of /snapshots, both from 0 on."""
    snapshots = np.unique([0.0, *case.output.snapshots_at])
    every = case.output.series_every or end / ROWS
    grid = np.append(np.arange(int(end / every * (1.0 + 1e-12)) + 1) * every, end)
    apart = np.abs(grid[:, None] - snapshots).min(axis=1) > 1e-9 * end
    return np.unique(np.concatenate([snapshots, grid[apart]])), snapshots


def _rings(problem: Problem) -> Job:
    settings, mesh = problem.case.md, problem.mesh
    if settings is None:
        raise InputError("md: missing; allowed: a table [md] with particles or ring, and realisations")
    ring = Ring.from_density(problem.state.density, problem.model.contact_length, settings.particles, settings.ring)
    times, snapshots = output_times(problem.case, problem.end)
    modes = settings.structure_cutoff / problem.potential.range * ring.circumference / (2.0 * np.pi)
    kept = settings.realisations * (modes + mesh.theta_points) * len(snapshots)
    limits.check_rods(ring.particles // settings.ranks_per_ring, kept)
    plan = RingPlan(
        settings=settings,
        ring=ring,
        model=problem.model,
        potential=problem.potential,
        times=times.tolist(),
        snapshots=snapshots.tolist(),
        state=problem.state,
        structure_modes=range(1, max(1, int(modes)) + 1),
        theta_edges=np.append(mesh.theta - 0.5 * mesh.theta_weight, mesh.theta[-1] + 0.5 * mesh.theta_weight).tolist(),
    )
    z = mesh.z[np.abs(mesh.z) <= 0.5 * ring.circumference]
    low_pass = settings.low_pass * problem.potential.range

    def statistics(plan: Plan, batch: Batch) -> Summary:
        assert isinstance(plan, RingPlan)
        found = summarise(plan, batch, z.tolist(), low_pass)
        for columns in (found.series, found.snapshots):
            columns["t_rescaled"] = columns["t"] / problem.unit
        return found

    return Job(
        problem.case,
        plan,
        "H = sum p^2/2 + sum over pairs of hard core + V, on a ring; arXiv:2408.00593, Fig. 2",
        DYNAMICS,
        {"theta": mesh.theta, "theta_weights": np.full(mesh.theta_points, mesh.theta_weight), "z": z,
         "k": plan.wavenumbers},
        {"rescaled_time_unit": problem.unit, "low_pass_length": low_pass},
        statistics,
        (
            ("t_bar", "t_rescaled", ".4f", ""),
            ("kurtosis", "kurtosis", ".4f", ".4f"),
            ("E_kin", "kinetic_energy", ".5f", ".5f"),
            ("E_int", "interaction_energy", ".5f", ".5f"),
            ("energy error", "energy_error", ".1e", ".0e"),
            ("rms", "energy_error_rms", ".1e", ""),
        ),
    )  # fmt: skip


def _clouds(case: Case, folder: Path) -> Job:
    place = in_space.build(case, folder)
    plan = plan_of_cloud(place, *output_times(case, place.end))
    if plan.trap.moves and plan.settings.energy_tolerance is not None:
        raise InputError(
            f"md.energy_tolerance = {plan.settings.energy_tolerance:g}: a trap that changes does work on the cloud; "
            "allowed: md.step"
        )

    def statistics(plan: Plan, batch: Batch) -> Summary:
        assert isinstance(plan, CloudPlan)
        return summarise_cloud(plan, batch)

    return Job(
        case,
        plan,
        "H = sum (p^2/2 + U(x, t)) + sum over pairs of hard core + V",
        CLOUD,
        {"theta": plan.theta, "theta_weights": np.full_like(plan.theta, plan.theta_weight), "x": plan.space.x},
        {"rescaled_time_unit": np.inf},  # there is none
        statistics,
        (
            ("centre", "centre", ".4g", ".1g"),
            ("width", "width", ".5g", ".1g"),
            ("kurtosis", "kurtosis", ".3f", ".3f"),
            ("E_kin", "kinetic_energy", ".5g", ".1g"),
            ("E_trap", "trap_energy", ".5g", ".1g"),
            ("E_int", "interaction_energy", ".5g", ".1g"),
            ("energy error", "energy_error", ".1e", ".0e"),
        ),
    )


def _with_chosen_step(plan: Plan, comm: MPI.Comm) -> Plan:
    """The plan with the step that its energy tolerance asks for, from a short trial; the same on every rank."""
    tolerance = plan.settings.energy_tolerance
    if tolerance is None:
        return plan
    ensemble, whole = Ensemble(plan, comm), Domain(plan.ring)
    step = step_for_tolerance([ensemble.rods(whole, r) for r in range(TRIALS)], tolerance, STEP)
    return dataclasses.replace(plan, step=comm.bcast(step))


def simulate(job: Job, target: Path, resume: bool) -> None:
    """Run an ensemble and write ``target``; ``resume`` goes on with the realisations it holds. Collective.

    Raises
    ------
    InputError, SolverError, StorageError, Stopped
    """
    comm, started = MPI.COMM_WORLD, time.monotonic()
    kept, spent = _kept(job, target) if resume else (Batch.empty(job.plan), 0.0)
    ensemble = Ensemble(_with_chosen_step(job.plan, comm), comm)
    record = _Record(job, ensemble, target, kept) if comm.rank == 0 else None

    def save(batch: Batch | None, complete: bool = False, now: bool = False) -> None:
        assert record is not None
        if batch is not None:
            record.add(batch)
        record.write(spent + time.monotonic() - started, complete, now)

    seconds = min(ROUND_SECONDS, job.case.output.flush_seconds)
    try:
        with Signals() as signals:
            for batch in ensemble.batches(ROUND, kept.realisation.tolist(), seconds):
                on_root(comm, partial(save, batch))
                name = signals.pending(comm)
                if name is not None:
                    on_root(comm, partial(save, None, now=True))
                    raise Stopped(
                        f"stopped by {name}, what is finished is saved; the same command with --resume goes on"
                    )
        on_root(comm, partial(save, None, complete=True))
    finally:
        if record is not None:
            record.close()
    if record is not None:
        record.show()


def _kept(job: Job, target: Path) -> tuple[Batch, float]:
    """Realisations that a result file holds already, and the seconds they took."""
    result = read(target)
    if not result.samples:
        raise InputError(f"output {target}: holds no realisations; allowed with --resume: a result of gbbgky md")
    changed = case_file.first_difference(job.case, result.case, FREE)
    if changed:
        raise InputError(changed)
    kept, wanted = Batch.stored(job.plan, result.samples), job.plan.settings.realisations
    if kept.realisation.max() >= wanted:
        most = int(kept.realisation.max()) + 1
        raise InputError(f"md.realisations = {wanted}: {target} holds {most}; allowed: at least as many")
    return kept, float(result.attributes["wall_seconds"])


class _Record:
    """Keeps finished realisations, writes their statistics; on rank 0 only."""

    def __init__(self, job: Job, ensemble: Ensemble, target: Path, kept: Batch) -> None:
        plan = self._plan = ensemble.plan
        self._job, self._batch = job, kept
        attributes = new_attributes(job.case, job.equations, ensemble.comm.size) | job.attributes
        attributes |= {
            "circumference": plan.ring.circumference,
            "particles": plan.ring.particles,
            "md_step": plan.longest_step,
            "md_force": ensemble.force.description,
        }
        self._writer = ResultWriter(target, attributes, job.mesh, job.schema)
        self._bar = progress_bar(plan.settings.realisations, kept.realisation.size)
        self._last = -np.inf
        self._summary: Summary | None = None

    def add(self, batch: Batch) -> None:
        self._batch = Batch.join([self._batch, batch])
        self._bar.update(batch.realisation.size)

    def write(self, seconds: float, complete: bool, now: bool = False) -> None:
        """Write the file if it is due, or ``now``.

        Raises
        ------
        SolverError
            If the energy is not conserved; what was written before stays.
        """
        if not (complete or now) and seconds - self._last < self._job.case.output.flush_seconds:
            return
        self._last = seconds
        found = self._summary = self._job.summarise(self._plan, self._batch)
        writer = self._writer
        self._judge(found.series)
        writer.series, writer.snapshots, writer.samples = found.series, found.snapshots, self._batch.datasets()
        writer.attributes |= {"wall_seconds": seconds, "realisations": found.realisations}
        writer.flush(complete)
        last = {name: values[-1] for name, values in found.series.items()}
        self._bar.set_postfix_str(
            f"{found.realisations} rings, at t={last['t']:g} "
            f"kurtosis={last['kurtosis']:.4f}({last['kurtosis_stderr']:.4f}) energy error {last['energy_error']:.0e}"
        )

    def _judge(self, series: dict[str, Array]) -> None:
        """Hold the energy error against `DRIFT` and against md.energy_tolerance; energy that a trap gives is none."""
        plan = self._plan
        if isinstance(plan, CloudPlan) and plan.trap.moves:
            return
        error = float(series["energy_error_rms"].max())
        share = error / float(series["kinetic_energy"][0])
        text = f"energy is off by {error:.2g}, {share:.1g} of the kinetic energy, at steps of {plan.longest_step:.3g}"
        if not share <= DRIFT[1]:  # NaN too
            raise SolverError(f"{text}; allowed: {DRIFT[1]:g} (a smaller md.step)")
        tolerance = plan.settings.energy_tolerance
        if tolerance is not None and error > 3.0 * tolerance:
            text = f"{text}, md.energy_tolerance is {tolerance:g}"
        elif share <= DRIFT[0]:
            return
        if "warnings" not in self._writer.attributes:
            warn([text])
        self._writer.attributes["warnings"] = text

    def close(self) -> None:
        """End the progress line."""
        self._bar.close()

    def show(self) -> None:
        """Print a short table."""
        assert self._summary is not None
        series, shown = self._summary.series, self._job.shown
        table = Table("t", *(heading for heading, *_ in shown))
        for i in np.unique(np.linspace(0, series["t"].size - 1, 7).round().astype(int)):
            cells = [f"{series['t'][i]:.1f}"]
            for _, name, value, error in shown:
                bar = f"({series[f'{name}_stderr'][i]:{error}})" if error else ""
                cells.append(f"{series[name][i]:{value}}{bar}")
            table.add_row(*cells)
        out = console()
        out.print(table)
        a = self._writer.attributes
        out.print(
            f"{a['realisations']} rings of {a['particles']} rods, step {a['md_step']:.3g}, {a['md_force']}; "
            f"{a['wall_seconds']:.1f} s on {a['ranks']} rank(s); written to {printable(str(self._writer.path))}"
        )
