"""`gbbgky md`: molecular dynamics of a case, an ensemble of rings with error bars."""

import dataclasses
import time
from pathlib import Path

import numpy as np
from mpi4py import MPI
from rich.table import Table

from gbbgky_petsc import case as case_file
from gbbgky_petsc.case import Case
from gbbgky_petsc.commands.common import console, new_result, progress_bar
from gbbgky_petsc.discrete.mesh import Array
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.md.domains import Domain
from gbbgky_petsc.md.ensemble import Batch, Ensemble
from gbbgky_petsc.md.plan import STEP, Plan
from gbbgky_petsc.md.ring import Ring
from gbbgky_petsc.md.statistics import Summary, summarise
from gbbgky_petsc.md.stepper import step_for_tolerance
from gbbgky_petsc.problem import Problem
from gbbgky_petsc.store.reader import read
from gbbgky_petsc.store.writer import DYNAMICS

EQUATIONS = "H = sum p^2/2 + sum over pairs of hard core + V, on a ring; arXiv:2408.00593, Fig. 2"
#: rows of /series unless output.series_every says otherwise
ROWS = 100
#: most realisations per group of ranks and round
ROUND = 64
#: longest time of a round in seconds
ROUND_SECONDS = 10.0
#: realisations of the trial that md.energy_tolerance makes
TRIALS = 8
#: keys and tables that a resumed run may change
FREE = ("md.realisations", "md.ranks_per_ring", "output.flush_seconds", "hierarchy", "kinetic", "petsc")


def output_times(case: Case, end: float) -> tuple[Array, Array]:
    """Times of /series and, among them, those of /snapshots, both from 0 on."""
    snapshots = np.unique([0.0, *case.output.snapshots_at])
    every = case.output.series_every or end / ROWS
    grid = np.append(np.arange(int(end / every * (1.0 + 1e-12)) + 1) * every, end)
    apart = np.abs(grid[:, None] - snapshots).min(axis=1) > 1e-9 * end
    return np.unique(np.concatenate([snapshots, grid[apart]])), snapshots


def plan_of(problem: Problem) -> Plan:
    """The ensemble that a case asks for.

    Raises
    ------
    InputError
    """
    settings = problem.case.md
    if settings is None:
        raise InputError("md: missing; allowed: a table [md] with particles or ring, and realisations")
    ring = Ring.from_density(problem.state.density, problem.model.contact_length, settings.particles, settings.ring)
    times, snapshots = output_times(problem.case, problem.end)
    theta, weight = problem.mesh.theta, problem.mesh.theta_weight
    modes = settings.structure_cutoff / problem.potential.range * ring.circumference / (2.0 * np.pi)
    return Plan(
        settings,
        ring,
        problem.state,
        problem.model,
        problem.potential,
        times.tolist(),
        snapshots.tolist(),
        structure_modes=range(1, max(1, int(modes)) + 1),
        theta_edges=np.append(theta - 0.5 * weight, theta[-1] + 0.5 * weight).tolist(),
    )


def _with_chosen_step(plan: Plan, comm: MPI.Comm) -> Plan:
    """The plan with the step that its energy tolerance asks for, from a short trial; the same on every rank."""
    tolerance = plan.settings.energy_tolerance
    if tolerance is None:
        return plan
    ensemble, whole = Ensemble(plan, comm), Domain(plan.ring)
    step = step_for_tolerance([ensemble.rods(r, whole) for r in range(TRIALS)], tolerance, STEP)
    return dataclasses.replace(plan, step=comm.bcast(step))


def simulate(problem: Problem, target: Path, resume: bool) -> None:
    """Run the ensemble of a case and write ``target``; ``resume`` goes on with the realisations it holds. Collective.

    Raises
    ------
    InputError
    """
    comm, started = MPI.COMM_WORLD, time.monotonic()
    plan = plan_of(problem)
    kept, spent = _kept(problem.case, plan, target) if resume else (Batch.empty(plan), 0.0)
    ensemble = Ensemble(_with_chosen_step(plan, comm), comm)
    record = _Record(problem, ensemble, target, kept) if comm.rank == 0 else None
    for batch in ensemble.batches(
        ROUND, kept.realisation.tolist(), min(ROUND_SECONDS, problem.case.output.flush_seconds)
    ):
        if record is not None:
            record.add(batch)
            record.write(spent + time.monotonic() - started, complete=False)
    if record is not None:
        record.write(spent + time.monotonic() - started, complete=True)
        record.close()


def _kept(case: Case, plan: Plan, target: Path) -> tuple[Batch, float]:
    """Realisations that a result file holds already, and the seconds they took."""
    result = read(target)
    if not result.samples:
        raise InputError(f"output {target}: holds no realisations; allowed with --resume: a result of gbbgky md")
    stored = result.case
    changed = case_file.first_difference(case, stored, FREE)
    if changed:
        raise InputError(changed)
    kept, wanted = Batch.stored(result.samples), plan.settings.realisations
    if kept.realisation.max() >= wanted:
        most = int(kept.realisation.max()) + 1
        raise InputError(f"md.realisations = {wanted}: {target} holds {most}; allowed: at least as many")
    return kept, float(result.attributes["wall_seconds"])


class _Record:
    """Keeps finished realisations, writes their statistics; on rank 0 only."""

    def __init__(self, problem: Problem, ensemble: Ensemble, target: Path, kept: Batch) -> None:
        plan = self._plan = ensemble.plan
        self._problem, self._batch = problem, kept
        self._z = problem.mesh.z[np.abs(problem.mesh.z) <= 0.5 * plan.ring.circumference]
        self._filter = plan.settings.low_pass * problem.potential.range
        self._writer = new_result(target, problem, EQUATIONS, ensemble.comm.size, DYNAMICS)
        self._writer.mesh |= {"z": self._z, "k": plan.wavenumbers}
        self._writer.attributes |= {
            "circumference": plan.ring.circumference,
            "particles": plan.ring.particles,
            "md_step": plan.longest_step,
            "md_force": ensemble.force.description,
            "low_pass_length": self._filter,
        }
        self._bar = progress_bar(plan.settings.realisations, "ring", kept.realisation.size)
        self._last = -np.inf
        self._summary: Summary | None = None

    def add(self, batch: Batch) -> None:
        self._batch = Batch.join([self._batch, batch])
        self._bar.update(batch.realisation.size)

    def write(self, seconds: float, complete: bool) -> None:
        """Write the file if it is due."""
        if not complete and seconds - self._last < self._problem.case.output.flush_seconds:
            return
        self._last = seconds
        found = self._summary = summarise(self._plan, self._batch, self._z.tolist(), self._filter)
        writer = self._writer
        writer.series, writer.snapshots = (
            columns | {"t_rescaled": columns["t"] / self._problem.unit} for columns in (found.series, found.snapshots)
        )
        writer.samples = self._batch.datasets()
        writer.attributes |= {"wall_seconds": seconds, "realisations": found.realisations}
        writer.flush(complete)
        last = {name: values[-1] for name, values in found.series.items()}
        self._bar.set_postfix_str(
            f"{found.realisations} rings, at t={last['t']:g} "
            f"kurtosis={last['kurtosis']:.4f}({last['kurtosis_stderr']:.4f}) energy error {last['energy_error']:.0e}"
        )

    def close(self) -> None:
        """End the progress line and print a short table."""
        self._bar.close()
        assert self._summary is not None
        series = self._summary.series
        table = Table("t", "t_bar", "kurtosis", "E_kin", "E_int", "energy error", "rms")
        for i in np.unique(np.linspace(0, series["t"].size - 1, 7).round().astype(int)):
            row = {name: values[i] for name, values in series.items()}
            table.add_row(
                f"{row['t']:.1f}",
                f"{row['t'] / self._problem.unit:.4f}",
                *(
                    f"{row[name]:.{digits}}({row[f'{name}_stderr']:.{error}})"
                    for name, digits, error in (
                        ("kurtosis", "4f", "4f"),
                        ("kinetic_energy", "5f", "5f"),
                        ("interaction_energy", "5f", "5f"),
                        ("energy_error", "1e", "0e"),
                    )
                ),
                f"{row['energy_error_rms']:.1e}",
            )
        out = console()
        out.print(table)
        a = self._writer.attributes
        out.print(
            f"{a['realisations']} rings of {a['particles']} rods, step {a['md_step']:.3g}, {a['md_force']}; "
            f"{a['wall_seconds']:.1f} s on {a['ranks']} rank(s); written to {self._writer.path}"
        )
