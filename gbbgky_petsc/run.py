"""`gbbgky run`: integrate the hierarchy of a case and write its result file."""

import json
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np
from petsc4py import PETSc
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

import gbbgky_petsc
from gbbgky_petsc import case as case_file
from gbbgky_petsc.hierarchy import Hierarchy, Measurement
from gbbgky_petsc.integrate import Integrator
from gbbgky_petsc.mesh import Array
from gbbgky_petsc.physics import observables
from gbbgky_petsc.problem import Problem
from gbbgky_petsc.stepping import EXPLICIT_TYPES, Progress, TimeLoop, preset
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


class Recorder:
    """Turns accepted steps into rows of the result file and a progress line; does so on rank 0 only.

    With ``output.series_every`` the rows lie on multiples of it: rho and the absorbed energy are interpolated by
    cubic Hermite polynomials from both ends of a step, the interaction energy follows from dE_int = -dE_kin - dE_abs.
    """

    def __init__(self, problem: Problem, writer: ResultWriter) -> None:
        self._problem, self._writer = problem, writer
        self._every = problem.case.output.series_every
        self._snapshots = sorted(problem.case.output.snapshots_at)
        self._flush = problem.case.output.flush_seconds
        self._last: tuple[float, Measurement] | None = None
        self._written = 0
        self.first: Measurement | None = None
        self._bar = tqdm(
            total=problem.end,
            unit="t",
            mininterval=0.5,
            bar_format="{percentage:3.0f}%|{bar:20}| {postfix} [{elapsed}<{remaining}]",
        )

    def __call__(self, p: Progress) -> None:
        m = p.measurement
        if self.first is None:
            self.first = m
        if self._every is None or self._last is None:
            self._row(p.t, p.step, m.rho, m.interaction_energy, m.absorbed_energy)
        else:
            self._interpolated_rows(p)
        while self._snapshots and p.t >= self._snapshots[0] * (1.0 - 1e-12):
            self._writer.add_snapshot(
                t=p.t, t_rescaled=p.t / self._problem.unit, rho=m.rho, density_correlation=m.density_correlation
            )
            self._snapshots.pop(0)
        drift = self._drift(m, self.first)
        self._bar.set_postfix_str(
            f"t={p.t:.1f} t_bar={p.t / self._problem.unit:.4f} dt={p.step:.3g} "
            f"kurtosis={m.kurtosis:.4f} dE/E={drift:.0e}",
            refresh=False,
        )
        self._bar.update(p.t - self._bar.n)
        self._last = (p.t, m)
        self._writer.flush_if_older(self._flush)

    def _drift(self, now: Measurement, first: Measurement) -> float:
        """Relative change of the energy that the equations conserve."""
        return now.total_energy / first.total_energy - 1.0

    def _interpolated_rows(self, p: Progress) -> None:
        assert self._last is not None and self._every is not None
        t0, a = self._last
        b, step = p.measurement, p.t - t0
        while self._written * self._every <= p.t * (1.0 + 1e-12):
            t = self._written * self._every
            s = (t - t0) / step
            rho = hermite(s, step, a.rho, a.rho_rate, b.rho, b.rho_rate)
            absorbed = hermite(s, step, a.absorbed_energy, a.absorbed_rate, b.absorbed_energy, b.absorbed_rate)
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
        self._written += 1

    def close(self) -> None:
        self._bar.close()


def hermite(s: float, step: float, a: Any, a_rate: Any, b: Any, b_rate: Any) -> Any:
    """Cubic Hermite interpolation at fraction s of a step."""
    return (
        (1 + 2 * s) * (1 - s) ** 2 * a
        + s * (1 - s) ** 2 * step * a_rate
        + s**2 * (3 - 2 * s) * b
        - s**2 * (1 - s) * step * b_rate
    )


def run(problem: Problem, target: Path) -> None:
    """Integrate and write ``target``. Collective.

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
        recorder = Recorder(problem, writer)
    complete = False
    try:
        integrator.run(problem.end, case.output.snapshots_at, recorder or (lambda progress: None))
        complete = integrator.ts.getTime() >= problem.end * (1.0 - 1e-9)
    finally:
        if recorder is not None:
            recorder.close()
        if writer is not None and writer.series["t"]:
            writer.attributes["wall_seconds"] = time.monotonic() - started
            writer.flush(complete=complete)
    if writer is not None:
        print_summary(writer, integrator, time.monotonic() - started)
    report_unused(bool(given_options))
    integrator.destroy()


def report_unused(given: bool) -> None:
    """Have PETSc name the options that nobody read when it finalises: it stays silent by default up to 3.18."""
    options = PETSc.Options()
    if given and not options.hasName("options_left"):
        options["options_left"] = "true"


def print_summary(writer: ResultWriter, integrator: TimeLoop, seconds: float, conserved: str = "total_energy") -> None:
    """A short table of the result; ``conserved`` is the series whose drift is shown."""
    s = writer.series
    table = Table("t", "t_bar", "kurtosis", "E_kin", "E_int", "dE/E")
    rows = np.unique(np.linspace(0, len(s["t"]) - 1, 7).round().astype(int))
    for i in rows:
        drift = s[conserved][i] / s[conserved][0] - 1.0
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
