"""`gbbgky md`: molecular dynamics of a case, an ensemble of rings with error bars."""

import dataclasses
import time
from pathlib import Path

import numpy as np
from mpi4py import MPI
from rich.table import Table

from gbbgky_petsc import case as case_file
from gbbgky_petsc.case import Case, MolecularDynamics
from gbbgky_petsc.commands.common import console, new_result, progress_bar
from gbbgky_petsc.discrete.mesh import Array
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.md.ensemble import Batch, Ensemble, EnsembleResult, Equilibration, Plan, summarise
from gbbgky_petsc.md.forces import FourierForce, MeshForce
from gbbgky_petsc.md.rods import Ring
from gbbgky_petsc.md.stepper import step_for_tolerance
from gbbgky_petsc.problem import Problem
from gbbgky_petsc.store.reader import read
from gbbgky_petsc.store.writer import DYNAMICS

EQUATIONS = "H = sum p^2/2 + sum over pairs of hard core + V, on a ring; arXiv:2408.00593, Fig. 2"
#: step unless md.step or md.energy_tolerance says otherwise
STEP = 0.1
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


def plan_of(problem: Problem) -> tuple[Plan, MolecularDynamics]:
    """The ensemble that a case asks for.

    Raises
    ------
    InputError
    """
    md = problem.case.md
    if md is None:
        raise InputError("md: missing; allowed: a table [md] with particles or ring, and realisations")
    ring = Ring.from_density(problem.state.density, problem.model.contact_length, md.particles, md.ring)
    times, snapshots = output_times(problem.case, problem.end)
    theta, weight = problem.mesh.theta, problem.mesh.theta_weight
    modes = max(1, int(md.structure_cutoff / problem.potential.range * ring.circumference / (2.0 * np.pi)))
    plan = Plan(
        ring,
        problem.state,
        problem.model,
        problem.potential,
        times.tolist(),
        md.realisations,
        md.seed,
        md.step or STEP,
        md.integrator,
        md.ranks_per_ring,
        range(1, modes + 1),
        np.append(theta - 0.5 * weight, theta[-1] + 0.5 * weight).tolist(),
        md.force_tolerance,
        Equilibration() if md.equilibrate else None,
        snapshots.tolist(),
    )
    return plan, md


def _with_chosen_step(plan: Plan, md: MolecularDynamics, comm: MPI.Comm) -> Plan:
    """The plan with the step that its energy tolerance asks for, from a short trial; the same on every rank."""
    if md.energy_tolerance is None:
        return plan
    trial = Ensemble(dataclasses.replace(plan, ranks_per_ring=1), MPI.COMM_SELF)
    if not isinstance(trial.force, FourierForce):
        raise InputError(f"md.energy_tolerance = {md.energy_tolerance:g}: not for so large a ring; allowed: md.step")
    y, v = (np.array(part) for part in zip(*(trial.sample(r) for r in range(TRIALS)), strict=True))
    step = step_for_tolerance(plan.ring, trial.force, y, v, md.energy_tolerance, STEP)
    return dataclasses.replace(plan, step=comm.bcast(step))


def simulate(problem: Problem, target: Path, resume: bool) -> None:
    """Run the ensemble of a case and write ``target``; ``resume`` goes on with the realisations it holds. Collective.

    Raises
    ------
    InputError
    """
    comm, started = MPI.COMM_WORLD, time.monotonic()
    plan, md = plan_of(problem)
    kept, spent = _kept(problem.case, plan, target) if resume else (Batch.empty(plan, []), 0.0)
    plan = _with_chosen_step(plan, md, comm)
    ensemble = Ensemble(plan, comm)
    record = _Record(problem, plan, md, ensemble, target, kept) if comm.rank == 0 else None
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
    kept = Batch(**result.samples)
    wanted = kept.realisation < plan.realisations
    if not wanted.all():
        most = int(kept.realisation.max()) + 1
        raise InputError(f"md.realisations = {plan.realisations}: {target} holds {most}; allowed: at least as many")
    return kept, float(result.attributes["wall_seconds"])


class _Record:
    """Keeps finished realisations, writes their statistics; on rank 0 only."""

    def __init__(
        self, problem: Problem, plan: Plan, md: MolecularDynamics, ensemble: Ensemble, target: Path, kept: Batch
    ) -> None:
        self._problem, self._plan, self._batch = problem, plan, kept
        half = 0.5 * plan.ring.circumference
        self._z = problem.mesh.z[np.abs(problem.mesh.z) <= half]
        self._filter = md.low_pass * problem.potential.range
        k = 2.0 * np.pi / plan.ring.circumference * np.asarray(plan.structure_modes, float)
        self._writer = new_result(target, problem, EQUATIONS, ensemble.comm.size, DYNAMICS)
        self._writer.mesh |= {"z": self._z, "k": k}
        force = ensemble.force
        self._writer.attributes |= {
            "circumference": plan.ring.circumference,
            "particles": plan.ring.particles,
            "md_step": plan.step,
            "md_force": "spline mesh" if isinstance(force, MeshForce) else f"{force.weight.size} modes of the ring",
            "low_pass_length": self._filter,
        }
        self._bar = progress_bar(plan.realisations, "ring", kept.realisation.size)
        self._last = -np.inf
        self._result: EnsembleResult | None = None

    def add(self, batch: Batch) -> None:
        self._batch = Batch.join([self._batch, batch])
        self._bar.update(batch.realisation.size)

    def write(self, seconds: float, complete: bool) -> None:
        """Write the file if it is due."""
        if not complete and seconds - self._last < self._problem.case.output.flush_seconds:
            return
        self._last = seconds
        plan, unit, writer = self._plan, self._problem.unit, self._writer
        r = self._result = summarise(plan, self._batch, self._z.tolist(), self._filter)
        rows = np.ones_like(r.times)
        same = ["kurtosis", "momentum", "kinetic_energy", "total_energy", "energy_error"]
        pairs = {name: name for name in same} | {"interaction_energy": "interaction_change"}
        writer.series = {
            "t": r.times,
            "t_rescaled": r.times / unit,
            "density": plan.ring.density * rows,
            "absorbed_energy": 0.0 * rows,
            "step": plan.step * rows,
            "energy_error_rms": r.energy_error_rms,
            "momentum_drift": r.momentum_drift,
        } | _with_errors(r, pairs)
        writer.snapshots = {"t": r.snapshot_times, "t_rescaled": r.snapshot_times / unit} | _with_errors(
            r,
            {
                "rho": "histogram",
                "density_correlation": "correlation_change",
                "structure": "structure",
                "structure_change": "structure_change",
            },
        )
        writer.samples = {f.name: getattr(self._batch, f.name) for f in dataclasses.fields(Batch)}
        writer.attributes |= {"wall_seconds": seconds, "realisations": r.realisations}
        writer.flush(complete)
        self._bar.set_postfix_str(
            f"{r.realisations} rings, at t={r.times[-1]:g} kurtosis={r.kurtosis[-1]:.4f}({r.kurtosis_stderr[-1]:.4f}) "
            f"energy error {r.energy_error[-1]:.0e}"
        )

    def close(self) -> None:
        """End the progress line and print a short table."""
        self._bar.close()
        r = self._result
        assert r is not None
        table = Table("t", "t_bar", "kurtosis", "E_kin", "E_int", "energy error", "rms")
        for i in np.unique(np.linspace(0, r.times.size - 1, 7).round().astype(int)):
            table.add_row(
                f"{r.times[i]:.1f}",
                f"{r.times[i] / self._problem.unit:.4f}",
                f"{r.kurtosis[i]:.4f}({r.kurtosis_stderr[i]:.4f})",
                f"{r.kinetic_energy[i]:.5f}({r.kinetic_energy_stderr[i]:.5f})",
                f"{r.interaction_change[i]:.5f}({r.interaction_change_stderr[i]:.5f})",
                f"{r.energy_error[i]:.1e}({r.energy_error_stderr[i]:.0e})",
                f"{r.energy_error_rms[i]:.1e}",
            )
        out = console()
        out.print(table)
        a = self._writer.attributes
        out.print(
            f"{r.realisations} rings of {a['particles']} rods, step {a['md_step']:.3g}, {a['md_force']}; "
            f"{a['wall_seconds']:.1f} s on {a['ranks']} rank(s); written to {self._writer.path}"
        )


def _with_errors(result: EnsembleResult, names: dict[str, str]) -> dict[str, Array]:
    """Columns (written name -> name in the result) with their standard errors."""
    columns: dict[str, Array] = {}
    for written, name in names.items():
        columns[written] = getattr(result, name)
        columns[f"{written}_stderr"] = getattr(result, f"{name}_stderr")
    return columns
