"""`gbbgky kinetic`: integrate the kinetic equation of a case and write its result file."""

import dataclasses
import time
from pathlib import Path

import numpy as np
from petsc4py import PETSc
from rich.table import Table

from gbbgky_petsc import case as case_file
from gbbgky_petsc.collisions import CollisionIntegral, ThreeBodyIntegral
from gbbgky_petsc.collisions.spectrum import Spectrum, spectrum
from gbbgky_petsc.commands.common import console, new_result
from gbbgky_petsc.commands.record import Recorder, print_summary
from gbbgky_petsc.discrete.mesh import Array
from gbbgky_petsc.equations.kinetic import KineticEquation
from gbbgky_petsc.equations.measurement import Measurement
from gbbgky_petsc.errors import InputError, SolverError
from gbbgky_petsc.problem import Problem
from gbbgky_petsc.solvers.integrator import Integrator
from gbbgky_petsc.solvers.options import apply_table, report_unused
from gbbgky_petsc.store.reader import read
from gbbgky_petsc.store.writer import ResultWriter

#: equation that each kind solves, as stored with results
EQUATIONS = {
    "landau": "kinetic equation (9) with the collision integral (10), arXiv:2408.00593",
    "screened": "kinetic equation (9), collision integral (10) with the collective term of (SA.3), arXiv:2408.00593",
    "three_body": "kinetic equation of encounters of three, leading order in V0",
    "full": "kinetic equation (9), collision integral of the stationary state of (SA.3), arXiv:2408.00593",
}


def start_from(problem: Problem, path: Path, at: float) -> tuple[Problem, float]:
    """The problem with the rho of a result's snapshot nearest to ``at``, and the time of that snapshot.

    Raises
    ------
    InputError
        If model or theta-mesh differ, there is no snapshot, or it lies beyond the end of the case.
    """
    result = read(path)
    if not len(result.snapshots["t"]):
        raise InputError(f"--from {path}: holds no snapshots; allowed: a result with output.snapshots_at")
    theirs = case_file.tree_of(result.attributes["case"])["model"]
    ours = problem.case.model.model_dump()
    if theirs != ours:
        raise InputError(f"--from {path}: model is {theirs}; allowed: that of the case, {ours}")
    theta = result.mesh["theta"]
    if theta.shape != problem.mesh.theta.shape or not np.allclose(theta, problem.mesh.theta, rtol=0.0, atol=1e-12):
        raise InputError(
            f"--from {path}: its theta-mesh has {theta.size} points up to {theta[-1]:g}; allowed: that of the case, "
            f"{problem.mesh.theta_points} up to {problem.mesh.theta[-1]:g}"
        )
    times = result.snapshots["t"]
    nearest = int(np.abs(times - min(at, times[-1])).argmin())
    t = float(result.snapshots["t"][nearest])
    if t >= problem.end:
        raise InputError(f"--at {at:g}: the nearest snapshot, t = {t:g}, is not before the end {problem.end:g}")
    return dataclasses.replace(problem, rho=result.snapshots["rho"][nearest]), t


class KineticRecorder(Recorder):
    """A `Recorder` whose conserved energy is the kinetic one: correlations are slaved to rho."""

    conserved = "kinetic_energy"

    def _energies(self, s: float, step: float, a: Measurement, b: Measurement, rho: Array) -> tuple[float, float]:
        return (1.0 - s) * a.interaction_energy + s * b.interaction_energy, 0.0


def collision_integral(problem: Problem) -> CollisionIntegral | ThreeBodyIntegral:
    """The one that the case asks for. Collective.

    Raises
    ------
    InputError, SolverError
    """
    k, what = problem.case.kinetic, (problem.model, problem.potential, problem.mesh)
    if k.kind == "three_body":
        return ThreeBodyIntegral(*what, PETSc.COMM_WORLD, k.tolerance)
    closure = problem.case.hierarchy.closure
    return CollisionIntegral(*what, k.kind, PETSc.COMM_WORLD, k.tolerance, k.staggered, closure)


def run(problem: Problem, target: Path, start: float = 0.0, origin: str = "[state]") -> None:
    """Integrate from ``start`` and write ``target``; ``origin`` says where rho comes from. Collective.

    Raises
    ------
    InputError, SolverError
    """
    options_given = apply_table(problem.case.petsc)
    equation = KineticEquation(collision_integral(problem))
    with Integrator(equation, equation.initial_vector(problem.rho), start, problem.end) as integrator:
        if PETSc.Options().hasName("help"):
            integrator.list_options()
            return
        _integrate(problem, target, equation, integrator, start, origin)
    report_unused(options_given)


def _integrate(
    problem: Problem, target: Path, equation: KineticEquation, integrator: Integrator, start: float, origin: str
) -> None:
    began = time.monotonic()
    case, comm, k = problem.case, equation.comm, problem.case.kinetic
    modes = spectrum(equation.collisions, problem.rho, k.spectrum) if k.spectrum else None
    recorder: KineticRecorder | None = None
    writer: ResultWriter | None = None
    if comm.rank == 0:
        writer = new_result(
            target, problem, EQUATIONS[k.kind], comm.size,
            options=integrator.options.resolved(), petsc=".".join(map(str, PETSc.Sys.getVersion())),
        )  # fmt: skip
        writer.attributes["rho_from"] = origin
        if modes is not None:
            store_spectrum(writer, modes)
            print_spectrum(modes, problem.unit)
        recorder = KineticRecorder(problem, writer, start)
    complete = False
    try:
        integrator.run(problem.end, case.output.snapshots_at, recorder or (lambda progress: None))
        complete = _reached(equation, integrator, problem.end)
    finally:
        if recorder is not None:
            recorder.close()
        if writer is not None and writer.series["t"]:
            writer.attributes["wall_seconds"] = time.monotonic() - began
            writer.flush(complete=complete)
    if writer is not None:
        print_summary(writer, integrator, time.monotonic() - began, conserved="kinetic_energy")


def _reached(equation: KineticEquation, integrator: Integrator, end: float) -> bool:
    """Whether the run reached ``end``.

    Raises
    ------
    SolverError
        If rho stopped being a density.
    """
    rho, t = equation.gather_rho(integrator.state), integrator.ts.getTime()
    if not np.all(np.isfinite(rho)) or rho.min() < -0.05 * rho.max():
        raise SolverError(f"kinetic equation: rho reaches {rho.min():.2g} at t = {t:g}")
    return bool(t >= end * (1.0 - 1e-9))


def store_spectrum(writer: ResultWriter, modes: Spectrum) -> None:
    """Put the spectrum in the result file."""
    writer.extra |= {
        "spectrum/rates": (modes.rates, "1/time", "slowest decay rates around the thermal state of the same energy"),
        "spectrum/modes": (modes.modes, "1", "their modes, maximum 1; axes mode, theta"),
        "spectrum/rho": (modes.rho, "1/(length momentum)", "the thermal state"),
        "spectrum/spread": (modes.spread, "momentum", "root mean square theta of each mode, weight mode^2/rho"),
        "spectrum/kurtosis_rate": (np.array(modes.kurtosis_rate), "1/time", "decay rate of a small kurtosis"),
        "spectrum/beta": (np.array(modes.beta), "1/energy", "inverse temperature of the thermal state"),
    }


def print_spectrum(modes: Spectrum, unit: float) -> None:
    """A table of decay rates."""
    table = Table("mode", "rate", "time", "time / unit", "parity", "rms theta")
    for i, (rate, mode, spread) in enumerate(zip(modes.rates, modes.modes, modes.spread, strict=True), 1):
        parity = "even" if np.abs(mode - mode[::-1]).max() < np.abs(mode + mode[::-1]).max() else "odd"
        table.add_row(str(i), f"{rate:.4e}", f"{1.0 / rate:.1f}", f"{1.0 / rate / unit:.4f}", parity, f"{spread:.2f}")
    rate = modes.kurtosis_rate
    table.add_row("kurtosis", f"{rate:.4e}", f"{1.0 / rate:.1f}", f"{1.0 / rate / unit:.4f}", "even", "")
    out = console()
    out.print(table)
    out.print(f"around the thermal state of beta = {modes.beta:.5f}; the slowest modes live in its tails")
